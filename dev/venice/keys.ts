/** Airtable's field names as the game's API writes them: the first letter lower-cased, nothing else. */
import type { RecordJson } from "../airtable/base.ts";

export type Shown = Readonly<Record<string, unknown>>;

export function shown({ fields }: RecordJson): Shown {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name.charAt(0).toLowerCase() + name.slice(1), value]),
  );
}

export function fieldName(key: string): string {
  return key.charAt(0).toUpperCase() + key.slice(1);
}
