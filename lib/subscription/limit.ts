/** How often an account may ask for what costs Stripe requests that all customers share. */
import type { Limiter, Verdict } from "../redis/port.ts";

const billingByAccount = { name: "billing", limit: 60, windowSeconds: 60 };

export function countBilling(limiter: Limiter, accountId: string): Promise<Verdict> {
  return limiter.take(billingByAccount, accountId);
}
