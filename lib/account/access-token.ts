/** Access tokens: a quarter of an hour's word (JWT, HS256) on which session of which account is asking. */
import type { JWTPayload, JWTVerifyOptions } from "jose";
import { later, MINUTE_MS } from "../clock.ts";
import { signingKeys, type SecretEnv } from "./secrets.ts";

const issuer = "cascade";
const lifeMs = 15 * MINUTE_MS;

export type SessionIds = { readonly sessionId: string; readonly accountId: string };
export type AccessToken = { readonly token: string; readonly expiresAt: Date };

export async function issueAccessToken(env: SecretEnv, ids: SessionIds, now: Date): Promise<AccessToken> {
  const expiresAt = later(now, lifeMs);
  const claims = { sub: ids.accountId, sid: ids.sessionId };
  return { token: await signToken(env, "cascade-site", claims, now, expiresAt), expiresAt };
}

/** Null when it is forged, foreign or over. Whether its session lives, the database knows. */
export async function readAccessToken(env: SecretEnv, token: string, now: Date): Promise<SessionIds | null> {
  const claims = await readToken(env, "cascade-site", token, now);
  const { sub: accountId, sid: sessionId } = claims ?? {};
  return accountId !== undefined && typeof sessionId === "string" ? { accountId, sessionId } : null;
}

export type Audience = "cascade-site" | "cascade-device" | "cascade-quote";

export async function signToken(
  env: SecretEnv,
  audience: Audience,
  claims: JWTPayload,
  now: Date,
  expiresAt: Date,
): Promise<string> {
  const { SignJWT } = await import("jose");
  const [key] = signingKeys(env);
  return await new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256", kid: key.id })
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt(now)
    .setExpirationTime(expiresAt)
    .sign(key.bytes);
}

/** The claims of a token that one of our keys has signed for this audience; null for any other. */
export async function readToken(
  env: SecretEnv,
  audience: Audience,
  token: string,
  now: Date,
): Promise<JWTPayload | null> {
  const read = await readTokenOfAnyAge(env, audience, token, now);
  return read.kind === "valid" ? read.claims : null;
}

export type ReadToken =
  { readonly kind: "valid" | "expired"; readonly claims: JWTPayload } | { readonly kind: "foreign" };

/** The same for what is of use when it is over, too. `foreign`: not signed by us, or for something else. */
export async function readTokenOfAnyAge(
  env: SecretEnv,
  audience: Audience,
  token: string,
  now: Date,
): Promise<ReadToken> {
  const { errors, jwtVerify } = await import("jose");
  const options: JWTVerifyOptions = {
    algorithms: ["HS256"],
    issuer,
    audience,
    currentDate: now,
    requiredClaims: ["sub", "exp"],
  };
  try {
    const { payload } = await jwtVerify(
      token,
      ({ kid }) => {
        const key = signingKeys(env).find(({ id }) => id === kid);
        if (!key) throw new errors.JWKSNoMatchingKey();
        return key.bytes;
      },
      options,
    );
    return { kind: "valid", claims: payload };
  } catch (error) {
    // Its time is judged last, behind signature, issuer and audience.
    if (error instanceof errors.JWTExpired) return { kind: "expired", claims: error.payload };
    if (error instanceof errors.JOSEError) return { kind: "foreign" };
    throw error;
  }
}
