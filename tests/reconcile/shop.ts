/** A shop whose webhook brings nothing: orders and payments on a clock that the test moves, for Stripe and for us alike. */
import { beforeAll } from "vitest";
import { balanceOf } from "../../dev/stripe/objects/balance.ts";
import type { App } from "../../lib/app.ts";
import { openCheckout } from "../../lib/purchase/open.ts";
import { reconcileStripe, type ReconcileReport } from "../../lib/reconcile/run.ts";
import { appAt, booksBalance, newCustomer, type World } from "../support/world.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export type Bought = { readonly purchaseId: string; readonly sessionId: string; readonly accountId: string };

let orders = 0;

export function useShop(world: World) {
  const clock = { now: new Date() };

  beforeAll(() => {
    world.stripe.clock.set(clock.now);
  });

  function advance(byMs: number): void {
    clock.now = new Date(clock.now.getTime() + byMs);
    world.stripe.clock.advance(byMs);
  }

  /** An order of a starter pack: $10.00, 100 ducats. */
  async function order(deliverTo: "wallet" | "venice" = "wallet"): Promise<Bought> {
    orders += 1;
    const customer = await newCustomer();
    const [session] = await world.database.rows<{ id: string }>(
      "select id from sessions where account_id = $1",
      [customer.id],
    );
    const opened = await openCheckout(appAt(clock), {
      sessionId: session?.id ?? "",
      wish: { kind: "ordered", order: { pack: "starter" }, deliverTo, promotionCode: undefined },
      idempotencyKey: `order-${orders}`,
      origin: "http://cascade.test",
    });
    if (opened.kind !== "opened") throw new Error(`not opened: ${opened.kind}`);
    const sessionId = /cs_[A-Za-z0-9_]+/.exec(opened.url)?.[0] ?? "";
    return { purchaseId: opened.purchaseId, sessionId, accountId: customer.id };
  }

  async function paid(deliverTo?: "wallet" | "venice"): Promise<Bought> {
    const bought = await order(deliverTo);
    world.stripe.pay(bought.sessionId);
    return bought;
  }

  /** What has become of a purchase: its state, its payer's ducats, how often it was credited. */
  async function end({ purchaseId, accountId }: Bought) {
    const [row] = await world.database.rows(
      `select p.status, b.wallet::int as wallet, b.frozen::int as frozen, b.debt::int as debt,
         (select count(*)::int from transactions where business_key = 'purchase:' || p.id) as credits
       from purchases p join balances b on b.account_id = p.account_id where p.id = $1 and p.account_id = $2`,
      [purchaseId, accountId],
    );
    return row;
  }

  /** All that a run could change, in one figure each. */
  async function written() {
    const [row] = await world.database.rows(
      `select (select count(*) from transactions) as transactions, (select count(*) from stripe_events) as events,
         (select count(*) from stripe_balance) as balance, (select count(*) from refunds) as refunds,
         (select count(*) from letters) as letters, (select count(*) from alerts) as alerts`,
    );
    return row;
  }

  /** The books' `stripe_clearing` beside Stripe's own balance, in cents. */
  async function clearing() {
    const [row] = await world.database.rows<{ cents: string }>(
      "select coalesce(sum(amount), 0)::text as cents from trial_balance where ledger = 'stripe_clearing'",
    );
    const { available, pending } = balanceOf(world.stripe.world);
    const atStripe = [...available, ...pending].reduce((sum, { amount }) => sum + amount, 0);
    return { books: Number(row?.cents), atStripe };
  }

  async function ledger(name: string): Promise<number> {
    const [row] = await world.database.rows<{ cents: string }>(
      "select coalesce(sum(amount), 0)::text as cents from trial_balance where ledger = $1",
      [name],
    );
    return Number(row?.cents);
  }

  async function openAlerts(): Promise<string[]> {
    const rows = await world.database.rows<{ kind: string }>(
      "select kind from alerts where closed_at is null order by kind",
    );
    return rows.map(({ kind }) => kind);
  }

  return {
    clock,
    advance,
    order,
    paid,
    end,
    written,
    clearing,
    ledger,
    openAlerts,
    app: () => appAt(clock),
    run: (): Promise<ReconcileReport> => reconcileStripe(appAt(clock)),
    agrees: async (): Promise<void> => {
      const { books, atStripe } = await clearing();
      if (books !== atStripe) throw new Error(`the books have ${books} cents at Stripe, Stripe ${atStripe}`);
      await booksBalance(world);
    },
  };
}

export class Died extends Error {}

export type Death = { readonly step: number; readonly side: "before" | "after" };

/** The real app with a fuse, as tests/support/delivering.ts has it for deliveries. */
export function dying(app: App, death: Death): { readonly app: App; readonly steps: () => number } {
  let steps = 0;
  const fused = <T extends object>(port: T): T =>
    new Proxy(port, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== "function") return method;
        return async (...args: unknown[]) => {
          steps += 1;
          const step = steps;
          if (step > death.step || (step === death.step && death.side === "before")) throw new Died();
          const result: unknown = await Reflect.apply(method, target, args);
          if (step >= death.step) throw new Died();
          return result;
        };
      },
    });
  const fusedApp = {
    ...app,
    db: fused(app.db),
    stripe: fused(app.stripe),
    stripeHistory: fused(app.stripeHistory),
  };
  return { app: fusedApp, steps: () => steps };
}
