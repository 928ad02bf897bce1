/** Venice's side of the comparison: the processor's rows that were written to in a time, and its purse. */
import type { App } from "../app.ts";
import type { Millis } from "../money.ts";
import { PROCESSOR } from "../processor.ts";
import type { SeenRow } from "../venice/port.ts";

type Ports = Pick<App, "venice">;

/** Each row once, as it was read last; null when there is no time for all of it. @throws Unavailable */
export async function readRows(
  { venice }: Ports,
  since: Date,
  hasTime: () => boolean,
): Promise<readonly SeenRow[] | null> {
  const rows = new Map<string, SeenRow>();
  let from = since.toISOString();
  while (hasTime()) {
    const { rows: changed, isComplete } = await venice.changedRows(from);
    for (const row of changed) rows.set(row.recordId, row);
    const last = changed.at(-1)?.updatedAt;
    if (isComplete || last === undefined || last === from) return [...rows.values()];
    from = last;
  }
  return null;
}

export async function readPurse({ venice }: Ports): Promise<Millis | undefined> {
  return (await venice.purses([PROCESSOR])).get(PROCESSOR);
}
