/** A purchase that arrived in Venice and is refunded at Stripe then: its events in any order, and the ducats fetched back. */
import { expect } from "vitest";
import type { Arrival } from "./arrival-orders.ts";
import { booksOf } from "./payment-books.ts";
import { useReversals } from "./reversing.ts";
import { useWatched } from "./watching.ts";
import { deliver, eventsOf, type World } from "./world.ts";

export function useRecalled(world: World) {
  const { run, pass } = useWatched(world);
  const { bought, news, prove } = useReversals(world);
  let copies = 0;

  /** A run a minute, and what the game was asked for done by the next. */
  async function live(times: number): Promise<void> {
    for (let minute = 0; minute < times; minute += 1) {
      await run();
      await world.venice.settled();
    }
  }

  async function send(event: object): Promise<void> {
    const answer = await deliver(event);
    expect(answer.status).toBe(200);
    await answer.afterwards;
  }

  /** `arrivals` of four: the session's event and the payment's, once more, and the refund's two. What the books say then. */
  return async function fetchedBack(arrivals: readonly Arrival[]): Promise<object> {
    const { purchaseId, payment, customer } = await bought({ pack: "explorer", deliverTo: "venice" });
    await prove(customer);
    await live(1);
    await world.airtable.runGame();
    await live(2);
    pass(3 * 3_600_000);
    await news();
    const mark = world.stripe.events.mark();
    world.stripe.refund(payment);
    const events = [
      ...eventsOf(world, purchaseId, "checkout.session.completed", "payment_intent.succeeded"),
      ...world.stripe.events
        .since(mark)
        .filter(({ type }) => type === "refund.created" || type === "charge.refunded"),
    ];
    expect(events).toHaveLength(4);
    for (const { index, isCopy } of arrivals) {
      const event = events[index];
      copies += 1;
      await send(isCopy ? { ...event, id: `evt_recalled_${copies}` } : { ...event });
    }
    await live(3);
    return await booksOf(world, purchaseId);
  };
}

/** Fetched back, all of it: nothing is owed, and what was sold is gone. */
export const cameBack = {
  purchase: { status: "paid", burned_millis: 525_000, frozen_millis: 0, at_risk_millis: 0 },
  balances: { wallet: 0, transit: 0, frozen: 0, recall: 0, debt: 0 },
  deliveries: [["executed", 525_000]],
  recalls: [["done", 525_000]],
  refunds: [["succeeded", 5_000, true]],
  alerts: null,
};
