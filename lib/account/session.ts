/** Sessions: a signed token (HS256) that names the account, as a cookie or as a bearer token. */
import type { Env } from "../env.ts";
import { HOUR_MS, later } from "../clock.ts";

const issuer = "cascade";
const audience = "cascade-site";
const sessionMs = 12 * HOUR_MS;

export type IssuedSession = { readonly token: string; readonly expiresAt: Date };

type SessionEnv = Pick<Env, "JWT_SECRET_KEY">;

export async function issueSession(env: SessionEnv, accountId: string, now: Date): Promise<IssuedSession> {
  const { SignJWT } = await import("jose");
  const expiresAt = later(now, sessionMs);
  const token = await new SignJWT()
    .setProtectedHeader({ alg: "HS256" })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(accountId)
    .setIssuedAt(now)
    .setExpirationTime(expiresAt)
    .sign(keyOf(env));
  return { token, expiresAt };
}

/** The account a token was issued to; null when it is forged, foreign or over. */
export async function verifySession(env: SessionEnv, token: string, now: Date): Promise<string | null> {
  const { errors, jwtVerify } = await import("jose");
  try {
    const { payload } = await jwtVerify(token, keyOf(env), {
      algorithms: ["HS256"],
      issuer,
      audience,
      currentDate: now,
      requiredClaims: ["sub", "exp"],
    });
    return payload.sub ?? null;
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}

function keyOf(env: SessionEnv): Uint8Array {
  return new TextEncoder().encode(env.JWT_SECRET_KEY);
}
