/** The means of payment a Checkout Session offers. */
import type { Stripe } from "stripe";
import { invalid, unsupported } from "../protocol/errors.ts";

/** What the hosted page can take; a bank debit and a bank transfer settle days later. */
const METHODS = ["card", "us_bank_account", "crypto", "customer_balance"];

/** Of these, what is for dollars alone here. */
const DOLLAR_METHODS = ["us_bank_account", "crypto", "customer_balance"];

/** Of these, what needs to know whose it is: a transfer goes to the customer's own virtual account. */
const CUSTOMER_METHODS = ["customer_balance"];

/** @throws Refusal for a means that is not here, or not for this currency or this payer. */
export function methodsFor(
  allowed: readonly string[] | undefined,
  currency: string,
  customer: Stripe.Customer | null,
): string[] {
  const param = "allowed_payment_method_types";
  const possible = METHODS.filter((each) => currency === "usd" || !DOLLAR_METHODS.includes(each)).filter(
    (each) => customer !== null || !CUSTOMER_METHODS.includes(each),
  );
  for (const each of allowed ?? []) {
    if (!METHODS.includes(each)) throw unsupported(`the payment method '${each}'`, param);
    if (currency !== "usd" && DOLLAR_METHODS.includes(each)) {
      throw invalid(`The payment method \`${each}\` can only be used with the currency usd.`, { param });
    }
    if (!possible.includes(each)) {
      throw invalid(`The payment method \`${each}\` needs a customer: pass \`customer\`.`, { param });
    }
  }
  return allowed ? [...allowed] : possible;
}
