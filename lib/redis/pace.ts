/** Turns in Redis, an interval apart, for whoever asks: one key, which lives until the next turn is free. */
import type { Redis } from "@upstash/redis";
import * as z from "zod";
import type { Core } from "../app.ts";
import { redisClient } from "./client.ts";

export type Turns = {
  /**
   * Reserves the next turn, `notBeforeMs` from now at the earliest, and answers in how many milliseconds it is. One farther
   * away than the patience is not reserved.
   */
  take(intervalMs: number, patienceMs: number, notBeforeMs: number): Promise<Taken>;
  /** No turn for this long, whatever was said before. @throws when Redis doesn't answer. */
  pause(ms: number): Promise<void>;
  /** Whether such a time has begun: for those who wait for a turn that they took before it. Not known is no. */
  isPaused(): Promise<boolean>;
};

export type Taken =
  { readonly kind: "taken"; readonly waitMs: number } | { readonly kind: "away"; readonly cause: unknown };

/**
 * What is left of the key's life is the wait: the time is Redis' own, kept by its expiry. A caller's clock would move its
 * turns by its error; and Upstash wants scripts that don't read the clock (TIME) themselves.
 */
const script = `
local wait = math.max(redis.call("PTTL", KEYS[1]), tonumber(ARGV[3]))
if wait <= tonumber(ARGV[2]) then redis.call("SET", KEYS[1], "turn", "PX", wait + tonumber(ARGV[1])) end
return wait`;

/** @param name part of the key: `cascade:<name>:turn`. */
export function redisTurns({ env, trips }: Core, name: string): Turns {
  const key = `cascade:${name}:turn`;
  async function ask<T>(command: (redis: Redis) => Promise<T>): Promise<T> {
    // Loaded before the time for the answer begins.
    await import("@upstash/redis");
    const redis = await redisClient(env, AbortSignal.timeout(env.REDIS_TIMEOUT_MS));
    trips.count("redis");
    return command(redis);
  }
  return {
    async take(...given) {
      // Whole milliseconds, as expiry counts them; upwards, so that no turn is early.
      const args = given.map((ms) => Math.ceil(ms));
      try {
        const waitMs = z.number().parse(await ask((redis) => redis.eval(script, [key], args)));
        return { kind: "taken", waitMs };
      } catch (cause) {
        return { kind: "away", cause };
      }
    },
    async pause(ms) {
      await ask((redis) => redis.set(key, "pause", { px: ms }));
    },
    isPaused: () =>
      ask((redis) => redis.get(key)).then(
        (value) => value === "pause",
        () => false,
      ),
  };
}
