/** How often an account may open payment pages, which cost Stripe and Venice a request that all customers share, and try codes. */
import type { Limiter, Verdict } from "../redis/port.ts";

const checkoutsByAccount = { name: "checkout", limit: 30, windowSeconds: 60 };
/** Enough for a person's typing errors, too few for guessing codes. */
const codesByAccount = { name: "promotion", limit: 20, windowSeconds: 600 };

/** `code`: whether a promotion code came with it. */
export function countCheckout(limiter: Limiter, accountId: string, code: boolean): Promise<Verdict[]> {
  const codes = [[codesByAccount, accountId]] as const;
  return limiter.takeInTurn([[checkoutsByAccount, accountId], ...(code ? codes : [])]);
}

/** For a quote, which asks no other service without a code. */
export function countCode(limiter: Limiter, accountId: string): Promise<Verdict> {
  return limiter.take(codesByAccount, accountId);
}
