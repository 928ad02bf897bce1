/** Devices that sign in: programs with their tokens, pages with their cookies. */
import { call, type Called, type CallOptions } from "../../support/call.ts";
import { password } from "../../support/world.ts";

export type Tokens = { readonly accessToken: string; readonly refreshToken: string };
export type Cookies = Readonly<Record<string, string>>;

let addresses = 0;

/** An address that nobody has come from yet. */
export function freshAddress(): string {
  addresses += 1;
  return `100.64.${Math.floor(addresses / 250)}.${addresses % 250}`;
}

export function signIn(email: string, options: CallOptions & { password?: string } = {}): Promise<Called> {
  const { password: given = password, ...rest } = options;
  return call("login", { json: { email, password: given }, ip: freshAddress(), ...rest });
}

/** Signs a program in. */
export async function openProgram(email: string, options: CallOptions = {}): Promise<Tokens> {
  const answer = await signIn(email, { ...options, json: { email, password, bearer: true } });
  if (answer.status !== 200) throw new Error(`sign-in: ${answer.text}`);
  return answer.body.tokens;
}

/** Signs a page in; its cookies by name. */
export async function openPage(email: string, options: CallOptions = {}): Promise<Cookies> {
  const answer = await signIn(email, options);
  if (answer.status !== 200) throw new Error(`sign-in: ${answer.text}`);
  return cookiesOf(answer);
}

export function refresh(refreshToken: string): Promise<Called> {
  return call("refresh", { json: { refreshToken } });
}

/** The next pair. */
export async function refreshed(refreshToken: string): Promise<Tokens> {
  const answer = await refresh(refreshToken);
  if (answer.status !== 200) throw new Error(`refresh: ${answer.text}`);
  return answer.body.tokens;
}

/** What an answer sets, by name, without the attributes. */
export function cookiesOf({ headers }: Pick<Called, "headers">): Cookies {
  return Object.fromEntries(
    headers.getSetCookie().map((cookie) => {
      const [pair = ""] = cookie.split(";");
      return [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
    }),
  );
}

/** The request header with these of a page's cookies, all of them when none is named. */
export function sending(cookies: Cookies, ...names: string[]): { cookie: string } {
  const chosen = Object.entries(cookies).filter(([name]) => names.length === 0 || names.includes(name));
  return { cookie: chosen.map(([name, value]) => `${name}=${value}`).join("; ") };
}

/** A page whose access token is over: the browser has dropped its cookie. */
export function renewing(cookies: Cookies): { cookie: string } {
  return sending(cookies, "cascade_refresh", "cascade_device");
}

export async function statusOfMe(token: string): Promise<number> {
  return (await call("me", { token })).status;
}
