/** How a sign-in is answered: cookies for a page, tokens for a program, a redirect for a form. */
import { issueDevice, knownDevice } from "../account/device.ts";
import type { SignedIn } from "../account/sign-in.ts";
import type { Core } from "../app.ts";
import { deviceCookie, readCookie, sessionCookies } from "./cookies.ts";

type To = { readonly request: Request; readonly origin: string; readonly bearer: boolean };

/** The 200 of every way of signing in. A page's device is known from then on (device.ts). */
export async function signedInReply(
  app: Core,
  { account, tokens }: SignedIn,
  { request, origin, bearer }: To,
) {
  if (bearer) {
    const { accessToken, accessExpiresAt, refreshToken } = tokens;
    return {
      status: 200 as const,
      body: { account, tokens: { accessToken, accessExpiresAt, refreshToken } },
    };
  }
  const known = await knownDevice(app, readCookie(request, "device"), account.email);
  const device = deviceCookie(await issueDevice(app, account.email, known), origin);
  return {
    status: 200 as const,
    cookies: [...sessionCookies(tokens, origin), device],
    body: { account, tokens: null },
  };
}
