/** EVAL, EVALSHA and SCRIPT: the server's cache of scripts by the SHA-1 of their source. */
import { createHash } from "node:crypto";
import { accept, RedisError } from "./commands.ts";
import type { Engine } from "./engine.ts";
import { scriptError } from "./lua.ts";

/**
 * Upstash's own scripts open with `#!lua flags=allow-key-locking`, a flag only Upstash knows: the line is taken off
 * before the script runs, while the SHA-1 stays that of the whole source, as the SDK computes it.
 */
function withoutShebang(source: string): string {
  if (!source.startsWith("#!")) return source;
  const end = source.indexOf("\n");
  const line = end === -1 ? source : source.slice(0, end);
  if (!/^#!lua(\s|$)/.test(line)) {
    throw new RedisError(`ERR Could not find scripting engine '${line.slice(2).trim()}'`);
  }
  return end === -1 ? "" : source.slice(end);
}

/** An engine that also runs scripts. */
export function withScripts(engine: Engine): Pick<Engine, "run" | "close"> {
  const sources = new Map<string, string>();

  function remember(source: string): string {
    const sha = createHash("sha1").update(source).digest("hex");
    sources.set(sha, source);
    return sha;
  }

  async function evaluate(source: string, args: readonly string[]): Promise<unknown> {
    const [numberOfKeys = "", ...rest] = args;
    if (!/^-?\d+$/.test(numberOfKeys)) throw new RedisError("ERR value is not an integer or out of range");
    const count = Number(numberOfKeys);
    if (count < 0) throw new RedisError("ERR Number of keys can't be negative");
    if (count > rest.length) {
      throw new RedisError("ERR Number of keys can't be greater than number of args");
    }
    const script = withoutShebang(source);
    try {
      const reply = await engine.runScript(script, rest.slice(0, count), rest.slice(count));
      remember(source);
      return reply;
    } catch (error) {
      throw new RedisError(scriptError(error instanceof Error ? error.message : String(error)), {
        cause: error,
      });
    }
  }

  function manage(args: readonly string[]): unknown {
    const [subcommand = "", ...rest] = args;
    switch (subcommand.toLowerCase()) {
      case "load":
        if (rest.length !== 1) break;
        return remember(rest[0] ?? "");
      case "exists":
        if (rest.length === 0) break;
        return rest.map((sha) => (sources.has(sha.toLowerCase()) ? 1 : 0));
      case "flush":
        sources.clear();
        return "OK";
      default:
        throw new RedisError(`ERR unknown subcommand '${subcommand}'. Try SCRIPT HELP.`);
    }
    throw new RedisError(`ERR wrong number of arguments for 'script|${subcommand.toLowerCase()}' command`);
  }

  return {
    async run(name, args) {
      const [first = "", ...rest] = args;
      switch (name.toLowerCase()) {
        case "eval":
          accept(name, args);
          return evaluate(first, rest);
        case "evalsha": {
          accept(name, args);
          const source = sources.get(first.toLowerCase());
          if (source === undefined) throw new RedisError("NOSCRIPT No matching script. Please use EVAL.");
          return evaluate(source, rest);
        }
        case "script":
          accept(name, args);
          return manage(args);
        default:
          return engine.run(name, args);
      }
    },
    close: () => engine.close(),
  };
}
