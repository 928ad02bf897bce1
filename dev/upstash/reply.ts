/** A Redis reply as Upstash writes it into JSON. */

/** Flattens what an ioredis client turned into an object (HGETALL) back to Redis's list. */
function plain(reply: unknown): unknown {
  if (reply === undefined || reply === null) return null;
  if (Buffer.isBuffer(reply)) return reply.toString("utf8");
  if (Array.isArray(reply)) return reply.map(plain);
  if (typeof reply === "object") return Object.entries(reply).flat().map(plain);
  return reply;
}

/** `Upstash-Encoding: base64` encodes every string but the status reply OK. */
function encode(reply: unknown): unknown {
  if (typeof reply === "string")
    return reply === "OK" ? reply : Buffer.from(reply, "utf8").toString("base64");
  return Array.isArray(reply) ? reply.map(encode) : reply;
}

export function writeReply(reply: unknown, base64: boolean): unknown {
  return base64 ? encode(plain(reply)) : plain(reply);
}
