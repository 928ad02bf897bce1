/** Subscribers whose invoices' money goes back at Stripe, and what the books then say. */
import { useTold } from "../functions/stripe-webhook/told.ts";
import { call } from "./call.ts";
import type { Subscriber, Subscribers } from "./subscribing.ts";
import { signInAgain, type World } from "./world.ts";

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
  async function taken({ id }: Pick<Subscriber, "id">) {
    const [row] = await world.database.rows<Record<string, string>>(
      `select (select coalesce(sum(g.millis), 0) from grants g join subscriptions s on s.id = g.subscription_id
         where s.account_id = $1) as months,
         sum(i.frozen_millis) as frozen, sum(i.burned_millis) as burned, sum(i.at_risk_millis) as risk
       from subscription_invoices i join subscriptions s on s.id = i.subscription_id where s.account_id = $1`,
      [id],
    );
    return Object.fromEntries(
      Object.entries(row ?? {}).map(([name, millis]) => [name, Number(millis) / 1_000]),
    );
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

  return { balance, taken, spend, withdraw, latestInvoice, paymentOf, refundLetters, openAlerts };
}
