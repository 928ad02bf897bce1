/** The cookies of a page: its session's two tokens, and the device that signed in before. None can be read by a script. */
import type { DeviceToken } from "../account/device.ts";
import type { Tokens } from "../account/sessions.ts";

type Name = "session" | "refresh" | "device";

export function sessionCookies(tokens: Tokens, origin: string): string[] {
  return [
    cookie("session", tokens.accessToken, new Date(tokens.accessExpiresAt), origin),
    cookie("refresh", tokens.refreshToken, new Date(tokens.refreshExpiresAt), origin),
  ];
}

export function endedCookies(origin: string): string[] {
  return [cookie("session", "", new Date(0), origin), cookie("refresh", "", new Date(0), origin)];
}

export function deviceCookie({ token, expiresAt }: DeviceToken, origin: string): string {
  return cookie("device", token, expiresAt, origin);
}

export function readCookie(request: Request, name: Name): string | undefined {
  const wanted = nameOf(name, new URL(request.url).origin);
  for (const part of request.headers.get("cookie")?.split(";") ?? []) {
    const [key, value] = part.trim().split("=");
    if (key === wanted && value) return value;
  }
  return undefined;
}

/** Lax: links from Stripe's page bring the session along, foreign sites' posts do not. */
function cookie(name: Name, value: string, expires: Date, origin: string): string {
  const secure = isSecure(origin) ? "; Secure" : "";
  return `${nameOf(name, origin)}=${value}; Path=/; HttpOnly; SameSite=Lax; Expires=${expires.toUTCString()}${secure}`;
}

/** With the prefix no neighbouring subdomain can plant one (RFC 6265bis); browsers take it over https only. */
function nameOf(name: Name, origin: string): string {
  return `${isSecure(origin) ? "__Host-" : ""}cascade_${name}`;
}

function isSecure(origin: string): boolean {
  return origin.startsWith("https:");
}
