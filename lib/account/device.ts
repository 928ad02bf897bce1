/**
 * Devices that signed in before: a signed token, kept in a cookie, that gives sign-ins to one e-mail a budget of their own, so
 * that strangers who use up everybody else's lock nobody out (OWASP's device cookies). It signs nobody in.
 */
import { createHash } from "node:crypto";
import type { App } from "../app.ts";
import { DAY_MS, later } from "../clock.ts";
import { readToken, signToken } from "./access-token.ts";

const lifeMs = 365 * DAY_MS;

export type DeviceToken = { readonly token: string; readonly expiresAt: Date };

/** @param known the device's id for this e-mail, which it keeps: signing in again makes no second device of it. */
export async function issueDevice(
  app: Pick<App, "env" | "clock" | "newId">,
  email: string,
  known: string | null = null,
): Promise<DeviceToken> {
  const now = app.clock();
  const expiresAt = later(now, lifeMs);
  const claims = { sub: subjectOf(email), did: known ?? app.newId("dev") };
  return { token: await signToken(app.env, "cascade-device", claims, now, expiresAt), expiresAt };
}

/** The device's id, if this token was given to it for this e-mail. */
export async function knownDevice(
  app: Pick<App, "env" | "clock">,
  token: string | undefined,
  email: string,
): Promise<string | null> {
  const claims = token === undefined ? null : await readToken(app.env, "cascade-device", token, app.clock());
  const { sub, did } = claims ?? {};
  return sub === subjectOf(email) && typeof did === "string" ? did : null;
}

/** No address in a cookie. */
function subjectOf(email: string): string {
  return createHash("sha256").update(`device of ${email}`).digest("base64url");
}
