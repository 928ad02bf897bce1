/** The customer's balance: credit (below zero) that invoices use up, or debt that the next invoice asks for. */
import type { Stripe } from "stripe";
import type { Cause, World } from "../world.ts";
import { changeCustomer } from "./announce.ts";

export type BalanceChange = {
  readonly amount: number;
  readonly type: Stripe.CustomerBalanceTransaction.Type;
  readonly currency: string;
  readonly invoice?: string;
  readonly description?: string | null;
  readonly metadata?: Record<string, string>;
};

/** @param change.amount below zero for credit. */
export function moveBalance(
  world: World,
  cause: Cause,
  customer: Stripe.Customer,
  change: BalanceChange,
): Stripe.CustomerBalanceTransaction {
  changeCustomer(world, cause, customer, () => {
    customer.balance += change.amount;
    customer.currency ??= change.currency;
  });
  return world.billing.balances.add({
    id: world.id("cbtxn_1", 23),
    object: "customer_balance_transaction",
    amount: change.amount,
    checkout_session: null,
    created: world.seconds(),
    credit_note: null,
    currency: change.currency,
    customer: customer.id,
    customer_account: null,
    description: change.description ?? null,
    ending_balance: customer.balance,
    invoice: change.invoice ?? null,
    livemode: false,
    metadata: change.metadata ?? {},
    type: change.type,
  });
}
