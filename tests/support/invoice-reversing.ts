/** Subscribers whose invoices' money goes back at Stripe, and what the books then say. */
import type { Stripe } from "stripe";
import { expect } from "vitest";
import { idOf } from "../../dev/stripe/reference.ts";
import { useTold } from "../functions/stripe-webhook/told.ts";
import { call } from "./call.ts";
import type { Subscriber, Subscribers } from "./subscribing.ts";
import { signInAgain, type World } from "./world.ts";

type TakenOfInvoice = {
  readonly payment: string;
  readonly paid: number;
  readonly is_year: boolean | null;
  readonly granted: number;
  readonly burned: number;
  readonly together: number;
};

export function useInvoiceReversals(world: World, subscribers: Subscribers) {
  const { latestInvoice } = useTold(world, subscribers);
  let withdrawals = 0;

  /** The account's ducats. */
  async function balance({ id }: Pick<Subscriber, "id">) {
    const [row] = await world.database.rows<Record<string, string>>(
      "select wallet, transit, frozen, -debt as debt from balances where account_id = $1",
      [id],
    );
    return Object.fromEntries(
      Object.entries(row ?? {}).map(([name, millis]) => [name, Number(millis) / 1_000]),
    );
  }

  /** In ducats: what the months of all its invoices came to, and what of them was taken back. */
  async function taken({
    id,
  }: Pick<Subscriber, "id">): Promise<Record<"months" | "frozen" | "burned" | "risk", number>> {
    const [row] = await world.database.rows<Record<"months" | "frozen" | "burned" | "risk", string>>(
      `select (select coalesce(sum(g.millis), 0) from grants g join subscriptions s on s.id = g.subscription_id
         where s.account_id = $1) as months,
         coalesce(sum(i.frozen_millis), 0) as frozen, coalesce(sum(i.burned_millis), 0) as burned,
         coalesce(sum(i.at_risk_millis), 0) as risk
       from subscription_invoices i join subscriptions s on s.id = i.subscription_id where s.account_id = $1`,
      [id],
    );
    const ducats = (millis: string | undefined) => Number(millis) / 1_000;
    return {
      months: ducats(row?.months),
      frozen: ducats(row?.frozen),
      burned: ducats(row?.burned),
      risk: ducats(row?.risk),
    };
  }

  /** From the wallet, as usage does. */
  async function spend({ id }: Pick<Subscriber, "id">, ducats: number): Promise<void> {
    await world.database.rows(
      "select post(now(), $2, 'usage', array[('wallet', $1, -$3::bigint)::leg, ('spent', null, $3::bigint)::leg])",
      [id, `spend:${id}:${Math.random()}`, ducats * 1_000],
    );
  }

  async function withdraw(who: Subscriber, ducats: number) {
    const { token } = await signInAgain(who);
    const key = `out-${(withdrawals += 1)}`;
    const answer = await call("withdraw", { json: { ducats }, token, headers: { "idempotency-key": key } });
    return [answer.status, answer.body.code];
  }

  async function paymentOf(subscription: { readonly id: string }): Promise<string> {
    return (await latestInvoice(subscription.id)).payment;
  }

  async function refundLetters({ id }: Pick<Subscriber, "id">) {
    const rows = await world.database.rows<{ data: Record<string, unknown> }>(
      "select data from letters where account_id = $1 and kind = 'refunded' order by id",
      [id],
    );
    return rows.map(({ data }) => data);
  }

  async function openAlerts(subject: string) {
    return await world.database.rows<{ kind: string; message: string }>(
      "select kind, message from alerts where subject = $1 and closed_at is null",
      [subject],
    );
  }

  async function paymentsOf({ id }: Pick<Subscriber, "id">) {
    return await world.database.rows<{ payment: string; paid_cents: number }>(
      `select i.payment, i.paid_cents::int from subscription_invoices i join subscriptions s on s.id = i.subscription_id
       where s.account_id = $1 and i.payment is not null and i.paid_cents > 0 order by i.created_at, i.payment`,
      [id],
    );
  }

  /** Stripe's own refunds and disputes of them. */
  async function moneyBackOf(who: Pick<Subscriber, "id">) {
    const payments = new Set((await paymentsOf(who)).map(({ payment }) => payment));
    const isOfThem = (of: { readonly payment_intent: Stripe.Refund["payment_intent"] }) =>
      payments.has(idOf(of.payment_intent));
    return {
      refunds: world.stripe.world.refunds.oldestFirst().filter(isOfThem),
      disputes: world.stripe.world.disputes.oldestFirst().filter(isOfThem),
    };
  }

  /** @throws where more or less is taken of an invoice's months than Stripe's refunds and disputes say. */
  async function holdShares(who: Pick<Subscriber, "id">): Promise<void> {
    const { refunds, disputes } = await moneyBackOf(who);
    const back = [
      ...refunds.filter(({ status }) => status !== "failed" && status !== "canceled"),
      ...disputes.filter(({ status }) => ["needs_response", "under_review", "lost"].includes(status)),
    ];
    const gone = back.filter(({ object, status }) => object === "refund" || status === "lost");
    const sumOf = (of: readonly (Stripe.Refund | Stripe.Dispute)[], payment: string, most: number) =>
      Math.min(
        most,
        of.reduce((sum, each) => sum + (idOf(each.payment_intent) === payment ? each.amount : 0), 0),
      );
    for (const row of await world.database.rows<TakenOfInvoice>(
      `select coalesce(i.payment, '') as payment, i.paid_cents::int as paid, i.period_end - i.period_start > interval '40 days' as is_year,
         coalesce((select sum(millis) from grants g where g.invoice_id = i.id), 0)::int as granted,
         i.burned_millis::int as burned, (i.burned_millis + i.frozen_millis + i.at_risk_millis)::int as together
       from subscription_invoices i join subscriptions s on s.id = i.subscription_id where s.account_id = $1`,
      [who.id],
    )) {
      const { payment, paid, is_year: isYear, granted, burned, together } = row;
      const share = (of: typeof back) =>
        paid === 0 ? 0 : Math.floor((granted * sumOf(of, payment, paid)) / paid);
      // A year gives up its months to come first; changes of its tier are paid apart.
      if (!isYear)
        expect({ ...row, burned, together }).toEqual({ ...row, burned: share(gone), together: share(back) });
      expect(together).toBeLessThanOrEqual(granted);
      if (back.length === 0) expect(together).toBe(0);
    }
  }

  return {
    paymentsOf,
    moneyBackOf,
    holdShares,
    balance,
    taken,
    spend,
    withdraw,
    latestInvoice,
    paymentOf,
    refundLetters,
    openAlerts,
  };
}
