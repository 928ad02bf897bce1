/** Lives of a payment at Stripe, act by act, and what each must come to in the books, however its events arrive. */
import { expect } from "vitest";
import type { StripeStandIn } from "../../dev/stripe/start.ts";

/** One purchase at Stripe, and what has come of it so far. */
export type Stage = {
  readonly stripe: StripeStandIn;
  readonly sessionId: string;
  /** The newest. */
  refundId: string;
  disputeId: string;
};

export type AtStripe = (stage: Stage) => unknown;

/** What becomes of the ducats meanwhile: some are spent from the wallet; or they have arrived in Venice. */
export type Use = "spent" | "arrived";
export const spentMillis = 70_000;

export type Scenario = {
  readonly name: string;
  readonly deliverTo: "wallet" | "venice";
  /** What happens, one after the other; a payment at Stripe comes first. */
  readonly acts: readonly (AtStripe | Use)[];
  /** Types that carry nothing which the others don't: left out where there would be more than seven events. */
  readonly without?: readonly string[];
  /** Our own outbox asks Stripe for something, too. */
  readonly asksStripe?: true;
  /** Of the purchase and its buyer's balances, in millis; of the ledgers of dollars, in cents. */
  readonly ends: Ending;
};

export type Ending = {
  readonly status: string;
  readonly wallet: number;
  readonly frozen: number;
  readonly burned: number;
  readonly clearing: number;
  /** Null, and nothing, where it is not said. */
  readonly lastDecline?: string;
  readonly atRisk?: number;
  readonly owed?: number;
  readonly fetchedBack?: number;
};

/** A starter pack: $10.00 for 100 ducats. */
const unpaid = { wallet: 0, frozen: 0, burned: 0, clearing: 0 };
const untouched = { status: "paid", wallet: 100_000, frozen: 0, burned: 0, clearing: 1_000 };
const pendingCard = "4000000000007726";
const emptyCard = "4000000000009995";

const pay = ({ stripe, sessionId }: Stage) => stripe.pay(sessionId);
const payLess = ({ stripe, sessionId }: Stage) => {
  const session = stripe.world.sessions.get(sessionId);
  if (session) session.amount_total = 900;
  stripe.pay(sessionId);
};
const payByDebit = ({ stripe, sessionId }: Stage) => stripe.pay(sessionId, { bankDebit: true });
/** One second before what comes next: Stripe's times are cut to seconds. */
const decline = ({ stripe, sessionId }: Stage) => {
  stripe.clock.advance(-1_000);
  stripe.decline(sessionId);
  stripe.clock.advance(1_000);
};
const declineAgain = ({ stripe, sessionId }: Stage) => stripe.decline(sessionId, { card: emptyCard });
const refund = (amount?: number) => (stage: Stage) => {
  const how = amount === undefined ? {} : { amount };
  stage.refundId = stage.stripe.refund(stage.sessionId, how).id;
};
const failRefund = ({ stripe, refundId }: Stage) => stripe.failRefund(refundId);
const dispute =
  (amount?: number, status: "needs_response" | "warning_needs_response" = "needs_response") =>
  (stage: Stage) => {
    const how = { status, ...(amount === undefined ? {} : { amount }) };
    stage.disputeId = stage.stripe.openDispute(stage.sessionId, how).id;
  };
const decide =
  (decision: "won" | "lost" | "warning_closed" | "prevented") =>
  ({ stripe, disputeId }: Stage) =>
    stripe.decideDispute(disputeId, decision);

