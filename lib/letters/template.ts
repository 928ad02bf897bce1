/** A template makes a letter of its stored data; and how the data's times and amounts are written in letters. */
import type * as z from "zod";
import type { Letter } from "./letter.ts";

/** @throws ZodError for data that is none of the kind's: a mistake of ours. */
export type Template = (data: unknown, site: string) => Letter;

export function template<Schema extends z.ZodType>(
  schema: Schema,
  write: (data: z.output<Schema>, site: string) => Letter,
): Template {
  return (data, site) => write(schema.parse(data), site);
}

const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeZone: "UTC" });
const minute = new Intl.DateTimeFormat("en-GB", { timeStyle: "short", timeZone: "UTC" });

/** `20 November 2026, 14:05 UTC`. */
export function printTime(iso: string): string {
  const time = new Date(iso);
  return `${day.format(time)}, ${minute.format(time)} UTC`;
}
