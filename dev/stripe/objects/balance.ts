/** The balance: what the balance transactions add up to. */
import type { Stripe } from "stripe";
import { route } from "../protocol/route.ts";
import type { World } from "../world.ts";

/** @returns the sum of the nets by currency; dollars are always there. */
function totals(transactions: readonly Stripe.BalanceTransaction[]): { amount: number; currency: string }[] {
  const sums = new Map<string, number>([["usd", 0]]);
  for (const { currency, net } of transactions) sums.set(currency, (sums.get(currency) ?? 0) + net);
  return [...sums].map(([currency, amount]) => ({ amount, currency }));
}

export function balanceOf(world: World): Stripe.Balance {
  const all = world.balanceTransactions.oldestFirst();
  return {
    object: "balance",
    available: totals(all.filter(({ status }) => status === "available")),
    livemode: false,
    pending: totals(all.filter(({ status }) => status === "pending")),
  };
}

export const balance = [
  route<Stripe.BalanceRetrieveParams>({
    verb: "GET",
    path: "/v1/balance",
    method: "BalanceResource.retrieve",
    supports: [],
    answers: "balance",
    run: ({ world }) => balanceOf(world),
  }),
];
