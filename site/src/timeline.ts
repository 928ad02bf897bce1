/** Where a purchase truly is: its state, in words, and the steps it has made. Pure. */
import { ducats } from "./money.ts";
import type { Delivery, Purchase } from "./wire.ts";

export type State =
  | "awaiting_payment"
  | "processing"
  | "paid"
  | "on_its_way"
  | "late"
  | "arrived"
  | "in_wallet"
  | "returned"
  | "going_back"
  | "checking"
  | "expired"
  | "failed"
  | "review";

/** done: it happened; now: it is happening; ahead: not yet; stopped: it went no further. */
export type Mark = "done" | "now" | "ahead" | "stopped";
export type Step = {
  readonly title: string;
  readonly mark: Mark;
  readonly at: string | null;
  readonly note: string;
};

export type View = {
  /** A delivery's, unless all of the money goes back. */
  readonly state: State | "refunded" | "disputed";
  readonly headline: string;
  readonly detail: string;
  readonly steps: readonly Step[];
  /** Where to pay, while that can still be done. */
  readonly payUrl: string | null;
  /** Nothing will change any more, as far as we know. */
  readonly settled: boolean;
};

export const shortLabels: Readonly<Record<State, string>> = {
  awaiting_payment: "Awaiting payment",
  processing: "Payment in progress",
  paid: "Paid",
  on_its_way: "On its way",
  late: "On its way, late",
  arrived: "Arrived",
  in_wallet: "In your wallet",
  returned: "Back in your wallet",
  going_back: "Not sent",
  checking: "Being checked",
  expired: "Not paid",
  failed: "Payment failed",
  review: "Under review",
};

export function stateOf(purchase: Purchase, delivery: Delivery | null): State {
  switch (purchase.status) {
    case "open":
      return "awaiting_payment";
    case "processing":
    case "expired":
    case "failed":
    case "review":
      return purchase.status;
    case "paid":
      return delivery ? deliveryStates[delivery.status] : undelivered(purchase);
  }
}

/** Of a delivery that is not simply on its way or there: what it means for its owner. */
export const deliveryHints: Readonly<Partial<Record<State, string>>> = {
  late: "Longer than Venice’s runs explain. Nothing is lost; we are watching it.",
  returned: "Venice did not take it: back in your wallet, where it first repays what you owe.",
  going_back: "Its ducats were needed for a payment that is going back.",
  checking: "We can’t tell yet whether it arrived. A person is looking; nothing is sent twice.",
};

export const deliveryStates: Readonly<Record<Delivery["status"], State>> = {
  pending: "on_its_way",
  planned: "on_its_way",
  active: "on_its_way",
  late: "late",
  executed: "arrived",
  rejected: "returned",
  uncertain: "checking",
  cancelled: "going_back",
};

/** Venice takes whole ducats: what is left below one, after repaying a debt, has nowhere to go. */
function undelivered(purchase: Purchase): State {
  const nothingToSend = purchase.totalMillis - purchase.repaidMillis < 1_000;
  return purchase.deliverTo === "wallet" || nothingToSend ? "in_wallet" : "paid";
}

const settled: readonly State[] = ["arrived", "in_wallet", "returned", "going_back", "expired", "failed"];

export function viewOf(purchase: Purchase, delivery: Delivery | null): View {
  const state = stateOf(purchase, delivery);
  return {
    state,
    ...words(state, purchase, delivery),
    steps: [ordered(purchase), payment(state, purchase), ...afterPayment(state, purchase, delivery)],
    payUrl: state === "awaiting_payment" ? purchase.paymentUrl : null,
    settled: settled.includes(state),
  };
}

