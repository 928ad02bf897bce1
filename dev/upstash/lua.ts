/** Makes ioredis-mock's Lua behave as Redis's: false for nil, real tables for arrays, errors with their words. */
import { RedisError, SCRIPTABLE } from "./commands.ts";

/** Marks what a script returned as `{err=…}`, which the mock cannot carry. */
const ERROR_MARK = "\u0001err";

/**
 * One line, so that line numbers in errors stay the script's. Lists come from the mock as JavaScript arrays, from 1
 * at the top and from 0 inside, with null where Redis puts false; numbers go to Redis as text.
 */
const PRELUDE = [
  "local mock = redis.call",
  `local known = {${SCRIPTABLE.map((name) => `["${name}"]=true`).join(",")}}`,
  "local function plain(v, first)",
  ' if type(v) ~= "userdata" then if v == nil then return false end return v end',
  ' if tostring(v) == "null" then return false end',
  " local n = first == 1 and #v or v.length",
  " local t = {}",
  " for i = 1, n do t[i] = plain(v[first == 1 and i or i - 1], 0) end",
  " return t end",
  "redis.call = function(name, ...)",
  ' if not known[string.lower(name)] then error("ERR Unknown Redis command called from script", 0) end',
  " local args = {...}",
  ' for i = 1, #args do if type(args[i]) == "number" then args[i] = string.format("%.17g", args[i]) end end',
  " local ok, reply = pcall(mock, name, unpack(args))",
  ' if not ok then error((string.gsub(tostring(reply), "^Error: ", "")), 0) end',
  " return plain(reply, 1) end",
  "redis.pcall = function(...)",
  " local ok, reply = pcall(redis.call, ...)",
  " if ok then return reply end",
  " return {err = reply} end",
  "local function script()",
].join(" ");

const POSTLUDE = [
  "end",
  "local reply = script()",
  `if type(reply) == "table" and reply.err ~= nil then return {"${ERROR_MARK}", reply.err} end`,
  'if type(reply) == "table" and reply.ok ~= nil then return reply.ok end',
  "return reply",
].join("\n");

export function wrapScript(script: string): string {
  return `${PRELUDE} ${script}\n${POSTLUDE}`;
}

/** Redis turns a script's number into an integer, true into 1, false and nil into nil. */
function convert(value: unknown): unknown {
  if (typeof value === "number") return Math.trunc(value);
  if (value === true) return 1;
  if (value === false || value === undefined) return null;
  return Array.isArray(value) ? value.map(convert) : value;
}

/** @throws RedisError when the script returned an error reply. */
export function unwrapReply(reply: unknown): unknown {
  if (Array.isArray(reply) && reply[0] === ERROR_MARK) throw new RedisError(String(reply[1]));
  return convert(reply);
}

const MOCK_PREFIX = /^Error trying to loading or executing lua code string in VM: /;
const CHUNK = /^\[string "[^]*?"\]:\d+: /;

/** The mock's wording for a script that failed, brought back to Redis's. */
export function scriptError(message: string): string {
  if (!MOCK_PREFIX.test(message)) return message;
  const bare = message.replace(MOCK_PREFIX, "");
  const text = bare.replace(CHUNK, "user_script: ");
  return /^[A-Z]+ /.test(text) ? text : `ERR ${text}`;
}
