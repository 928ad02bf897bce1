/** Charges a batch of usage events: the limiter's yes, then one call to the books. */
import { createHash } from "node:crypto";
import * as z from "zod";
import { callerColumns, type Caller } from "../account/caller.ts";
import type { App } from "../app.ts";
import { meters } from "../catalog/meters.ts";
import { explorer, tiers } from "../catalog/tiers.ts";
import { DAY_MS, MINUTE_MS } from "../clock.ts";
import { millisColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import { hearLimit, knownLimit } from "./known-limits.ts";
import { millis, type Millis } from "../money.ts";
import type { Counted, Limiter, Verdict } from "../redis/port.ts";

export type UsageEvent = {
  /** The caller's own: the same id is charged once. */
  readonly id: string;
  readonly meter: string;
  readonly units: number;
  /** When it happened; now when left out. */
  readonly at?: string | undefined;
};

export type ChargeResult = {
  readonly id: string;
  readonly outcome: "charged" | "duplicate" | "conflict" | "insufficient" | "rejected";
  /** What the event has cost, once. */
  readonly chargedMillis: Millis;
  readonly reason?: string;
};

export type ChargeOutcome =
  | {
      readonly kind: "judged";
      readonly accountId: string;
      readonly results: ChargeResult[];
      readonly walletMillis: Millis;
      /** The tier's. */
      readonly requestsPerMinute: number;
      /** The key's last use should be written down again (keys.ts). */
      readonly keySeenLongAgo: boolean;
    }
  /** More calls this minute than the tier has: nothing is charged. */
  | { readonly kind: "too_many"; readonly requestsPerMinute: number }
  | { readonly kind: "unauthorised" | "forbidden" };

const mostCalls = Math.max(...tiers.map(({ requestsPerMinute }) => requestsPerMinute));

/** As many as any tier may make. Who is calling, the books know: they hold the count against his own tier's. */
const callsByCaller = { name: "usage", limit: mostCalls, windowSeconds: 60 };

/** Counts this call. Only after its yes may `chargeUsage` be called. */
export async function countUsageCall(limiter: Limiter, caller: Caller, now: Date): Promise<Verdict> {
  const counted = await limiter.take(callsByCaller, subjectOf(caller));
  if (counted.kind !== "allowed") return counted;
  const known = knownLimit(subjectOf(caller), now);
  const verdict = known === undefined ? counted : verdictForTier(counted, known);
  return verdict.kind === "refused" ? verdict : counted;
}

function subjectOf(caller: Caller): string {
  return caller.kind === "key" ? hex(caller.hash) : caller.accountId;
}

/** A yes as the caller's own tier sees it. */
export function verdictForTier(counted: Counted, requestsPerMinute: number): Counted {
  const remaining = requestsPerMinute - callsIn(counted);
  return {
    kind: remaining < 0 ? "refused" : "allowed",
    rule: { ...counted.rule, limit: requestsPerMinute },
    remaining: Math.max(remaining, 0),
    resetAt: counted.resetAt,
  };
}

/** This minute's, this one too. */
function callsIn({ rule, remaining }: Counted): number {
  return rule.limit - remaining;
}

/** A wallet that falls below this is told of by mail, once a day at most. */
const lowBalanceMillis = millis(10_000n);

const tiersJson = JSON.stringify(
  Object.fromEntries(
    tiers.map(({ id, millisPerUnit, requestsPerMinute }) => [
      id,
      { millisPerUnit: Number(millisPerUnit), requestsPerMinute },
    ]),
  ),
);

const chargedColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("unauthorised") }),
  z.object({ kind: z.literal("forbidden") }),
  z.object({ kind: z.literal("too_many"), requestsPerMinute: z.int() }),
  z.object({
    kind: z.literal("judged"),
    requestsPerMinute: z.int(),
    accountId: z.string(),
    walletMillis: millisColumn,
    keySeenLongAgo: z.boolean(),
    results: z.array(
      z.object({
        id: z.string(),
        outcome: z.enum(["charged", "duplicate", "conflict", "insufficient"]),
        chargedMillis: millisColumn,
      }),
    ),
  }),
]);

/**
 * Judges and charges the events in their order, in one statement; results come in the same order.
 * `counted`: the limiter's yes to this call. An event that can never be charged is `rejected` with its reason and doesn't stop the others.
 * @throws Unavailable: charged or not, the same ids can be sent again.
 */
export async function chargeUsage(
  app: Pick<App, "db" | "clock">,
  caller: Caller,
  events: readonly UsageEvent[],
  counted: Counted,
): Promise<ChargeOutcome> {
  const now = app.clock();
  const judged = events.map((event) => ({ event, reason: rejection(event, now) }));
  const offered = judged.flatMap(({ event, reason }) => (reason === null ? [wireEvent(event, now)] : []));
  const { keyHash, sessionId } = callerColumns(caller);
  const { charged } = await app.db.one(
    sql`select charge_usage(${now}::timestamptz, ${keyHash}::bytea, ${sessionId}, ${tiersJson}::jsonb,
      ${lowBalanceMillis}::bigint, ${JSON.stringify(offered)}::jsonb, ${callsIn(counted)}::int) as charged`,
    z.object({ charged: chargedColumn }),
  );
  // Who is nobody, or may not, has as many tries as the cheapest tier.
  const heard = "requestsPerMinute" in charged ? charged.requestsPerMinute : explorer.requestsPerMinute;
  hearLimit(subjectOf(caller), heard, now);
  if (charged.kind !== "judged") return charged;
  const answers = charged.results.values();
  const results = judged.map(({ event, reason }): ChargeResult => {
    if (reason !== null) return { id: event.id, outcome: "rejected", chargedMillis: millis(0n), reason };
    const { value } = answers.next();
    if (value?.id !== event.id) throw new Error("the books answered other events than were sent");
    return value;
  });
  const { accountId, walletMillis, requestsPerMinute, keySeenLongAgo } = charged;
  return { kind: "judged", accountId, results, walletMillis, requestsPerMinute, keySeenLongAgo };
}

/** Far above any honest single event; keeps every product inside what the books can hold. */
const maxUnits = 1_000_000_000;
const oldestMs = 35 * DAY_MS;
const aheadMs = 5 * MINUTE_MS;

function rejection({ meter, units, at }: UsageEvent, now: Date): string | null {
  if (!meters.has(meter)) return `unknown meter; known are ${[...meters.keys()].join(", ")}`;
  if (!Number.isInteger(units) || units < 1 || units > maxUnits)
    return `units must be a whole number from 1 to ${maxUnits}`;
  if (at !== undefined) {
    const ageMs = now.getTime() - new Date(at).getTime();
    if (ageMs > oldestMs) return "at must not be more than 35 days ago";
    if (ageMs < -aheadMs) return "at must not be in the future";
  }
  return null;
}

function wireEvent(event: UsageEvent, now: Date) {
  const { id, meter, units, at } = event;
  const weight = meters.get(meter)?.weight ?? 1n;
  return {
    ...{ id, meter, units },
    weighted: Number(BigInt(units) * weight),
    at: at ?? now.toISOString(),
    hash: hex(
      createHash("sha256")
        .update(JSON.stringify([meter, units, at ?? null]))
        .digest(),
    ),
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
