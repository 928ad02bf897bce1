/** The town's state in Redis: one small read, with patience, since nobody waits for it. */
import * as z from "zod";
import type { Env } from "../env.ts";
import { messageOf } from "../errors.ts";
import type { Trips } from "../trips.ts";
import { redisClient } from "./client.ts";
import type { Consciousness } from "./port.ts";

const key = "consciousness:stats";
/** For each of two tries: a first connection takes longer than the limiter may. */
const timeoutMs = 2_500;

const fields = z.tuple([z.string().nullable(), z.string().nullable(), z.string().nullable()]);

export function redisConsciousness(env: Env, trips: Trips): Consciousness {
  async function ask(): ReturnType<Consciousness["read"]> {
    // Loaded before the time for the answer begins.
    await import("@upstash/redis");
    // As text: the SDK would make floats of it.
    const redis = await redisClient(env, AbortSignal.timeout(timeoutMs), { automaticDeserialization: false });
    trips.count("redis");
    try {
      // Three fields, however large the hash has become.
      const answer: unknown = await redis.hmget(key, "avg_level", "coherence", "updated_at");
      const parsed = fields.safeParse(answer);
      if (!parsed.success) return { kind: "unreadable", cause: parsed.error };
      const [level, coherence, updatedAt] = parsed.data;
      return { kind: "read", level, coherence, updatedAt };
    } catch (cause) {
      return { kind: messageOf(cause).includes("WRONGTYPE") ? "unreadable" : "away", cause };
    }
  }
  return {
    async read() {
      const first = await ask();
      return first.kind === "away" ? await ask() : first;
    },
  };
}
