/** The Redis commands this stand-in speaks, with the arity and the kind of value Redis itself demands. */

export type Kind = "string" | "hash" | "set" | "list" | "zset";

type Command = {
  /** As in Redis's COMMAND table: the name counts; negative means "at least". */
  readonly arity: number;
  /** The kind of value the first argument's key must hold, if it exists. */
  readonly holds?: Kind;
  /** Positions in the arguments (name excluded) that must be integers. */
  readonly integers?: readonly number[];
};

/** Anything else is refused as unknown: a command nobody tried here must not seem to work. */
const COMMANDS: Readonly<Record<string, Command>> = {
  ping: { arity: -1 },
  echo: { arity: 2 },
  time: { arity: 1 },
  dbsize: { arity: 1 },
  flushdb: { arity: -1 },
  flushall: { arity: -1 },
  keys: { arity: 2 },
  scan: { arity: -2 },
  del: { arity: -2 },
  unlink: { arity: -2 },
  exists: { arity: -2 },
  type: { arity: 2 },
  expire: { arity: 3, integers: [1] },
  pexpire: { arity: 3, integers: [1] },
  expireat: { arity: 3, integers: [1] },
  pexpireat: { arity: 3, integers: [1] },
  ttl: { arity: 2 },
  pttl: { arity: 2 },
  persist: { arity: 2 },
  get: { arity: 2, holds: "string" },
  set: { arity: -3 },
  setex: { arity: 4, integers: [1] },
  psetex: { arity: 4, integers: [1] },
  setnx: { arity: 3 },
  getset: { arity: 3, holds: "string" },
  getdel: { arity: 2, holds: "string" },
  mget: { arity: -2 },
  mset: { arity: -3 },
  append: { arity: 3, holds: "string" },
  strlen: { arity: 2, holds: "string" },
  incr: { arity: 2, holds: "string" },
  decr: { arity: 2, holds: "string" },
  incrby: { arity: 3, holds: "string", integers: [1] },
  decrby: { arity: 3, holds: "string", integers: [1] },
  hset: { arity: -4, holds: "hash" },
  hsetnx: { arity: 4, holds: "hash" },
  hget: { arity: 3, holds: "hash" },
  hmget: { arity: -3, holds: "hash" },
  hgetall: { arity: 2, holds: "hash" },
  hdel: { arity: -3, holds: "hash" },
  hexists: { arity: 3, holds: "hash" },
  hlen: { arity: 2, holds: "hash" },
  hkeys: { arity: 2, holds: "hash" },
  hvals: { arity: 2, holds: "hash" },
  hincrby: { arity: 4, holds: "hash", integers: [2] },
  sadd: { arity: -3, holds: "set" },
  srem: { arity: -3, holds: "set" },
  smembers: { arity: 2, holds: "set" },
  sismember: { arity: 3, holds: "set" },
  smismember: { arity: -3, holds: "set" },
  scard: { arity: 2, holds: "set" },
  lpush: { arity: -3, holds: "list" },
  rpush: { arity: -3, holds: "list" },
  lpop: { arity: 2, holds: "list" },
  rpop: { arity: 2, holds: "list" },
  llen: { arity: 2, holds: "list" },
  lrange: { arity: 4, holds: "list", integers: [1, 2] },
  ltrim: { arity: 4, holds: "list", integers: [1, 2] },
  zadd: { arity: -4, holds: "zset" },
  zrem: { arity: -3, holds: "zset" },
  zscore: { arity: 3, holds: "zset" },
  zcard: { arity: 2, holds: "zset" },
  zincrby: { arity: 4, holds: "zset" },
  zrange: { arity: -4, holds: "zset" },
  zrangebyscore: { arity: -4, holds: "zset" },
  zremrangebyscore: { arity: 4, holds: "zset" },
  zcount: { arity: 4, holds: "zset" },
  eval: { arity: -3 },
  evalsha: { arity: -3 },
  script: { arity: -2 },
};

/** What a script may call: everything but scripts. */
export const SCRIPTABLE: readonly string[] = Object.keys(COMMANDS).filter(
  (name) => name !== "eval" && name !== "evalsha" && name !== "script",
);

/** An error reply, in Redis's words. */
export class RedisError extends Error {
  override name = "RedisError";
}

const INTEGER = /^-?(0|[1-9]\d{0,18})$/;

export function requireInteger(text: string | undefined): void {
  if (text === undefined || !INTEGER.test(text)) {
    throw new RedisError("ERR value is not an integer or out of range");
  }
}

/**
 * Looks a command up as Redis does when it queues one: name and number of arguments.
 * @throws RedisError for an unknown name, a wrong arity or an argument that is no integer.
 */
export function accept(name: string, args: readonly string[]): Command {
  const command = Object.hasOwn(COMMANDS, name.toLowerCase()) ? COMMANDS[name.toLowerCase()] : undefined;
  if (command === undefined) {
    const beginning = args.map((each) => `'${each.slice(0, 128)}' `).join("");
    throw new RedisError(`ERR unknown command '${name}', with args beginning with: ${beginning}`);
  }
  const count = args.length + 1;
  const oddPairs =
    (name.toLowerCase() === "hset" && args.length % 2 === 0) ||
    (name.toLowerCase() === "mset" && args.length % 2 === 1);
  if (command.arity < 0 ? count < -command.arity : count !== command.arity) {
    throw new RedisError(`ERR wrong number of arguments for '${name.toLowerCase()}' command`);
  }
  if (oddPairs) throw new RedisError(`ERR wrong number of arguments for '${name.toLowerCase()}' command`);
  for (const position of command.integers ?? []) requireInteger(args[position]);
  return command;
}
