/** The game's own way into the base: the same limit as everybody's, within a share of its own. */
import type { Base, RecordJson } from "../base.ts";
import { filterRecords } from "../filter.ts";
import type { Limiter } from "../limiter.ts";
import { createListing } from "../listing.ts";
import { Refusal } from "../refusal.ts";
import type { TableName } from "../schema.ts";

/** @throws Refusal where Airtable refuses, from every method. */
export type Access = {
  list(table: TableName, formula: string, maxRecords?: number): Promise<RecordJson[]>;
  /** One request's records and no more, by Airtable's own parameters. */
  page(table: TableName, parameters: Readonly<Record<string, unknown>>): Promise<RecordJson[]>;
  get(table: TableName, id: string): Promise<RecordJson>;
  create(table: TableName, fields: Readonly<Record<string, unknown>>): Promise<RecordJson>;
  update(table: TableName, id: string, fields: Readonly<Record<string, unknown>>): Promise<void>;
};

export type GameAccess = Access & {
  /** The same share; a request in a penalty is refused, where the game itself waits the penalty out. */
  readonly hasty: Access;
};

const PAGE = 100;

export function createAccess(options: {
  base: Base;
  limiter: Limiter;
  /** Requests a second the game allows itself. */
  share: number;
  wait: (ms: number) => Promise<void>;
  now: () => Date;
}): GameAccess {
  const { base, limiter, share, wait, now } = options;
  const listing = createListing(base, now);
  let spent: number[] = [];

  /** Waits for the share. A refused request is not done: it is tried again after the penalty, or given up. */
  async function request<T>(isHasty: boolean, work: () => T): Promise<T> {
    for (;;) {
      if (isHasty && limiter.isPenalty())
        throw new Refusal(429, "RATE_LIMIT_REACHED", "Rate limit exceeded.");
      // One reading: with one for the share and another for the limit, the clock may tick between them, and the next is early.
      const at = limiter.clockMs();
      const ms = limiter.waitMs(at, share, spent);
      if (ms > 0) {
        await wait(ms);
      } else {
        spent = [...spent, at].slice(-share);
        if (limiter.admit(at)) break;
      }
    }
    // Between two requests others come and go, as over a network.
    await Promise.resolve();
    return work();
  }

  const accessBy = (isHasty: boolean): Access => ({
    async list(name, formula, maxRecords = Number.POSITIVE_INFINITY) {
      const found: RecordJson[] = [];
      let ids: string[] | undefined;
      do {
        await request(isHasty, () => {
          const table = base.table(name);
          ids ??= filterRecords(base, table, formula, now())
            .map((each) => each.id)
            .slice(0, maxRecords);
          const records = ids.splice(0, PAGE).flatMap((id) => table.records.get(id) ?? []);
          found.push(...records.map((each) => base.show(table, each)));
        });
      } while (ids !== undefined && ids.length > 0);
      return found;
    },
    page: (name, parameters) => request(isHasty, () => listing(base.table(name), parameters).records),
    get: (name, id) =>
      request(isHasty, () => {
        const table = base.table(name);
        return base.show(table, base.record(table, id));
      }),
    create: (name, fields) =>
      request(isHasty, () => {
        const table = base.table(name);
        return base.show(table, base.insert(table, base.prepare(table, fields, false)));
      }),
    update: (name, id, fields) =>
      request(isHasty, () => {
        const table = base.table(name);
        const record = base.record(table, id);
        base.write(record, base.prepare(table, fields, false), false);
      }),
  });

  return { ...accessBy(false), hasty: accessBy(true) };
}
