/** Cursor lists: newest first, `limit`, `starting_after`, `ending_before`, `created`. */
import { invalid, noSuchIn, onlyOneOf } from "./errors.ts";

export type List<T> = {
  object: "list";
  data: T[];
  has_more: boolean;
  url: string;
};

export type Page = { limit?: number; starting_after?: string; ending_before?: string };

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 100;

/**
 * @param all newest first.
 * @param what the resource's name in the refusal of a cursor that is not there.
 */
export function page<T extends { id: string }>(
  all: readonly T[],
  params: Page,
  url: string,
  what: string,
): List<T> {
  const limit = params.limit ?? DEFAULT_LIMIT;
  if (limit < 1) throw outOfRange("greater than or equal to 1", limit);
  if (limit > MAX_LIMIT) throw outOfRange(`less than or equal to ${MAX_LIMIT}`, limit);
  const { starting_after: after, ending_before: before } = params;
  if (after !== undefined && before !== undefined) throw onlyOneOf("starting_after", "ending_before");
  const list = (data: T[], more: boolean): List<T> => ({ object: "list", data, has_more: more, url });
  if (before !== undefined) {
    const end = indexOf(all, before, "ending_before", what);
    const start = Math.max(0, end - limit);
    return list(all.slice(start, end), start > 0);
  }
  const start = after === undefined ? 0 : indexOf(all, after, "starting_after", what) + 1;
  return list(all.slice(start, start + limit), start + limit < all.length);
}

export type CreatedFilter = number | { gt?: number; gte?: number; lt?: number; lte?: number } | undefined;

export function createdWithin(filter: CreatedFilter): (object: { created: number }) => boolean {
  if (filter === undefined) return () => true;
  if (typeof filter === "number") return ({ created }) => created === filter;
  const { gt = -Infinity, gte = -Infinity, lt = Infinity, lte = Infinity } = filter;
  return ({ created }) => created > gt && created >= gte && created < lt && created <= lte;
}

function indexOf(all: readonly { id: string }[], id: string, param: string, what: string): number {
  const index = all.findIndex((each) => each.id === id);
  if (index < 0) throw noSuchIn(param, what, id);
  return index;
}

function outOfRange(rule: string, limit: number): Error {
  return invalid(`This value must be ${rule} (it currently is '${limit}').`, {
    param: "limit",
    code: "parameter_invalid_integer",
  });
}
