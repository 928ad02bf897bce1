/** What happens to a subscription at Stripe, act by act, and what it must end in. */
import type { Stripe } from "stripe";
import { idOf as referenced } from "../../dev/stripe/reference.ts";
import type { StripeStandIn } from "../../dev/stripe/start.ts";
import { DAY_MS, HOUR_MS } from "../../lib/clock.ts";
import type { Subscriber, Subscribers } from "./subscribing.ts";

/** Time passes for Stripe alone: what it brings is delivered when the scenario is over. */
export type Stage = Subscribers & {
  readonly who: Subscriber;
  readonly stripe: StripeStandIn;
  readonly wait: (ms: number) => void;
  readonly turnCard: (card: string) => void;
  subscription: Stripe.Subscription | undefined;
  /** The newest. */
  refundId: string;
  disputeId: string;
};

export type SubscriptionScenario = {
  readonly name: string;
  /** A subscription that is paid and known, before the acts whose events come in any order. */
  readonly begins: boolean;
  readonly acts: readonly ((stage: Stage) => Promise<void>)[];
  readonly ends: {
    readonly tier: string;
    readonly state: string;
    readonly months: number;
    /** Where money goes back: what is left of its months, in ducats. */
    readonly left?: { readonly wallet: number; readonly frozen: number; readonly debt: number };
  };
};

const declining = "4000000000000341";
/** And the hour in which a renewal's invoice is a draft. */
const month = 31 * DAY_MS + 2 * HOUR_MS;

export async function start(stage: Stage): Promise<void> {
  stage.subscription = await stage.subscribe(stage.who, "builder");
}

function idOf({ subscription }: Stage): string {
  if (!subscription) throw new Error("nothing was subscribed to");
  return subscription.id;
}

function later(ms: number) {
  return async (stage: Stage) => {
    stage.wait(ms);
    await Promise.resolve();
  };
}

async function startYear(stage: Stage): Promise<void> {
  stage.subscription = await stage.subscribe(stage.who, "builder", "year");
}

async function paymentOf(stage: Stage): Promise<string> {
  const subscription = idOf(stage);
  const { data } = await stage.sdk().invoices.list({ subscription, expand: ["data.payments"] });
  return referenced(data.at(-1)?.payments?.data[0]?.payment.payment_intent);
}

const refund = (amount: number) => async (stage: Stage) => {
  stage.refundId = stage.stripe.refund(await paymentOf(stage), { amount }).id;
};
const failRefund = async ({ stripe, refundId }: Stage) => {
  stripe.failRefund(refundId);
  await Promise.resolve();
};
const dispute = (amount?: number) => async (stage: Stage) => {
  const how = amount === undefined ? {} : { amount };
  stage.disputeId = stage.stripe.openDispute(await paymentOf(stage), how).id;
};
const decide =
  (decision: "won" | "lost") =>
  async ({ stripe, disputeId }: Stage) => {
    stripe.decideDispute(disputeId, decision);
    await Promise.resolve();
  };

export const subscriptionScenarios: readonly SubscriptionScenario[] = [
  {
    name: "a start",
    begins: false,
    acts: [start],
    ends: { tier: "builder", state: "active", months: 1 },
  },
  {
    name: "a renewal",
    begins: true,
    acts: [later(month)],
    ends: { tier: "builder", state: "active", months: 2 },
  },
  {
    name: "a renewal that is declined and paid with another card",
    begins: true,
    acts: [
      async (stage) => {
        stage.turnCard(declining);
        stage.wait(month);
        await Promise.resolve();
      },
      async (stage) => {
        stage.turnCard("4242424242424242");
        const { data } = await stage.sdk().invoices.list({ subscription: idOf(stage), status: "open" });
        await stage.sdk().invoices.pay(data[0]?.id ?? "");
      },
    ],
    ends: { tier: "builder", state: "active", months: 2 },
  },
  {
    name: "a cancellation, served to its end",
    begins: true,
    acts: [
      async (stage) => {
        await stage.sdk().subscriptions.update(idOf(stage), { cancel_at_period_end: true });
      },
      later(month),
    ],
    ends: { tier: "explorer", state: "ended", months: 1 },
  },
  {
    name: "a renewal, and a cancellation at once, in one stream",
    begins: true,
    acts: [
      async (stage) => {
        await stage.sdk().subscriptions.update(idOf(stage), { cancel_at_period_end: true });
        await stage.sdk().subscriptions.update(idOf(stage), { cancel_at_period_end: false });
      },
      later(month),
      async (stage) => {
        await stage.sdk().subscriptions.cancel(idOf(stage));
      },
    ],
    ends: { tier: "explorer", state: "ended", months: 2 },
  },
  {
    name: "a cancellation that was taken back",
    begins: true,
    acts: [
      async (stage) => {
        await stage.sdk().subscriptions.update(idOf(stage), { cancel_at_period_end: true });
        await stage.sdk().subscriptions.update(idOf(stage), { cancel_at_period_end: false });
      },
      later(month),
    ],
    ends: { tier: "builder", state: "active", months: 2 },
  },
  {
    name: "created and changed within one second",
    begins: false,
    acts: [
      start,
      async (stage) => {
        const [item] = stage.subscription?.items.data ?? [];
        await stage.sdk().subscriptions.update(idOf(stage), {
          items: [{ id: item?.id ?? "", price: await stage.priceOf("architect", "month") }],
          proration_behavior: "always_invoice",
        });
      },
    ],
    ends: { tier: "architect", state: "active", months: 1 },
  },
  {
    name: "a month refunded in part, twice",
    begins: false,
    acts: [start, refund(3_333), refund(3_333)],
    ends: { tier: "builder", state: "active", months: 1, left: { wallet: 81.667, frozen: 0, debt: 0 } },
  },
  {
    name: "a refund that fails, then a dispute that is won",
    begins: true,
    acts: [refund(4_950), failRefund, dispute(), decide("won")],
    ends: { tier: "builder", state: "active", months: 1, left: { wallet: 250, frozen: 0, debt: 0 } },
  },
  {
    name: "a refund of the rest during a dispute, which is lost",
    begins: true,
    acts: [dispute(4_000), refund(5_900), decide("lost")],
    ends: { tier: "builder", state: "active", months: 1, left: { wallet: 0, frozen: 0, debt: 0 } },
  },
  {
    name: "a year, half of it refunded, the rest disputed while a month begins",
    begins: false,
    acts: [startYear, refund(49_500), later(month), dispute()],
    ends: { tier: "builder", state: "active", months: 2, left: { wallet: 0, frozen: 500, debt: 0 } },
  },
];
