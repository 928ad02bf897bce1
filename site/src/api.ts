/** Calls the functions under `/api`: an answer is what was asked for, a refusal in their words, or silence. */
import type { Guard } from "./guards.ts";
import {
  accountShape,
  checkoutShape,
  creditShape,
  keysShape,
  newKeyShape,
  packsShape,
  problemShape,
  type Problem,
} from "./wire.ts";

export type Refused = {
  readonly kind: "refused";
  readonly status: number;
  readonly problem: Problem;
  /** From Retry-After, when the answer has one. */
  readonly retryAfterSeconds: number | undefined;
};
/** No answer that can be read: offline, too slow, or broken on the way. What was asked may have happened. */
export type Silent = { readonly kind: "silent" };
export type Answer<T> = { readonly kind: "ok"; readonly body: T } | Refused | Silent;

const silent: Silent = { kind: "silent" };

/** Above the functions' own deadlines, so that their refusal is read before this gives up. */
const timeoutMs = 25_000;

type Sent = {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

async function call<T>(path: string, expected: Guard<T>, sent: Sent = {}): Promise<Answer<T>> {
  const hasBody = sent.json !== undefined;
  try {
    const response = await fetch(`/api/${path}`, {
      method: sent.method ?? "GET",
      credentials: "same-origin",
      headers: {
        accept: "application/json",
        ...(hasBody ? { "content-type": "application/json" } : {}),
        ...sent.headers,
      },
      ...(hasBody ? { body: JSON.stringify(sent.json) } : {}),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const body: unknown = response.status === 204 ? null : await response.json();
    if (response.ok) return expected(body) ? { kind: "ok", body } : silent;
    if (!problemShape(body)) return silent;
    const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
    return {
      kind: "refused",
      status: response.status,
      problem: body,
      retryAfterSeconds: Number.isFinite(seconds) ? seconds : undefined,
    };
  } catch {
    return silent;
  }
}

/** For answers of which only the success matters. */
const anything: Guard<unknown> = (value): value is unknown => value !== undefined;

export type Order =
  | { readonly pack: string; readonly deliverTo: "venice" | "wallet" }
  | { readonly amountCents: number; readonly deliverTo: "venice" | "wallet" };

export const readPacks = () => call("packs", packsShape);
export const readAccount = () => call("me", accountShape);
export const readCredit = () => call("credit-status", creditShape);
export const readKeys = () => call("api-keys", keysShape);

export const signIn = (email: string, password: string) =>
  call("login", accountShape, { method: "POST", json: { email, password } });

export const signUp = (email: string, password: string, citizen: string) =>
  call("signup", accountShape, { method: "POST", json: { email, password, citizen } });

/** The same key for each retry of the same order: it opens one purchase, however often it is sent. */
export const openCheckout = (order: Order, idempotencyKey: string) =>
  call("create-checkout", checkoutShape, {
    method: "POST",
    json: order,
    headers: { "idempotency-key": idempotencyKey },
  });

export const createKey = (name: string) => call("api-keys", newKeyShape, { method: "POST", json: { name } });

export const revokeKey = (id: string) =>
  call(`api-keys/${encodeURIComponent(id)}`, anything, { method: "DELETE" });
