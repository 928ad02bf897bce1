/** Which values a field takes, and what is stored of them. */
import type { Field } from "./schema.ts";
import { computedField, invalidValue, unknownOption, unparsableDate } from "./refusal.ts";

/** Dates are kept as ISO text; an empty cell is not kept at all. */
export type Cell = string | number | boolean;

const ISO_DATE =
  /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?<zone>Z|[+-]\d{2}:?\d{2})?)?$/;

/** An ISO 8601 date or time, without a zone read as UTC; undefined when it is none. */
export function parseDate(value: string): Date | undefined {
  const match = ISO_DATE.exec(value.trim());
  if (match === null) return undefined;
  const hasTime = value.trim().length > 10;
  const zoned = hasTime && match.groups?.["zone"] === undefined ? `${value.trim()}Z` : value.trim();
  const date = new Date(zoned.replace(" ", "T"));
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/**
 * @param typecast Airtable's best effort: text to numbers, new select options, and so on.
 * @param addOption called with a select option that `typecast` creates.
 * @returns what to store, or undefined for an emptied cell.
 * @throws Refusal where Airtable refuses.
 */
export function readCell(
  name: string,
  field: Field,
  value: unknown,
  typecast: boolean,
  addOption: (option: string) => void,
): Cell | undefined {
  if (field.kind === "createdTime" || field.kind === "lastModifiedTime") throw computedField(name);
  if (value === null || value === undefined) return undefined;
  switch (field.kind) {
    case "text": {
      if (typeof value === "string") return value === "" ? undefined : value;
      if (typecast && (typeof value === "number" || typeof value === "boolean")) return String(value);
      throw invalidValue(name);
    }
    case "number": {
      if (typeof value === "number" && Number.isFinite(value)) return value;
      if (typecast && typeof value === "string") {
        const number = Number(value);
        return value.trim() === "" || !Number.isFinite(number) ? undefined : number;
      }
      throw invalidValue(name);
    }
    case "checkbox": {
      if (typeof value === "boolean") return value ? true : undefined;
      if (typecast && (typeof value === "string" || typeof value === "number")) {
        return ["true", "1", "yes", "checked"].includes(String(value).toLowerCase()) ? true : undefined;
      }
      throw invalidValue(name);
    }
    case "dateTime": {
      if (typeof value !== "string") throw invalidValue(name);
      if (value === "") return undefined;
      const date = parseDate(value);
      if (date !== undefined) return date.toISOString();
      if (typecast) return undefined;
      throw unparsableDate(name, value);
    }
    case "select": {
      if (typeof value !== "string") throw invalidValue(name);
      if (field.options.includes(value)) return value;
      if (typecast) {
        if (value === "") return undefined;
        addOption(value);
        return value;
      }
      throw unknownOption(value);
    }
  }
}
