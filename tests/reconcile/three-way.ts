/** Stripe, the books and Venice for one test file: a shop that delivers, and every finding planted in it. */
import { afterAll } from "vitest";
import { idOf } from "../../dev/stripe/reference.ts";
import type { App } from "../../lib/app.ts";
import { closePg, openPg } from "../../lib/db/pg.ts";
import { runOnce } from "../../lib/delivery/run.ts";
import { compare, type Compared } from "../../lib/reconcile/compare.ts";
import type { Finding } from "../../lib/reconcile/finding.ts";
import { repair } from "../../lib/reconcile/repair.ts";
import { processor, purse } from "../support/delivering.ts";
import { booksBalance, type World } from "../support/world.ts";
import { DAY, MINUTE, useShop, type Bought } from "./shop.ts";

export const operator = { kind: "operator" } as const;

export type Sold = Bought & { readonly deliveryId: string; readonly payment: string };

export function useThreeWay(world: World) {
  const shop = useShop(world);
  afterAll(() => closePg());

  /** As the command has it: the owner's connection. */
  const app = (): App => ({ ...shop.app(), db: openPg({ url: world.database.ownerUrl }, () => undefined) });
  const since = () => new Date(shop.clock.now.getTime() - 7 * DAY);

  /** Paid and credited. */
  async function sold(deliverTo: "wallet" | "venice" = "wallet"): Promise<Sold> {
    const bought = await shop.paid(deliverTo);
    shop.advance(3 * MINUTE);
    await shop.run();
    const [row] = await world.database.rows<{ payment: string }>(
      "select payment_intent as payment from purchases where id = $1 and status = 'paid'",
      [bought.purchaseId],
    );
    if (!row) throw new Error("not credited");
    return { ...bought, deliveryId: bought.purchaseId.replace("pur_", "dlv_"), payment: row.payment };
  }

  async function run(): Promise<void> {
    shop.advance(MINUTE);
    await runOnce(shop.app(), 100);
  }

  function rowOf(deliveryId: string) {
    const row = world.airtable
      .list("STRATAGEMS")
      .find(({ fields }) => String(fields["StratagemId"]).startsWith(deliveryId));
    if (!row) throw new Error(`no row of ${deliveryId}`);
    return row;
  }

  async function active(): Promise<Sold> {
    const one = await sold("venice");
    await run();
    rowOf(one.deliveryId);
    return one;
  }

  async function arrived(): Promise<Sold> {
    const one = await active();
    await world.airtable.runGame();
    await run();
    const [row] = await world.database.rows("select status from deliveries where id = $1", [one.deliveryId]);
    if (row?.["status"] !== "executed") throw new Error(`${one.deliveryId} is ${String(row?.["status"])}`);
    return one;
  }

  function take(ducats: number): void {
    world.airtable.setDucats(processor, purse(world, processor) - ducats);
  }

  const paymentOf = (sessionId: string) => idOf(world.stripe.world.sessions.get(sessionId)?.payment_intent);

  function intent(payment: string) {
    const found = world.stripe.world.paymentIntents.get(payment);
    if (!found) throw new Error(`no ${payment}`);
    return found;
  }

  const sql = (text: string, ...params: unknown[]) => world.database.rows(text, params);

  /** What the game leaves when it pays a row of ours a second time. */
  async function payTwice(deliveryId: string): Promise<string> {
    const row = rowOf(deliveryId);
    const copy = world.airtable.spoil(row.id, "double");
    const [json] = String(row.fields["Notes"]).split("\n");
    world.airtable.forge("STRATAGEMS", copy.id, { Status: "active", ExecutedAt: null, Notes: json });
    await world.airtable.runGame();
    return copy.id;
  }

  /** Each plants one wrong thing, and says what must be found. What needs a run of the shop is done by then. */
  const plants = {
    async paid() {
      const { purchaseId, sessionId } = await shop.paid();
      const payment = paymentOf(sessionId);
      shop.advance(20 * MINUTE);
      return { kind: "paid-not-credited", purchaseId, payment, paidCents: 1_000n };
    },
    async unpaid() {
      const { purchaseId, payment } = await sold();
      Object.assign(intent(payment), { status: "canceled", amount_received: 0 });
      return {
        kind: "credited-not-paid",
        purchaseId,
        payment,
        creditedCents: 1_000n,
        paymentStatus: "canceled",
      };
    },
    async unknown() {
      const { purchaseId } = await shop.order();
      await sql(
        "select settle_purchase($2, p, 'pi_forged' || right(p.id, 4), null) from purchases p where id = $1",
        purchaseId,
        shop.clock.now,
      );
      return { kind: "credited-not-paid", purchaseId, paymentStatus: null };
    },
    async unsent() {
      const { purchaseId } = await sold();
      await sql("update purchases set deliver_to = 'venice' where id = $1", purchaseId);
      return { kind: "credited-not-delivered", purchaseId, why: "not_sent", millis: 100_000n };
    },
    async untold() {
      const { deliveryId } = await sold("venice");
      await sql("update deliveries set status = 'uncertain', concluded_at = now() where id = $1", deliveryId);
      return { kind: "credited-not-delivered", deliveryId, why: "not_told" };
    },
    async twice() {
      const { deliveryId } = await arrived();
      const recordId = await payTwice(deliveryId);
      return { kind: "delivered-twice", deliveryId, recordId, millis: 100_000n, isReturned: false };
    },
    async less() {
      const { purchaseId, payment } = await sold();
      intent(payment).amount_received = 900;
      return {
        ...{ kind: "amount-mismatch", purchaseId },
        between: { what: "payment", payment, bookedCents: 1_000n, paidCents: 900n },
      };
    },
    async more() {
      const { purchaseId, payment } = await sold();
      intent(payment).amount_received = 1_100;
      return {
        ...{ kind: "amount-mismatch", purchaseId },
        between: { what: "payment", payment, bookedCents: 1_000n, paidCents: 1_100n },
      };
    },
    async larger() {
      const { deliveryId } = await arrived();
      const { id, fields } = rowOf(deliveryId);
      const Notes = String(fields["Notes"]).replace("transferred 100.0", "transferred 160.0");
      world.airtable.forge("STRATAGEMS", id, { Notes });
      take(60);
      return {
        kind: "amount-mismatch",
        between: { what: "delivery", deliveryId, recordId: id, bookedMillis: 100_000n, paidMillis: 160_000n },
      };
    },
    async refunded() {
      const { purchaseId, sessionId, payment } = await sold();
      world.stripe.refund(sessionId);
      shop.advance(20 * MINUTE);
      return { kind: "refunded-not-reversed", purchaseId, payment, cents: 1_000n };
    },
    async lost() {
      const { purchaseId, sessionId, payment } = await sold();
      const { id } = world.stripe.openDispute(sessionId);
      world.stripe.decideDispute(id, "lost");
      shop.advance(20 * MINUTE);
      return { kind: "refunded-not-reversed", purchaseId, payment, objects: [id] };
    },
    async stolen() {
      await arrived();
      take(50);
      return { kind: "purse-moved-unexplained", movedMillis: 50_000n };
    },
    async given() {
      await arrived();
      take(-70);
      return { kind: "purse-moved-unexplained", movedMillis: -70_000n };
    },
  } as const;

  async function look(): Promise<Compared> {
    const compared = await compare(app(), operator, since());
    if (compared.kind !== "compared") throw new Error(compared.kind);
    return compared;
  }

  const found = async (): Promise<readonly Finding[]> => (await look()).findings;

  /** As the command does with --fix. */
  async function fix(on = app()): Promise<Record<string, number>> {
    const compared = await compare(on, operator, since());
    if (compared.kind !== "compared") throw new Error(compared.kind);
    return counted(await repair(on, operator, compared));
  }

  async function log(): Promise<{ finding: string; outcome: string }[]> {
    const rows = await world.database.rows<{ actor: string; detail: { finding: string; outcome: string } }>(
      "select actor, detail from audit_log where act = 'reconcile.repaired' order by id",
    );
    return rows.map(({ detail }) => detail);
  }

  return {
    ...{
      shop,
      app,
      since,
      sold,
      run,
      active,
      arrived,
      rowOf,
      paymentOf,
      payTwice,
      take,
      plants,
      look,
      found,
      fix,
      log,
      sql,
    },
    agree: () => booksBalance(world),
  };
}

export function counted(outcomes: readonly { readonly outcome: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}
