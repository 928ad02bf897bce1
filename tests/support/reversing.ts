/** Purchases whose money goes back: their events as Stripe sends them, and what the books then say. */
import { beforeAll } from "vitest";
import { call } from "./call.ts";
import { pendingDelivery } from "./delivering.ts";
import {
  deliver,
  newCustomer,
  paidPurchase,
  type CheckoutInput,
  type Customer,
  type World,
} from "./world.ts";

export type Bought = Awaited<ReturnType<ReturnType<typeof useReversals>["bought"]>>;

export function useReversals(world: World) {
  let admin: Customer;
  let orders = 0;
  let mark = 0;
  beforeAll(async () => {
    admin = await newCustomer();
    await world.database.rows("update accounts set role = 'admin' where id = $1", [admin.id]);
  });

  /** Delivers what Stripe has announced since the last time, in its order. */
  async function news(): Promise<void> {
    const events = world.stripe.events.since(mark);
    mark += events.length;
    for (const event of events) {
      const answer = await deliver(event);
      if (answer.status !== 200) throw new Error(`${event.type}: ${answer.text}`);
      await answer.afterwards;
    }
  }

  /** Paid, credited, the money's events delivered; with `venice` a delivery that waits. */
  async function bought(input: CheckoutInput & { card?: string } = {}, customer?: Customer) {
    const { card, ...order } = { pack: "starter", deliverTo: "wallet", ...input };
    if (order.deliverTo === "venice") {
      const pending = await pendingDelivery(world, order, undefined, customer);
      mark = world.stripe.events.mark();
      const [row] = await world.database.rows<{ payment_intent: string }>(
        "select payment_intent from purchases where id = $1",
        [pending.purchaseId],
      );
      return { ...pending, sessionId: "", payment: row?.payment_intent ?? "" };
    }
    const buyer = customer ?? (await newCustomer());
    const paid = await paidPurchase(world, buyer, order, card);
    await (
      await deliver(paid.completed)
    ).afterwards;
    mark = card === undefined ? world.stripe.events.mark() : mark;
    const payment = paid.succeeded.data.object as { id: string };
    return { ...paid, customer: buyer, payment: payment.id, deliveryId: "" };
  }

  function refund(wish: object, key?: string, token = admin.token) {
    orders += 1;
    return call("refunds", {
      json: { reason: "asked for it", ...wish },
      token,
      headers: { "idempotency-key": key ?? `refund-${orders}` },
    });
  }

  async function balance(customer: Customer) {
    const [row] = await world.database.rows<Record<string, string>>(
      "select wallet, transit, frozen, recall, -debt as debt from balances where account_id = $1",
      [customer.id],
    );
    return Object.fromEntries(Object.entries(row ?? {}).map(([name, value]) => [name, Number(value)]));
  }

  async function purchase(purchaseId: string) {
    const [row] = await world.database.rows<Record<string, unknown>>(
      `select frozen_millis::int as frozen, burned_millis::int as burned, at_risk_millis::int as risk,
         owed_millis::int as owed from purchases where id = $1`,
      [purchaseId],
    );
    return row;
  }

  /** Spends from the wallet. */
  async function spend(customer: Customer, millis: number): Promise<void> {
    await world.database.rows(
      "select post(now(), $2, 'usage', array[('wallet', $1, -$3::bigint)::leg, ('spent', null, $3::bigint)::leg])",
      [customer.id, `spend:${customer.id}:${Math.random()}`, millis],
    );
  }

  /** Its delivery arrived in Venice, as the books say it. */
  async function arrive({ deliveryId }: { readonly deliveryId: string }): Promise<void> {
    await world.database.rows(
      "select post_delivery_end(now(), id, account_id, millis, 'executed') from deliveries where id = $1",
      [deliveryId],
    );
    await world.database.rows(
      "update deliveries set status = 'executed', concluded_at = now(), record_id = 'rec' || id where id = $1",
      [deliveryId],
    );
  }

  /** The customer's wallet has proved the citizen: his alone from now on. */
  async function prove(customer: Customer): Promise<void> {
    await world.database.rows(
      "update accounts set wallet = null, citizen_proved_at = null where citizen = $1",
      [customer.citizen],
    );
    await world.database.rows(
      "update accounts set wallet = 'wallet of ' || id, citizen_proved_at = now() where id = $1",
      [customer.id],
    );
  }

  async function dollars() {
    const rows = await world.database.rows<{ ledger: string; amount: string }>(
      "select ledger, amount from trial_balance where currency = 'USD' and amount <> 0",
    );
    return new Map(rows.map(({ ledger, amount }) => [ledger, Number(amount)]));
  }

  return {
    news,
    bought,
    refund,
    balance,
    purchase,
    spend,
    arrive,
    prove,
    dollars,
    admin: () => admin,
    /** The payment's end of the record, for a test that delivers on its own. */
    mark: () => mark,
  };
}
