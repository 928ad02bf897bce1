/** Balance transactions: one for each movement of the account's money; they add up to the balance. */
import type { Stripe } from "stripe";
import { noSuch, noSuchIn } from "../protocol/errors.ts";
import { createdWithin, page } from "../protocol/list.ts";
import { route } from "../protocol/route.ts";
import type { World } from "../world.ts";
import { DISPUTE_FEE, processingFee } from "./fees.ts";
import { idOf } from "../reference.ts";

/** Money that came in can be paid out at the beginning of the second day after. */
const DAYS_UNTIL_AVAILABLE = 2;
export const DAY_SECONDS = 24 * 60 * 60;

export function bookCharge(world: World, charge: Stripe.Charge): Stripe.BalanceTransaction {
  return book(world, {
    amount: charge.amount,
    fee: processingFee(charge),
    currency: charge.currency,
    source: charge.id,
    type: byCard(charge) ? "charge" : "payment",
    category: "charge",
    description: charge.description,
  });
}

export function bookRefund(
  world: World,
  refund: Stripe.Refund,
  charge: Stripe.Charge,
): Stripe.BalanceTransaction {
  const what = byCard(charge) ? "REFUND FOR CHARGE" : "REFUND FOR PAYMENT";
  return book(world, {
    amount: -refund.amount,
    currency: refund.currency,
    source: refund.id,
    type: byCard(charge) ? "refund" : "payment_refund",
    category: "refund",
    description: charge.description === null ? what : `${what} (${charge.description})`,
  });
}

/** The money of a refund that did not reach the customer comes back. */
export function bookRefundFailure(world: World, refund: Stripe.Refund): Stripe.BalanceTransaction {
  return book(world, {
    amount: refund.amount,
    currency: refund.currency,
    source: refund.id,
    type: "refund_failure",
    category: "refund_failure",
    description: "REFUND FAILURE",
  });
}

export function bookWithdrawal(world: World, dispute: Stripe.Dispute): Stripe.BalanceTransaction {
  return book(world, {
    amount: -dispute.amount,
    fee: DISPUTE_FEE,
    feeFor: "Dispute fee",
    currency: dispute.currency,
    source: dispute.id,
    type: "adjustment",
    category: "dispute",
    description: `Chargeback withdrawal for ${idOf(dispute.charge)}`,
  });
}

export function bookReinstatement(world: World, dispute: Stripe.Dispute): Stripe.BalanceTransaction {
  return book(world, {
    amount: dispute.amount,
    currency: dispute.currency,
    source: dispute.id,
    type: "adjustment",
    category: "dispute_reversal",
    description: `Chargeback reversal for ${idOf(dispute.charge)}`,
  });
}

export function bookPayout(world: World, payout: Stripe.Payout): Stripe.BalanceTransaction {
  return book(world, {
    amount: -payout.amount,
    currency: payout.currency,
    source: payout.id,
    type: "payout",
    category: "payout",
    description: "STRIPE PAYOUT",
    atOnce: true,
  });
}

export function bookPayoutFailure(world: World, payout: Stripe.Payout): Stripe.BalanceTransaction {
  return book(world, {
    amount: payout.amount,
    currency: payout.currency,
    source: payout.id,
    type: "payout_failure",
    category: "payout_reversal",
    description: "PAYOUT FAILURE",
    atOnce: true,
  });
}

type Booking = {
  readonly amount: number;
  readonly fee?: number;
  readonly feeFor?: string;
  readonly currency: string;
  readonly source: string;
  readonly type: Stripe.BalanceTransaction.Type;
  readonly category: string;
  readonly description: string | null;
  readonly atOnce?: boolean;
};

function book(world: World, booking: Booking): Stripe.BalanceTransaction {
  const { amount, fee = 0, currency } = booking;
  const created = world.seconds();
  const settled = (Math.floor(created / DAY_SECONDS) + DAYS_UNTIL_AVAILABLE) * DAY_SECONDS;
  return world.balanceTransactions.add({
    id: world.id("txn_3", 23),
    object: "balance_transaction",
    amount,
    available_on: booking.atOnce ? created : settled,
    balance_type: "payments",
    created,
    currency,
    description: booking.description,
    exchange_rate: null,
    fee,
    fee_details:
      fee === 0
        ? []
        : [
            {
              amount: fee,
              application: null,
              currency,
              description: booking.feeFor ?? "Stripe processing fees",
              type: "stripe_fee",
            },
          ],
    net: amount - fee,
    reporting_category: booking.category,
    source: booking.source,
    status: booking.atOnce ? "available" : "pending",
    type: booking.type,
  });
}

function byCard(charge: Stripe.Charge): boolean {
  return charge.payment_method_details?.type === "card";
}

/** A transaction becomes available by time alone. */
export function ripen(world: World): void {
  for (const transaction of world.balanceTransactions.oldestFirst()) {
    if (transaction.available_on <= world.seconds()) transaction.status = "available";
  }
}

/** Stripe lists transactions by charge, refund or payout; asked for a dispute's, it answers none. */
function comesFrom(source: string | undefined): (transaction: Stripe.BalanceTransaction) => boolean {
  if (source === undefined) return () => true;
  return (transaction) => !source.startsWith("du_") && transaction.source === source;
}

function carriedBy(world: World, payoutId: string | undefined): (transaction: { id: string }) => boolean {
  if (payoutId === undefined) return () => true;
  if (!world.payouts.get(payoutId)) throw noSuchIn("payout", "payout", payoutId);
  return ({ id }) => world.paidOutBy.get(id) === payoutId;
}

export const balanceTransactions = [
  route<Stripe.BalanceTransactionRetrieveParams>({
    verb: "GET",
    path: "/v1/balance_transactions/:id",
    method: "BalanceTransactionResource.retrieve",
    supports: [],
    answers: "balance_transaction",
    run({ world, id }) {
      const transaction = world.balanceTransactions.get(id);
      if (!transaction) throw noSuch("balance transaction", id);
      return transaction;
    },
  }),
  route<Stripe.BalanceTransactionListParams>({
    verb: "GET",
    path: "/v1/balance_transactions",
    method: "BalanceTransactionResource.list",
    supports: ["created", "currency", "payout", "source", "type", "limit", "starting_after", "ending_before"],
    answers: "balance_transaction",
    run({ world, params }) {
      const all = world.balanceTransactions
        .newestFirst()
        .filter(createdWithin(params.created))
        .filter(({ currency }) => params.currency === undefined || currency === params.currency)
        .filter(comesFrom(params.source))
        .filter(carriedBy(world, params.payout))
        .filter(({ type }) => params.type === undefined || type === params.type);
      return page(all, params, "/v1/balance_transactions", "balance transaction");
    },
  }),
];
