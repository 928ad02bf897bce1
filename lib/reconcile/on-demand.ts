/** The comparison as an admin asks for it over HTTP: bounded in time, and only what he names is repaired. */
import { DAY_MS, later, SECOND_MS } from "../clock.ts";
import { mayReconcile, type Asker } from "./books.ts";
import { compare, type CompareOutcome, type Ports as ComparePorts } from "./compare.ts";
import { repair, type Ports as RepairPorts, type Repaired } from "./repair.ts";

/** When nothing else is asked for. */
export const defaultWindowMs = 7 * DAY_MS;
const longestWindowMs = 31 * DAY_MS;

/** The platform gives a request 30 seconds in the worst case; one to Stripe or Airtable may take ten. */
const readingEndsMs = 14 * SECOND_MS;
const repairingEndsMs = 19 * SECOND_MS;

/** @throws Unavailable */
export async function lookNow(
  app: ComparePorts,
  sessionId: string,
  since: string | undefined,
): Promise<CompareOutcome> {
  const by = { kind: "admin", sessionId } as const;
  const from = windowFrom(app.clock(), since);
  if (from === null) return await refuseWindow(app, by);
  return await compare(app, by, from, until(readingEndsMs));
}

export type RepairOutcomes =
  | { readonly kind: "repaired"; readonly findings: { id: string; outcome: NamedOutcome }[] }
  | Exclude<CompareOutcome, { kind: "compared" }>;
type NamedOutcome = Exclude<Repaired["outcome"], "unauthorised" | "not_found"> | "gone";

/** Compares anew: what is not found any more is `gone`. @throws Unavailable */
export async function repairNow(
  app: ComparePorts & RepairPorts,
  sessionId: string,
  since: string | undefined,
  ids: readonly string[],
): Promise<RepairOutcomes> {
  const by = { kind: "admin", sessionId } as const;
  const hasTime = until(repairingEndsMs);
  const from = windowFrom(app.clock(), since);
  if (from === null) return await refuseWindow(app, by);
  const compared = await compare(app, by, from, until(readingEndsMs));
  if (compared.kind !== "compared") return compared;
  const wanted = new Set(ids);
  const repaired = await repair(app, by, compared, (id) => wanted.has(id), hasTime);
  const outcomes = new Map<string, NamedOutcome>();
  for (const { id, outcome } of repaired) {
    // The session ended, or the role was taken away, while we were at work.
    if (outcome === "unauthorised" || outcome === "not_found") return { kind: outcome };
    outcomes.set(id, outcome);
  }
  return {
    kind: "repaired",
    findings: [...wanted].map((id) => ({ id, outcome: outcomes.get(id) ?? "gone" })),
  };
}

/** Null for a window that lies in the future, or is too long for a request. */
function windowFrom(now: Date, since: string | undefined): Date | null {
  const from = since === undefined ? later(now, -defaultWindowMs) : new Date(since);
  return from > now || from < later(now, -longestWindowMs) ? null : from;
}

/** Nobody but an admin learns that there is such a window. */
async function refuseWindow(app: ComparePorts, by: Asker) {
  const may = await mayReconcile(app, by);
  return { kind: may === "ok" ? ("too_long" as const) : may };
}

function until(endMs: number): () => boolean {
  const startedAt = performance.now();
  return () => performance.now() - startedAt < endMs;
}
