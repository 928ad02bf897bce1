/** The session's cookie. */
import type { IssuedSession } from "../account/session.ts";

const name = "cascade_session";

/** Lax: links from Stripe's page bring the session along, foreign sites' posts do not. */
export function sessionCookie(session: IssuedSession, origin: string): string {
  return `${name}=${session.token}; Path=/; HttpOnly; SameSite=Lax; Expires=${session.expiresAt.toUTCString()}${secure(origin)}`;
}

export function endedCookie(origin: string): string {
  return `${name}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0${secure(origin)}`;
}

export function tokenInCookie(request: Request): string | undefined {
  for (const part of request.headers.get("cookie")?.split(";") ?? []) {
    const [key, value] = part.trim().split("=");
    if (key === name && value) return value;
  }
  return undefined;
}

function secure(origin: string): string {
  return origin.startsWith("https:") ? "; Secure" : "";
}
