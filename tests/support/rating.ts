/** The town's state in Redis, and the rate's rows, for tests that move the clock. */
import { vi } from "vitest";
import { HOUR_MS } from "../../lib/clock.ts";
import { call } from "./call.ts";
import type { World } from "./world.ts";

export type Town = { readonly level?: string; readonly coherence?: string; readonly updatedAt?: string };

/** Writes the hash as its owner does; what isn't given is as it opened, and fresh. */
export async function setTown(world: World, town: Town = {}): Promise<void> {
  const { level = "5.0", coherence = "50", updatedAt = new Date().toISOString() } = town;
  await world.upstash.run(["del", "consciousness:stats"]);
  await world.upstash.run([
    ...(["hset", "consciousness:stats"] as const),
    ...["avg_level", level, "coherence", coherence, "updated_at", updatedAt],
  ]);
}

/** A minute past the next hour: the chain of rates knows no way back. */
export function nextHour(): void {
  vi.setSystemTime(Math.floor(Date.now() / HOUR_MS + 1) * HOUR_MS + 60_000);
}

export async function step(): Promise<{
  readonly step: string;
  readonly microUsdPerDucat: number;
  readonly because: string | null;
}> {
  return (await call("update-rate", { json: {} })).body;
}

export type RateRow = {
  readonly nth: number;
  readonly kind: string;
  readonly rate: number;
  readonly previous: number | null;
  readonly reason: string | null;
  readonly at: Date;
};

export function rateRows(world: World): Promise<RateRow[]> {
  return world.database.rows<RateRow>(
    `select nth, kind, micro_usd_per_ducat::int as rate, previous_micro_usd::int as previous, reason, at
     from rates order by nth`,
  );
}

/** Sets the rate at once, as an admin's override does, and releases it. */
export async function setRate(world: World, microUsdPerDucat: number): Promise<void> {
  await world.database.rows(
    `insert into rates (nth, at, micro_usd_per_ducat, kind, reason, who, previous_nth, previous_at, previous_micro_usd)
     select nth + 1, greatest(at, $2), $1, 'override', 'planted', 'system', nth, at, micro_usd_per_ducat
     from rates order by nth desc limit 1`,
    [microUsdPerDucat, new Date()],
  );
  await world.database.rows(
    `insert into rates (nth, at, micro_usd_per_ducat, kind, who, previous_nth, previous_at, previous_micro_usd)
     select nth + 1, at, micro_usd_per_ducat, 'release', 'system', nth, at, micro_usd_per_ducat
     from rates order by nth desc limit 1`,
  );
}
