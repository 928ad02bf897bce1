/** Redis in this process: ioredis-mock, kept to what a real server would refuse. */
import RedisMock from "ioredis-mock";
import { randomUUID } from "node:crypto";
import { accept, RedisError, requireInteger } from "./commands.ts";
import type { Engine } from "./engine.ts";
import { wrapScript, unwrapReply } from "./lua.ts";

type Callable = Record<string, ((...args: string[]) => Promise<unknown>) | undefined>;

/** @param now the server's clock; expiry follows it. Without it the machine's own clock rules. */
export function createMemoryEngine(now?: () => Date): Engine {
  // The mock shares its data by host and port, so each engine gets a host nobody else has.
  const mock = new RedisMock({ host: randomUUID() });
  const methods = mock as unknown as Callable;

  /**
   * The mock asks `Date.now` itself and does its work before it returns its promise, so an injected clock is lent
   * to it for exactly that synchronous stretch.
   */
  function call(name: string, ...args: string[]): Promise<unknown> {
    const method = methods[name];
    if (method === undefined) return Promise.reject(new RedisError(`ERR unknown command '${name}'`));
    if (now === undefined) return method.apply(mock, args);
    const machineClock = Date.now;
    const instant = now().getTime();
    Date.now = () => instant;
    try {
      return method.apply(mock, args);
    } finally {
      Date.now = machineClock;
    }
  }

  /** SET's options as Redis reads them: any case, any order, no contradictions. */
  async function set(key: string, value: string, options: readonly string[]): Promise<unknown> {
    const flags = new Set<string>();
    let expiry: [string, string] | undefined;
    for (let index = 0; index < options.length; index += 1) {
      const option = options[index]?.toUpperCase() ?? "";
      if (["NX", "XX", "GET", "KEEPTTL"].includes(option)) {
        flags.add(option);
      } else if (["EX", "PX", "EXAT", "PXAT"].includes(option) && expiry === undefined) {
        index += 1;
        const amount = options[index];
        if (amount === undefined) throw new RedisError("ERR syntax error");
        requireInteger(amount);
        if (Number(amount) <= 0) throw new RedisError("ERR invalid expire time in 'set' command");
        expiry = [option, amount];
      } else {
        throw new RedisError("ERR syntax error");
      }
    }
    if ((flags.has("NX") && flags.has("XX")) || (flags.has("KEEPTTL") && expiry)) {
      throw new RedisError("ERR syntax error");
    }
    if (flags.has("GET")) await requireKind(key, "string");
    const previous = flags.has("GET") ? await call("get", key) : undefined;
    const left = flags.has("KEEPTTL") ? Number(await call("pttl", key)) : -1;
    const condition = flags.has("NX") ? ["NX"] : flags.has("XX") ? ["XX"] : [];
    const reply = await call("set", key, value, ...condition, ...(expiry ?? []));
    if (reply === "OK" && left > 0) await call("pexpire", key, String(left));
    return flags.has("GET") ? previous : reply;
  }

  async function requireKind(key: string, holds: string): Promise<void> {
    const kind = await call("type", key);
    if (kind !== "none" && kind !== holds) {
      throw new RedisError("WRONGTYPE Operation against a key holding the wrong kind of value");
    }
  }

  return {
    async run(name, args) {
      const command = accept(name, args);
      const lower = name.toLowerCase();
      const [key = "", second = ""] = args;
      if (command.holds) await requireKind(key, command.holds);
      switch (lower) {
        case "time": {
          const instant = (now?.() ?? new Date()).getTime();
          return [String(Math.floor(instant / 1_000)), String((instant % 1_000) * 1_000)];
        }
        case "set":
          // The mock drops a key that is over only when it is next looked at: with the new value in it.
          await call("exists", key);
          return set(key, second, args.slice(2));
        case "setex":
        case "psetex":
          if (Number(second) <= 0) throw new RedisError(`ERR invalid expire time in '${lower}' command`);
          break;
        case "incr":
        case "decr":
        case "incrby":
        case "decrby": {
          const held = await call("get", key);
          if (held !== null) requireInteger(textOf(held));
          break;
        }
        case "hincrby": {
          const held = await call("hget", key, second);
          if (held !== null) {
            if (!/^-?\d+$/.test(textOf(held))) throw new RedisError("ERR hash value is not an integer");
          }
          break;
        }
        case "zadd":
        case "zrange":
        case "zrangebyscore":
        case "scan":
          // The mock knows its options in capitals only.
          return call(lower, key, ...args.slice(1).map(capitalOption));
      }
      return call(lower, ...args);
    },
    async runScript(script, keys, args) {
      return unwrapReply(await call("eval", wrapScript(script), String(keys.length), ...keys, ...args));
    },
    async close() {
      await call("flushall");
      mock.disconnect();
    },
  };
}

const OPTION = /^(nx|xx|gt|lt|ch|incr|byscore|bylex|rev|limit|withscores|match|count|type)$/i;

function capitalOption(text: string): string {
  return OPTION.test(text) ? text.toUpperCase() : text;
}

/** What the mock holds: text, or a number a script has left there. */
function textOf(held: unknown): string {
  return typeof held === "string" || typeof held === "number" ? String(held) : "";
}
