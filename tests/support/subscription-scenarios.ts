/** What happens to a subscription at Stripe, act by act, and what it must end in. */
import type { Stripe } from "stripe";
import { DAY_MS, HOUR_MS } from "../../lib/clock.ts";
import type { Subscriber, Subscribers } from "./subscribing.ts";

/** Time passes for Stripe alone: what it brings is delivered when the scenario is over. */
export type Stage = Subscribers & {
  readonly who: Subscriber;
  readonly wait: (ms: number) => void;
  readonly turnCard: (card: string) => void;
  subscription: Stripe.Subscription | undefined;
};

export type SubscriptionScenario = {
  readonly name: string;
  /** A subscription that is paid and known, before the acts whose events come in any order. */
  readonly begins: boolean;
  readonly acts: readonly ((stage: Stage) => Promise<void>)[];
  readonly ends: { readonly tier: string; readonly state: string; readonly months: number };
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
];
