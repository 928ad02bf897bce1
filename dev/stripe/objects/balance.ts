/** Balance transactions, and the balance they add up to. */
import type { Stripe } from "stripe";
import { noSuch } from "../protocol/errors.ts";
import { createdWithin, page } from "../protocol/list.ts";
import { route } from "../protocol/route.ts";
import type { World } from "../world.ts";

/** Stripe's list price for cards in the United States: 2.9 % and 30 cents. */
const FEE_PER_MILLE = 29;
const FEE_FIXED = 30;
const DAYS_UNTIL_AVAILABLE = 2;
const DAY_SECONDS = 24 * 60 * 60;

export function bookCharge(world: World, charge: Stripe.Charge): Stripe.BalanceTransaction {
  const fee = Math.round((charge.amount * FEE_PER_MILLE) / 1000) + FEE_FIXED;
  return book(world, {
    amount: charge.amount,
    fee,
    currency: charge.currency,
    source: charge.id,
    type: "charge",
  });
}

export function bookRefund(world: World, refund: Stripe.Refund): Stripe.BalanceTransaction {
  return book(world, {
    amount: -refund.amount,
    fee: 0,
    currency: refund.currency,
    source: refund.id,
    type: "refund",
  });
}

type Booking = { amount: number; fee: number; currency: string; source: string; type: "charge" | "refund" };

function book(world: World, { amount, fee, currency, source, type }: Booking): Stripe.BalanceTransaction {
  const charges = fee === 0 ? [] : [{ amount: fee, currency }];
  return world.balanceTransactions.add({
    id: world.id("txn_3", 23),
    object: "balance_transaction",
    amount,
    available_on: world.seconds() + DAYS_UNTIL_AVAILABLE * DAY_SECONDS,
    balance_type: "payments",
    created: world.seconds(),
    currency,
    description: type === "refund" ? "REFUND FOR CHARGE" : null,
    exchange_rate: null,
    fee,
    fee_details: charges.map((each) => ({
      ...each,
      application: null,
      description: "Stripe processing fees",
      type: "stripe_fee",
    })),
    net: amount - fee,
    reporting_category: type,
    source,
    status: "pending",
    type,
  });
}

/** A transaction becomes available by time alone. */
function ripened(world: World, transaction: Stripe.BalanceTransaction): Stripe.BalanceTransaction {
  return { ...transaction, status: transaction.available_on <= world.seconds() ? "available" : "pending" };
}

function totals(transactions: readonly Stripe.BalanceTransaction[]): { amount: number; currency: string }[] {
  const sums = new Map<string, number>([["usd", 0]]);
  for (const { currency, net } of transactions) sums.set(currency, (sums.get(currency) ?? 0) + net);
  return [...sums].map(([currency, amount]) => ({ amount, currency }));
}

export const balance = [
  route<Stripe.BalanceRetrieveParams>({
    verb: "GET",
    path: "/v1/balance",
    method: "BalanceResource.retrieve",
    supports: [],
    answers: "balance",
    run({ world }): Stripe.Balance {
      const all = world.balanceTransactions.oldestFirst().map((each) => ripened(world, each));
      return {
        object: "balance",
        available: totals(all.filter(({ status }) => status === "available")),
        livemode: false,
        pending: totals(all.filter(({ status }) => status === "pending")),
      };
    },
  }),
  route<Stripe.BalanceTransactionRetrieveParams>({
    verb: "GET",
    path: "/v1/balance_transactions/:id",
    method: "BalanceTransactionResource.retrieve",
    supports: [],
    answers: "balance_transaction",
    run({ world, id }) {
      const transaction = world.balanceTransactions.get(id);
      if (!transaction) throw noSuch("balance transaction", id);
      return ripened(world, transaction);
    },
  }),
  route<Stripe.BalanceTransactionListParams>({
    verb: "GET",
    path: "/v1/balance_transactions",
    method: "BalanceTransactionResource.list",
    supports: ["created", "currency", "source", "type", "limit", "starting_after", "ending_before"],
    answers: "balance_transaction",
    run({ world, params }) {
      const all = world.balanceTransactions
        .newestFirst()
        .filter(createdWithin(params.created))
        .filter(({ currency }) => params.currency === undefined || currency === params.currency)
        .filter(({ source }) => params.source === undefined || source === params.source)
        .filter(({ type }) => params.type === undefined || type === params.type)
        .map((each) => ripened(world, each));
      return page(all, params, "/v1/balance_transactions", "balance transaction");
    },
  }),
];