function words(state: State, purchase: Purchase, delivery: Delivery | null) {
  const credited = purchase.totalMillis - purchase.repaidMillis;
  const all = ducats(credited);
  const sent = delivery ? ducats(delivery.millis) : all;
  const citizen = delivery?.citizen ?? purchase.citizen;
  const say = (headline: string, detail: string) => ({ headline, detail });
  switch (state) {
    case "awaiting_payment":
      return say(
        "Waiting for your payment",
        "We have not heard of a payment yet. If you have just paid, this changes by itself in a moment.",
      );
    case "processing":
      return say(
        "Your payment is being processed",
        "Your bank is working on it. With some ways to pay this takes days; your ducats are credited when the money is there.",
      );
    case "paid":
      return say("Paid", `${all} are credited. Their way to ${citizen}’s purse in Venice begins shortly.`);
    case "on_its_way":
      return say(
        "On its way to Venice",
        `${sent} are on their way to ${citizen}. Venice books transfers in runs of its own, nominally at 03:05, 11:05 and 19:05 Venice time.`,
      );
    case "late":
      return say(
        "Later than usual",
        `${sent} have been on their way to ${citizen} for longer than Venice’s runs explain. Nothing is lost, and we are watching it; you need not do anything.`,
      );
    case "arrived":
      return say("Arrived in Venice", `${sent} are in ${citizen}’s purse.`);
    case "in_wallet":
      return say(
        "In your wallet",
        credited > 0 ? `${all} are credited to your wallet here.` : "All of it repaid what you owed.",
      );
    case "returned":
      return say(
        "Back in your wallet",
        `Venice did not take the transfer to ${citizen}. ${sent} came back to your wallet here, where they first repay what you owe.`,
      );
    case "going_back":
      return say(
        "Not sent",
        `${sent} were not sent to ${citizen}: the payment is going back, wholly or in part. What stays yours is in your wallet here.`,
      );
    case "checking":
      return say(
        "Being checked",
        `We cannot yet tell for certain whether ${sent} arrived in ${citizen}’s purse. A person is looking at it; until then nothing is sent twice.`,
      );
    case "expired":
      return say("Not paid", "The payment page of this order has closed. Nothing was charged.");
    case "failed":
      return say(
        "The payment failed",
        "Your ducats were not credited. You can order again, perhaps paying another way.",
      );
    case "review":
      return say(
        "Under review",
        "Money came that doesn’t match this order, so nothing was credited yet. A person is looking at it.",
      );
  }
}

function step(title: string, mark: Mark, at: string | null = null, note = ""): Step {
  return { title, mark, at, note };
}

function ordered(purchase: Purchase): Step {
  return step("Ordered", "done", purchase.openedAt);
}

function payment(state: State, purchase: Purchase): Step {
  switch (state) {
    case "awaiting_payment":
      return step(
        "Payment",
        "now",
        null,
        purchase.lastDecline === null ? "Not paid yet" : "The last attempt was declined",
      );
    case "processing":
      return step("Payment", "now", null, "With your bank");
    case "review":
      return step("Payment", "now", purchase.paidAt, "A person is looking at it");
    case "expired":
      return step("Not paid", "stopped", null, "The payment page has closed");
    case "failed":
      return step("Payment failed", "stopped");
    case "paid":
    case "on_its_way":
    case "late":
    case "arrived":
    case "in_wallet":
    case "returned":
    case "going_back":
    case "checking":
      return step("Paid", "done", purchase.paidAt, repaidNote(purchase));
  }
}

function repaidNote({ repaidMillis }: Purchase): string {
  return repaidMillis > 0 ? `${ducats(repaidMillis)} of it repaid what you owed` : "";
}

function afterPayment(state: State, purchase: Purchase, delivery: Delivery | null): readonly Step[] {
  const sentAt = delivery?.activeSince ?? null;
  const concludedAt = delivery?.concludedAt ?? null;
  switch (state) {
    case "expired":
    case "failed":
      return [];
    case "in_wallet":
      return [step("In your wallet", "done", purchase.paidAt)];
    case "awaiting_payment":
    case "processing":
    case "review":
      return purchase.deliverTo === "wallet"
        ? [step("In your wallet", "ahead")]
        : [step("On its way to Venice", "ahead"), step("Arrived", "ahead")];
    case "paid":
      return [step("On its way to Venice", "now", null, "About to begin"), step("Arrived", "ahead")];
    case "on_its_way":
      return [
        step("On its way to Venice", "now", sentAt, sentAt === null ? "In line" : "With Venice"),
        step("Arrived", "ahead"),
      ];
    case "late":
      return [step("On its way to Venice", "now", sentAt, "Longer than usual"), step("Arrived", "ahead")];
    case "arrived":
      return [step("On its way to Venice", "done", sentAt), step("Arrived", "done", concludedAt)];
    case "returned":
      return [
        step("On its way to Venice", "done", sentAt),
        step("Not delivered", "stopped", concludedAt),
        step("Back in your wallet", "done", concludedAt),
      ];
    case "going_back":
      return [step("Not sent", "stopped", concludedAt)];
    case "checking":
      return [
        step("On its way to Venice", "done", sentAt),
        step("Being checked", "now", null, "By a person"),
      ];
  }
}
