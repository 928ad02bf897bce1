/** Refunds, full and partial; what becomes of them afterwards is in `refunds/settle.ts`. */
import type { Stripe } from "stripe";
import { leftOf, withdrawn } from "../disputes/standing.ts";
import { invalid, noSuch, noSuchIn, onlyOneOf } from "../protocol/errors.ts";
import { createdWithin, page } from "../protocol/list.ts";
import { mergeMetadata } from "../protocol/metadata.ts";
import { route } from "../protocol/route.ts";
import { copy, type Cause, type World } from "../world.ts";
import { bookRefund } from "./balance-transactions.ts";
import { shown } from "./money.ts";

/** The charge to give back, by either of its two names. */
function chargeOf(world: World, params: Stripe.RefundCreateParams): Stripe.Charge {
  if (params.charge !== undefined && params.payment_intent !== undefined) {
    throw onlyOneOf("charge", "payment_intent");
  }
  if (params.charge !== undefined) {
    const charge = world.charges.get(params.charge);
    // Stripe answers so, as if the charge had been asked for by its address.
    if (!charge) throw noSuch("charge", params.charge);
    return charge;
  }
  if (params.payment_intent === undefined) {
    throw invalid(
      "One of the following params should be provided for this request: payment_intent or charge.",
    );
  }
  const intent = world.paymentIntents.get(params.payment_intent);
  if (!intent) throw noSuchIn("payment_intent", "payment_intent", params.payment_intent);
  const charge =
    typeof intent.latest_charge === "string" ? world.charges.get(intent.latest_charge) : undefined;
  if (charge?.status !== "succeeded") {
    throw invalid(`This PaymentIntent (${intent.id}) does not have a successful charge to refund.`, {
      param: "payment_intent",
      code: "payment_intent_unexpected_state",
    });
  }
  return charge;
}

/** @throws Refusal when more would be given back than is left. */
function amountOf(world: World, charge: Stripe.Charge, asked: number | undefined): number {
  if (charge.status !== "succeeded") {
    throw invalid(`Charge ${charge.id} is not in a state that can be refunded.`, {
      code: "charge_not_refundable",
    });
  }
  const left = charge.amount_captured - charge.amount_refunded;
  if (left === 0) {
    throw invalid(`Charge ${charge.id} has already been refunded.`, { code: "charge_already_refunded" });
  }
  const amount = asked ?? left;
  refuseTaken(world, charge, amount);
  if (amount < 1) {
    throw invalid("This value must be greater than or equal to 1.", {
      param: "amount",
      code: "parameter_invalid_integer",
    });
  }
  if (amount > left) {
    const given = shown(amount, charge.currency);
    throw invalid(
      charge.amount_refunded === 0
        ? `Refund amount (${given}) is greater than charge amount (${shown(left, charge.currency)})`
        : `Refund amount (${given}) is greater than unrefunded amount on charge (${shown(left, charge.currency)})`,
      { param: "amount" },
    );
  }
  return amount;
}

/** What the bank has taken back in a dispute is not there to be refunded, unless the dispute is won. */
function refuseTaken(world: World, charge: Stripe.Charge, amount: number): void {
  if (withdrawn(world, charge) === 0 || amount <= leftOf(world, charge)) return;
  throw invalid(`Charge ${charge.id} has been charged back; cannot issue a refund.`, {
    code: "charge_disputed",
  });
}