export const scenarios: readonly Scenario[] = [
  { name: "a pack", deliverTo: "wallet", acts: [pay], ends: untouched },
  {
    name: "a bank debit that arrives",
    deliverTo: "wallet",
    acts: [payByDebit, ({ stripe, sessionId }) => stripe.settleDebit(sessionId, "succeeds")],
    ends: untouched,
  },
  {
    name: "a bank debit that fails",
    deliverTo: "wallet",
    acts: [payByDebit, ({ stripe, sessionId }) => stripe.settleDebit(sessionId, "fails")],
    ends: { ...unpaid, status: "failed", lastDecline: "Your bank did not make the payment." },
  },
  {
    name: "declined twice",
    deliverTo: "wallet",
    acts: [decline, declineAgain],
    ends: { ...unpaid, status: "open", lastDecline: "Your card has insufficient funds." },
  },
  {
    name: "declined twice, then paid",
    deliverTo: "wallet",
    acts: [decline, declineAgain, pay],
    ends: untouched,
  },
  {
    name: "refunded before the payment is known",
    deliverTo: "wallet",
    acts: [pay, refund()],
    ends: { ...untouched, wallet: 0, burned: 100_000, clearing: 0 },
  },
  {
    name: "refunded in part, twice",
    deliverTo: "wallet",
    acts: [pay, refund(333), refund(250)],
    ends: { ...untouched, wallet: 41_700, burned: 58_300, clearing: 417 },
  },
  {
    name: "a refund that fails",
    deliverTo: "wallet",
    acts: [pay, refund(), failRefund],
    ends: untouched,
  },
  {
    name: "a refund that fails, then a dispute",
    deliverTo: "wallet",
    acts: [pay, refund(400), failRefund, dispute()],
    without: ["payment_intent.succeeded", "charge.refunded", "charge.refund.updated"],
    ends: { ...untouched, wallet: 0, frozen: 100_000, clearing: 0 },
  },
  {
    name: "a dispute that is won",
    deliverTo: "wallet",
    acts: [pay, dispute(), decide("won")],
    ends: untouched,
  },
  {
    name: "a dispute that is lost",
    deliverTo: "wallet",
    acts: [pay, dispute(), decide("lost")],
    ends: { ...untouched, wallet: 0, burned: 100_000, clearing: 0 },
  },
  {
    name: "a refund of the rest during a dispute",
    deliverTo: "wallet",
    acts: [pay, dispute(400), refund(600), decide("lost")],
    ends: { ...untouched, wallet: 0, burned: 100_000, clearing: 0 },
  },
  {
    name: "a dispute that ends a refund on its way",
    deliverTo: "wallet",
    acts: [
      ({ stripe, sessionId }) => stripe.pay(sessionId, { card: pendingCard }),
      refund(400),
      dispute(1_000),
    ],
    without: ["payment_intent.succeeded", "charge.refund.updated"],
    ends: { ...untouched, wallet: 0, frozen: 100_000, clearing: 0 },
  },
  {
    name: "a warning that is closed",
    deliverTo: "wallet",
    acts: [pay, dispute(undefined, "warning_needs_response"), decide("warning_closed")],
    ends: untouched,
  },
  {
    name: "a warning that is prevented from becoming a dispute",
    deliverTo: "wallet",
    acts: [pay, dispute(undefined, "warning_needs_response"), decide("prevented")],
    ends: untouched,
  },
  {
    name: "a warning that becomes a dispute, which is won",
    deliverTo: "wallet",
    acts: [
      pay,
      dispute(undefined, "warning_needs_response"),
      ({ stripe, disputeId }) => stripe.escalateDispute(disputeId),
      decide("won"),
    ],
    ends: untouched,
  },
  {
    name: "for Venice, disputed and won before it was sent",
    deliverTo: "venice",
    acts: [pay, dispute(), decide("won")],
    ends: { ...untouched, wallet: 0 },
  },
  {
    name: "for Venice, refunded in part before it was sent",
    deliverTo: "venice",
    acts: [pay, refund(250)],
    ends: { ...untouched, wallet: 75_000, burned: 25_000, clearing: 750 },
  },
  {
    name: "most of it spent, then refunded",
    deliverTo: "wallet",
    acts: [pay, "spent", refund()],
    ends: { ...untouched, wallet: 0, burned: 100_000, clearing: 0, owed: spentMillis },
  },
  {
    name: "most of it spent, then a refund that fails",
    deliverTo: "wallet",
    acts: [pay, "spent", refund(), failRefund],
    ends: { ...untouched, wallet: 100_000 - spentMillis },
  },
  {
    name: "most of it spent, then disputed",
    deliverTo: "wallet",
    acts: [pay, "spent", dispute()],
    ends: { ...untouched, wallet: 0, frozen: 100_000 - spentMillis, clearing: 0, atRisk: spentMillis },
  },
  {
    name: "most of it spent, then a dispute that is won",
    deliverTo: "wallet",
    acts: [pay, "spent", dispute(), decide("won")],
    ends: { ...untouched, wallet: 100_000 - spentMillis },
  },
  {
    name: "most of it spent, then refunded in part, and a dispute of the rest that is lost",
    deliverTo: "wallet",
    acts: [pay, "spent", refund(400), dispute(600), decide("lost")],
    ends: { ...untouched, wallet: 0, burned: 100_000, clearing: 0, owed: spentMillis },
  },
  {
    name: "two payments for one purchase",
    deliverTo: "wallet",
    acts: [pay, ({ stripe, sessionId }) => stripe.payAgain(sessionId)],
    asksStripe: true,
    ends: untouched,
  },
  {
    name: "a payment of another amount, which is refunded: nobody has to look at it any more",
    deliverTo: "wallet",
    acts: [payLess, refund()],
    ends: { ...unpaid, status: expect.not.stringMatching("review") as string },
  },
];

/** Needs Venice beside the harness. */
export const refundedAfterDelivery: Scenario = {
  name: "refunded after it had arrived in Venice",
  deliverTo: "venice",
  acts: [pay, "arrived", refund()],
  ends: { ...untouched, wallet: 0, burned: 100_000, clearing: 0, fetchedBack: 100_000 },
};
