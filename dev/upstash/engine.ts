/** What runs the commands behind the REST protocol: this process, or a real redis-server. */
import { Redis } from "ioredis";
import { accept } from "./commands.ts";
import { createMemoryEngine } from "./memory.ts";

export type Engine = {
  /** One command but no script. @throws an error whose message is Redis's own. */
  run(name: string, args: readonly string[]): Promise<unknown>;
  /** A script's source, its shebang line already gone. */
  runScript(script: string, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  close(): Promise<void>;
};

export function createEngine(options: { redisUrl?: string; now?: () => Date }): Engine {
  return options.redisUrl === undefined
    ? createMemoryEngine(options.now)
    : createServerEngine(options.redisUrl);
}

/** A real server answers for itself; only the list of commands is kept, so that both engines promise the same. */
function createServerEngine(redisUrl: string): Engine {
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: 1 });
  // A lost server fails the command that needs it; without a listener ioredis would print each attempt as well.
  redis.on("error", () => undefined);
  return {
    async run(name, args) {
      accept(name, args);
      return redis.call(name, ...args);
    },
    async runScript(script, keys, args) {
      return redis.call("EVAL", script, String(keys.length), ...keys, ...args);
    },
    close() {
      redis.disconnect();
      return Promise.resolve();
    },
  };
}
