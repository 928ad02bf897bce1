/** Passwords: argon2id at OWASP's least (19 MiB, 2 passes, 1 lane), in the PHC string format. */
import { argon2, randomBytes, timingSafeEqual } from "node:crypto";

const memoryKiB = 19_456;
const passes = 2;
const parallelism = 1;
const tagBytes = 32;

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const tag = await derive(password, salt, memoryKiB, passes, parallelism, tagBytes);
  return `$argon2id$v=19$m=${memoryKiB},t=${passes},p=${parallelism}$${base64(salt)}$${base64(tag)}`;
}

/** False, too, for a hash that is not ours: `nobodysHash` never matches. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const match = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([^$]+)\$([^$]+)$/.exec(hash);
  if (!match) throw new Error("not an argon2id hash");
  const [, m, t, p, salt = "", expected = ""] = match;
  const wanted = Buffer.from(expected, "base64");
  const tag = await derive(
    password,
    Buffer.from(salt, "base64"),
    Number(m),
    Number(t),
    Number(p),
    wanted.length,
  );
  return timingSafeEqual(tag, wanted);
}

/** What an unknown e-mail is checked against: the same work, and no password has this all-zero tag. */
export const nobodysHash = `$argon2id$v=19$m=${memoryKiB},t=${passes},p=${parallelism}$${base64(Buffer.alloc(16))}$${base64(Buffer.alloc(tagBytes))}`;

function derive(
  password: string,
  salt: Uint8Array,
  memory: number,
  rounds: number,
  lanes: number,
  tagLength: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    argon2(
      "argon2id",
      {
        message: password.normalize("NFKC"),
        nonce: salt,
        memory,
        passes: rounds,
        parallelism: lanes,
        tagLength,
      },
      (error, tag) => {
        if (error) reject(error);
        else resolve(tag);
      },
    );
  });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64").replaceAll("=", "");
}
