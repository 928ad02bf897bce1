/** What Stripe keeps: its list prices for a business in the United States, in cents. */
import type { Stripe } from "stripe";

type Price = { readonly perMille: number; readonly fixed: number; readonly most: number };

const card: Price = { perMille: 29, fixed: 30, most: Infinity };
const prices: Readonly<Record<string, Price>> = {
  card,
  crypto: { perMille: 15, fixed: 0, most: Infinity },
  customer_balance: { perMille: 5, fixed: 0, most: 500 },
  us_bank_account: { perMille: 8, fixed: 0, most: 500 },
};

/** For a dispute that became a chargeback; it is kept when the dispute is won. An inquiry costs nothing. */
export const DISPUTE_FEE = 1500;

export function processingFee(charge: Stripe.Charge): number {
  const { perMille, fixed, most } = prices[charge.payment_method_details?.type ?? "card"] ?? card;
  return Math.min(Math.round((charge.amount * perMille) / 1000) + fixed, most);
}
