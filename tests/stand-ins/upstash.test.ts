/** The Upstash stand-in through the real SDKs: Redis's refusals, scripts, limits that hold, a Redis that hangs. */
import { Ratelimit } from "@upstash/ratelimit";
import { Redis } from "@upstash/redis";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { startUpstash } from "../../dev/upstash/start.ts";
import type { Upstash } from "../../dev/upstash/start.ts";

let upstash: Upstash;
let instant: Date;

beforeEach(async () => {
  instant = new Date("2026-11-20T12:00:00.000Z");
  upstash = await startUpstash({ now: () => instant });
});

afterEach(async () => {
  vi.useRealTimers();
  await upstash.close();
});

function client(token = upstash.token): Redis {
  return new Redis({ url: upstash.url, token, retry: false, enableTelemetry: false });
}

async function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${upstash.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${upstash.token}`, ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

describe("protocol", () => {
  test("answers a command, and in base64 when asked", async () => {
    expect(await (await post("/", ["SET", "city", "Venèzia"])).json()).toEqual({ result: "OK" });
    expect(await (await post("/", ["get", "city"])).json()).toEqual({ result: "Venèzia" });
    expect(await (await post("/", ["GET", "city"], { "upstash-encoding": "base64" })).json()).toEqual({
      result: Buffer.from("Venèzia").toString("base64"),
    });
  });

  test("the SDK reads strings, numbers, objects and hashes back", async () => {
    const redis = client();
    await redis.set("object", { level: 5.5, name: "Marco" });
    expect(await redis.get("object")).toEqual({ level: 5.5, name: "Marco" });
    await redis.hset("consciousness:stats", { avg_level: 5, coherence: 50 });
    expect(await redis.hgetall("consciousness:stats")).toEqual({ avg_level: 5, coherence: 50 });
    expect(await redis.hgetall("nothing")).toBeNull();
    expect(await redis.get("nothing")).toBeNull();
    expect(await redis.mget("object", "nothing")).toEqual([{ level: 5.5, name: "Marco" }, null]);
    expect(await redis.incrby("count", 4)).toBe(4);
    expect(await redis.set("count", 1, { nx: true })).toBeNull();
    expect(await redis.set("count", 9, { get: true })).toBe(4);
  });

  test.each([["Bearer wrong"], ["Basic dXBzdGFzaA=="], [""]])(
    "401 for authorization '%s'",
    async (authorization) => {
      const response = await post("/", ["PING"], { authorization });
      expect(response.status).toBe(401);
      expect(await response.json()).toEqual({ error: "WRONGPASS invalid or missing auth token" });
    },
  );

  test("a pipeline answers each command for itself, a transaction is refused whole", async () => {
    const pipeline = await post("/pipeline", [["SET", "a", "x"], ["INCR", "a"], ["NOSUCH"], ["GET", "a"]]);
    expect(await pipeline.json()).toEqual([
      { result: "OK" },
      { error: "ERR value is not an integer or out of range" },
      { error: "ERR unknown command 'NOSUCH', with args beginning with: " },
      { result: "x" },
    ]);
    const refused = await post("/multi-exec", [["SET", "a", "y"], ["NOSUCH"]]);
    expect(refused.status).toBe(400);
    expect(await upstash.run(["get", "a"])).toBe("x");
    const redis = client();
    expect(await redis.multi().set("b", 1).incr("b").exec()).toEqual(["OK", 2]);
  });

  test.each([
    [["FOO", "bar"], "ERR unknown command 'FOO', with args beginning with: 'bar' "],
    [["GET"], "ERR wrong number of arguments for 'get' command"],
    [["HSET", "h", "a"], "ERR wrong number of arguments for 'hset' command"],
    [["SET", "k", "v", "BAD"], "ERR syntax error"],
    [["SET", "k", "v", "NX", "XX"], "ERR syntax error"],
    [["SET", "k", "v", "EX", "0"], "ERR invalid expire time in 'set' command"],
    [["INCRBY", "k", "1.5"], "ERR value is not an integer or out of range"],
    [["EXPIRE", "k", "soon"], "ERR value is not an integer or out of range"],
    [["HGET", "text", "f"], "WRONGTYPE Operation against a key holding the wrong kind of value"],
    [["GET", "hash"], "WRONGTYPE Operation against a key holding the wrong kind of value"],
    [["EVALSHA", "0".repeat(40), "0"], "NOSCRIPT No matching script. Please use EVAL."],
    [["EVAL", "return 1", "2", "only"], "ERR Number of keys can't be greater than number of args"],
    [["EVAL", "#!python\nreturn 1", "0"], "ERR Could not find scripting engine 'python'"],
    [["EVAL", "return redis.call('FOO')", "0"], "ERR Unknown Redis command called from script"],
    [["EVAL", "return redis.error_reply('x')", "0"], /^ERR user_script: .*error_reply/],
    [["EVAL", "return {err='ERR mine'}", "0"], "ERR mine"],
  ])("%j is refused in Redis's words", async (command, words) => {
    await upstash.run(["set", "text", "x"]);
    await upstash.run(["hset", "hash", "f", "1"]);
    const response = await post("/", command);
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: string };
    if (typeof words === "string") expect(error).toBe(words);
    else expect(error).toMatch(words);
  });

  test.each([["{"], ['{"command":"GET"}'], ["[]"], ['[["GET","a"]]'], ["[null]"]])(
    "the body %s is no command",
    async (body) => {
      expect((await post("/", body)).status).toBe(400);
    },
  );

  test("other routes are refused", async () => {
    const response = await fetch(`${upstash.url}/get/city`, {
      headers: { authorization: `Bearer ${upstash.token}` },
    });
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({ error: "ERR unsupported request: GET /get/city" });
  });

  test("scripts see nil as false, lists as tables, and give integers", async () => {
    const run = (script: string, ...args: string[]) => upstash.run(["eval", script, ...args]);
    await upstash.run(["hset", "h", "a", "7"]);
    expect(await run("return redis.call('GET', KEYS[1]) == false and 1 or 0", "1", "missing")).toBe(1);
    expect(await run("local v = redis.call('HMGET', 'h', 'a', 'b') return {v[1], v[2], #v}", "0")).toEqual([
      "7",
      null,
      2,
    ]);
    expect(await run("local s = redis.call('SCAN', '0') return s[2][1]", "0")).toBe("h");
    expect(await run("return 3.99", "0")).toBe(3);
    expect(await run("return nil", "0")).toBeNull();
    expect(await run("return ARGV[1] .. KEYS[1]", "1", "key", "arg-")).toBe("arg-key");
  });

  test("commands in parallel are done one after the other", async () => {
    const replies = await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const response = await post("/", ["SET", "last", String(index), "GET"]);
        return ((await response.json()) as { result: string | null }).result;
      }),
    );
    expect(new Set(replies).size).toBe(30);
  });

  test("each instance has its own data", async () => {
    const other = await startUpstash();
    try {
      await upstash.run(["set", "mine", "1"]);
      expect(await other.run(["get", "mine"])).toBeNull();
      expect(await other.run(["dbsize"])).toBe(0);
    } finally {
      await other.close();
    }
  });

  test("keys expire by the injected clock", async () => {
    await upstash.run(["set", "lease", "1", "EX", "60"]);
    await upstash.run(["set", "lease", "2", "KEEPTTL"]);
    instant = new Date(instant.getTime() + 59_000);
    expect(await upstash.run(["pttl", "lease"])).toBe(1_000);
    instant = new Date(instant.getTime() + 1_001);
    expect(await upstash.run(["get", "lease"])).toBeNull();
    expect(await upstash.run(["time"])).toEqual([String(Math.floor(instant.getTime() / 1_000)), "1000"]);
  });
});

describe("@upstash/ratelimit", () => {
  /** The SDK stamps requests with `Date.now`: it is held at the server's own instant. */
  function hold(): void {
    vi.useFakeTimers({ toFake: ["Date"], now: instant });
  }

  test.each([
    ["fixedWindow", Ratelimit.fixedWindow(5, "1 m")],
    ["slidingWindow", Ratelimit.slidingWindow(5, "1 m")],
    ["tokenBucket", Ratelimit.tokenBucket(5, "1 m", 5)],
  ])("%s lets exactly 5 of 50 parallel calls through, and 5 more later", async (_name, limiter) => {
    hold();
    const limits = new Ratelimit({ redis: client(), limiter, ephemeralCache: false, timeout: 5_000 });
    const first = await Promise.all(Array.from({ length: 50 }, () => limits.limit("marco")));
    expect(first.filter((each) => each.success)).toHaveLength(5);
    expect(first.every((each) => each.reason === undefined)).toBe(true);
    expect((await limits.limit("lucia")).success).toBe(true);

    instant = new Date(instant.getTime() + 2 * 60_000);
    hold();
    const later = await Promise.all(Array.from({ length: 20 }, () => limits.limit("marco")));
    expect(later.filter((each) => each.success)).toHaveLength(5);
  });

  test("remaining counts down and reset clears", async () => {
    hold();
    const limits = new Ratelimit({
      redis: client(),
      limiter: Ratelimit.slidingWindow(5, "1 m"),
      ephemeralCache: false,
    });
    expect((await limits.limit("marco")).remaining).toBe(4);
    expect((await limits.limit("marco", { rate: 3 })).remaining).toBe(1);
    expect((await limits.getRemaining("marco")).remaining).toBe(1);
    await limits.resetUsedTokens("marco");
    expect((await limits.getRemaining("marco")).remaining).toBe(5);
  });

  test("a hung Redis: allowed, with reason timeout", async () => {
    upstash.faults.plan({ kind: "latency", latencyMs: 400, times: 2 });
    const limits = new Ratelimit({
      redis: client(),
      limiter: Ratelimit.fixedWindow(5, "1 m"),
      ephemeralCache: false,
      timeout: 40,
    });
    expect(await limits.limit("marco")).toMatchObject({ success: true, reason: "timeout" });
  });

  test("a refused token surfaces as an error, never as a yes", async () => {
    const limits = new Ratelimit({ redis: client("wrong"), limiter: Ratelimit.fixedWindow(5, "1 m") });
    await expect(limits.limit("marco")).rejects.toThrow("WRONGPASS");
  });
});

describe("faults", () => {
  test("a planned status comes in Upstash's envelope and changes nothing", async () => {
    upstash.faults.plan({ kind: "status", status: 500, body: "INCR" });
    const response = await post("/", ["INCR", "n"]);
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({ error: expect.any(String) as string });
    expect(await upstash.run(["get", "n"])).toBeNull();
  });

  test("drop_before does nothing, drop_after has done it, repeat does it twice", async () => {
    upstash.faults.plan({ kind: "drop_before" });
    await expect(post("/", ["INCR", "n"])).rejects.toThrow();
    expect(await upstash.run(["get", "n"])).toBeNull();
    upstash.faults.plan({ kind: "drop_after" });
    await expect(post("/", ["INCR", "n"])).rejects.toThrow();
    expect(await upstash.run(["get", "n"])).toBe("1");
    upstash.faults.plan({ kind: "repeat" });
    expect(await (await post("/", ["INCR", "n"])).json()).toEqual({ result: 3 });
  });
});