export function refundCharge(world: World, cause: Cause, params: Stripe.RefundCreateParams): Stripe.Refund {
  const charge = chargeOf(world, params);
  const amount = amountOf(world, charge, params.amount);
  const isPending = endsLater(world, charge);
  const made: Stripe.Refund = {
    id: world.id("re_3", 23),
    object: "refund",
    amount,
    balance_transaction: null,
    charge: charge.id,
    created: world.seconds(),
    currency: charge.currency,
    customer: charge.customer,
    customer_account: null,
    destination_details: destinationOf(charge),
    metadata: mergeMetadata(null, params.metadata),
    payment_intent: charge.payment_intent,
    payment_method: charge.payment_method,
    reason: params.reason ?? null,
    receipt_number: null,
    source_transfer_reversal: null,
    ...(isPending ? { pending_reason: "processing" as const } : {}),
    status: isPending ? "pending" : "succeeded",
    transfer_reversal: null,
  };
  if (!isPending) made.balance_transaction = bookRefund(world, made, charge).id;
  world.refunds.add(made);
  const before = copy(charge);
  charge.amount_refunded += amount;
  charge.refunded = charge.amount_refunded === charge.amount_captured;
  world.emit(cause, "refund.created", made);
  world.emit(cause, "charge.refunded", charge, before);
  return made;
}

/** Only to a card does money go back at once, and not to the test card that says otherwise. */
function endsLater(world: World, charge: Stripe.Charge): boolean {
  const isCard = charge.payment_method_details?.type === "card";
  return !isCard || world.cards.get(charge.id)?.refund === "succeeds_later";
}

function destinationOf(charge: Stripe.Charge): Stripe.Refund.DestinationDetails {
  switch (charge.payment_method_details?.type) {
    case "card":
      return {
        type: "card",
        card: { reference_status: "pending", reference_type: "acquirer_reference_number", type: "refund" },
      };
    case "crypto":
      return { type: "crypto", crypto: { reference: null } };
    case "customer_balance":
      return { type: "customer_cash_balance", customer_cash_balance: {} };
    case undefined:
    default:
      return { type: "us_bank_transfer", us_bank_transfer: { reference: null, reference_status: "pending" } };
  }
}

function found(world: World, id: string): Stripe.Refund {
  const made = world.refunds.get(id);
  if (!made) throw noSuch("refund", id, "refund");
  return made;
}

export const refunds = [
  route<Stripe.RefundCreateParams>({
    verb: "POST",
    path: "/v1/refunds",
    method: "RefundResource.create",
    supports: ["amount", "charge", "metadata", "payment_intent", "reason"],
    answers: "refund",
    run: ({ world, cause, params }) => refundCharge(world, cause, params),
  }),
  route<Stripe.RefundRetrieveParams>({
    verb: "GET",
    path: "/v1/refunds/:id",
    method: "RefundResource.retrieve",
    supports: [],
    answers: "refund",
    run: ({ world, id }) => found(world, id),
  }),
  route<Stripe.RefundUpdateParams>({
    verb: "POST",
    path: "/v1/refunds/:id",
    method: "RefundResource.update",
    supports: ["metadata"],
    answers: "refund",
    run({ world, id, cause, params }) {
      const made = found(world, id);
      const before = copy(made);
      made.metadata = mergeMetadata(made.metadata, params.metadata);
      world.emit(cause, "refund.updated", made, before);
      world.emit(cause, "charge.refund.updated", made, before);
      return made;
    },
  }),
  route<Stripe.RefundCancelParams>({
    verb: "POST",
    path: "/v1/refunds/:id/cancel",
    method: "RefundResource.cancel",
    supports: [],
    answers: "refund",
    run({ world, id }) {
      found(world, id);
      // Only one that waits for the customer can be, and no means of payment here has that; the dashboard can do more.
      throw invalid("Canceling this refund is unsupported.");
    },
  }),
  route<Stripe.RefundListParams>({
    verb: "GET",
    path: "/v1/refunds",
    method: "RefundResource.list",
    supports: ["charge", "created", "payment_intent", "limit", "starting_after", "ending_before"],
    answers: "refund",
    run({ world, params }) {
      const all = world.refunds
        .newestFirst()
        .filter(createdWithin(params.created))
        .filter(({ charge }) => params.charge === undefined || charge === params.charge)
        .filter(
          ({ payment_intent: intent }) =>
            params.payment_intent === undefined || intent === params.payment_intent,
        );
      return page(all, params, "/v1/refunds", "refund");
    },
  }),
];
