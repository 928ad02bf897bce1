/** How often an account may open payment pages: each costs Stripe and Venice a request, which all customers share. */
import type { Limiter, Verdict } from "../redis/port.ts";

const checkoutsByAccount = { name: "checkout", limit: 30, windowSeconds: 60 };

export function countCheckout(limiter: Limiter, accountId: string): Promise<Verdict> {
  return limiter.take(checkoutsByAccount, accountId);
}
