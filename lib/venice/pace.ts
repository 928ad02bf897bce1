/** Our share of Airtable's requests, one turn after another for all instances: in Redis, in Postgres while Redis is away. */
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import type { Core } from "../app.ts";
import { SECOND_MS, systemClock } from "../clock.ts";
import { sql, type Database } from "../db/port.ts";
import { Unavailable } from "../errors.ts";
import { redisTurns } from "../redis/pace.ts";

/** Longest wait for a turn; a worker is run again, a person is asked to try again. */
const patienceMs = 4 * SECOND_MS;
/**
 * Turns are a tenth farther apart than the share allows: in each second there are 100 ms of room for a request that is longer
 * on its way than the next, and 91 % of the share is left.
 */
const spread = 1.1;
/** Whoever waits asks so long before his turn whether Airtable has refused somebody: above Redis' own time, so that it makes nobody late. */
const askBeforeMs = 250;
/** Later than this is too near to the next but one: another turn, then. */
const latenessMs = 50;

export type Pace = {
  /**
   * Waits for the next turn.
   * @throws Unavailable when there is none within the patience, or when neither Redis nor Postgres can say.
   */
  turn(): Promise<void>;
  /** Airtable refused us: no turn for anybody in this time. */
  pause(ms: number): Promise<void>;
};

/** For one request's app: what it learns of Redis' absence is its own. */
export function createPace(core: Core, db: Database): Pace {
  const { env } = core;
  const redis = redisTurns(core, "airtable");
  const intervalMs = (SECOND_MS / env.AIRTABLE_REQUESTS_PER_SECOND) * spread;
  let fellBack = false;

  /** The turn by `performance.now()`; undefined when Postgres is away, too. The wait is real: so is the clock. */
  async function turnInPostgres(): Promise<number | undefined> {
    const askedAt = performance.now();
    try {
      const { wait } = await db.one(
        sql`select take_turn(${systemClock()}::timestamptz, ${intervalMs}::float8, ${patienceMs}::float8) as wait`,
        z.object({ wait: z.number() }),
      );
      const turn = askedAt + wait;
      // Later than Redis may be, it is somebody else's by now.
      return performance.now() - turn > env.REDIS_TIMEOUT_MS ? undefined : turn;
    } catch (error) {
      if (error instanceof Unavailable) return undefined;
      throw error;
    }
  }

  /** The next turn by `performance.now()`, reserved, and whether Redis said it. */
  async function reserve(): Promise<{ readonly turn: number; readonly byRedis: boolean }> {
    // Whoever fell back takes the next turns in both, Redis' after Postgres', so that Redis learns what Postgres gave.
    let turn = fellBack ? await turnInPostgres() : undefined;
    const askedAt = performance.now();
    const inRedis = await redis.take(intervalMs, patienceMs, Math.max((turn ?? 0) - askedAt, 0));
    if (inRedis.kind === "taken") {
      // Redis has counted from some moment between question and answer.
      turn = (askedAt + performance.now()) / 2 + inRedis.waitMs;
    } else if (!fellBack) {
      fellBack = true;
      turn = await turnInPostgres();
    }
    if (turn === undefined)
      throw new Unavailable("redis", {
        effect: "none",
        cause: inRedis.kind === "away" ? inRedis.cause : undefined,
        message: "no word on our Airtable share",
      });
    const waitMs = turn - performance.now();
    if (waitMs > patienceMs)
      throw new Unavailable("venice", {
        effect: "none",
        retryAfterSeconds: Math.ceil(waitMs / SECOND_MS),
        message: "our Airtable share is used up for now",
      });
    return { turn, byRedis: inRedis.kind === "taken" };
  }

  async function sleepUntil(at: number): Promise<void> {
    const ms = Math.ceil(at - performance.now());
    if (ms > 0) await sleep(ms);
  }

  return {
    async turn() {
      for (;;) {
        const { turn, byRedis } = await reserve();
        if (turn <= performance.now()) return;
        await sleepUntil(turn - askBeforeMs);
        if (byRedis && (await redis.isPaused()))
          throw new Unavailable("venice", { effect: "none", message: "Airtable refused us while we waited" });
        await sleepUntil(turn);
        if (performance.now() - turn <= latenessMs) return;
      }
    },
    async pause(ms) {
      await Promise.allSettled([
        redis.pause(ms),
        db.query(sql`select pause_turns(${systemClock()}::timestamptz, ${ms}::float8)`, z.unknown()),
      ]);
    },
  };
}
