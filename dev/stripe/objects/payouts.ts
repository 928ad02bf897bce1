/** Payouts: what is available goes to the bank account, by a schedule of Stripe's; read through the API. */
import type { Stripe } from "stripe";
import { noSuch } from "../protocol/errors.ts";
import { createdWithin, page, type CreatedFilter } from "../protocol/list.ts";
import { route } from "../protocol/route.ts";
import { copy, onItsOwn, type World } from "../world.ts";
import { bookPayout, bookPayoutFailure, DAY_SECONDS } from "./balance-transactions.ts";

const DAYS_ON_THE_WAY = 2;

/** Sends all that is available in a currency. @throws Error when nothing is. */
export function payOut(world: World, currency: string): Stripe.Payout {
  const carried = world.balanceTransactions
    .oldestFirst()
    .filter((each) => each.currency === currency && each.status === "available")
    .filter(({ id }) => !world.paidOutBy.has(id));
  const amount = carried.reduce((sum, { net }) => sum + net, 0);
  if (amount <= 0) throw new Error(`Nothing can be paid out: ${amount} ${currency} are available`);
  const payout = world.payouts.add(newPayout(world, amount, currency));
  const booked = bookPayout(world, payout);
  payout.balance_transaction = booked.id;
  for (const { id } of [...carried, booked]) world.paidOutBy.set(id, payout.id);
  world.emit(onItsOwn, "payout.created", payout);
  return payout;
}

/** @throws Error when it is not on its way. */
export function settlePayout(world: World, payout: Stripe.Payout, arrives: boolean): void {
  if (payout.status !== "in_transit") throw new Error(`${payout.id} is ${payout.status}, not in_transit`);
  const before = copy(payout);
  payout.reconciliation_status = "completed";
  if (arrives) {
    payout.status = "paid";
    payout.trace_id = { status: "supported", value: world.id("", 15) };
  } else {
    payout.status = "failed";
    payout.failure_code = "account_closed";
    payout.failure_message = "The bank account has been closed.";
    payout.failure_balance_transaction = bookPayoutFailure(world, payout).id;
    payout.trace_id = { status: "unsupported", value: null };
  }
  world.emit(onItsOwn, "payout.updated", payout, before);
  world.emit(onItsOwn, arrives ? "payout.paid" : "payout.failed", payout);
  world.emit(onItsOwn, "payout.reconciliation_completed", payout);
}

/** Called before anything looks at payouts, because no clock runs here by itself. */
export function settleDuePayouts(world: World): void {
  for (const payout of world.payouts.oldestFirst()) {
    if (payout.status === "in_transit" && payout.arrival_date <= world.seconds())
      settlePayout(world, payout, true);
  }
}

function newPayout(world: World, amount: number, currency: string): Stripe.Payout {
  const created = world.seconds();
  return {
    id: world.id("po_1", 23),
    object: "payout",
    amount,
    application_fee: null,
    application_fee_amount: null,
    arrival_date: (Math.floor(created / DAY_SECONDS) + DAYS_ON_THE_WAY) * DAY_SECONDS,
    automatic: true,
    balance_transaction: null,
    created,
    currency,
    description: "STRIPE PAYOUT",
    destination: world.id("ba_1", 23),
    failure_balance_transaction: null,
    failure_code: null,
    failure_message: null,
    livemode: false,
    metadata: {},
    method: "standard",
    original_payout: null,
    payout_method: null,
    reconciliation_status: "in_progress",
    reversed_by: null,
    source_type: "card",
    statement_descriptor: null,
    status: "in_transit",
    trace_id: { status: "pending", value: null },
    type: "bank_account",
  };
}

function arrivingWithin(filter: CreatedFilter): (payout: Stripe.Payout) => boolean {
  const within = createdWithin(filter);
  return ({ arrival_date: arrival }) => within({ created: arrival });
}

export const payouts = [
  route<Stripe.PayoutRetrieveParams>({
    verb: "GET",
    path: "/v1/payouts/:id",
    method: "PayoutResource.retrieve",
    supports: [],
    answers: "payout",
    run({ world, id }) {
      const payout = world.payouts.get(id);
      if (!payout) throw noSuch("payout", id, "payout");
      return payout;
    },
  }),
  route<Stripe.PayoutListParams>({
    verb: "GET",
    path: "/v1/payouts",
    method: "PayoutResource.list",
    supports: ["arrival_date", "created", "status", "limit", "starting_after", "ending_before"],
    answers: "payout",
    run({ world, params }) {
      const all = world.payouts
        .newestFirst()
        .filter(createdWithin(params.created))
        .filter(arrivingWithin(params.arrival_date))
        .filter(({ status }) => params.status === undefined || status === params.status);
      return page(all, params, "/v1/payouts", "payout");
    },
  }),
];
