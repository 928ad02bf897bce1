/** What the books say of one purchase and its buyer, without ids and times: two histories that ought to end alike are compared by it. */
import { createHash } from "node:crypto";
import type { World } from "./world.ts";

export async function booksOf(world: World, purchaseId: string): Promise<Record<string, unknown>> {
  const [row] = await world.database.rows<{ books: Record<string, unknown> }>(books, [purchaseId]);
  if (!row) throw new Error(`no purchase ${purchaseId}`);
  return row.books;
}

export function digestOf(said: object): string {
  return createHash("sha256").update(JSON.stringify(said)).digest("hex").slice(0, 16);
}

// Payments are those that settled the purchase or were set aside for it; each part is ordered by what it says. A request that
// was refused has changed nothing.
const books = `
  with bought as (select * from purchases where id = $1),
  paid as (
    select payment_intent as payment from bought where payment_intent is not null
    union select payment from quarantines where purchase_id = $1),
  refunded as (select r.* from refunds r join paid using (payment)),
  disputed as (select d.* from disputes d join paid using (payment)),
  posted as (
    select t.id from transactions t where t.id in (
      select e.transaction_id from entries e where e.account_id = (select account_id from bought))
    union select t.id from transactions t where t.business_key in (
      select kind || ':' || id || ending from (
        select 'refund' as kind, id from refunded union all select 'dispute', id from disputed
        union all select 'quarantine', payment from paid) k, (values (''), (':undone')) as endings (ending))),
  subjects as (
    select $1 as subject union select payment from paid union select id from refunded union select id from disputed
    union select id from refund_requests where purchase_id = $1
    union select id from deliveries where account_id = (select account_id from bought)
    union select id from stripe_events where fact ->> 'purchaseId' = $1)
  select jsonb_build_object(
    'purchase', (select to_jsonb(p) from (
      select status, pack, amount_cents, base_millis, bonus_millis, frozen_millis, burned_millis, at_risk_millis, owed_millis,
        repaid_millis, last_decline from bought) p),
    'balances', (select to_jsonb(b) - 'account_id' from balances b where account_id = (select account_id from bought)),
    'deliveries', (select jsonb_agg(jsonb_build_array(status, millis) order by status, millis) from deliveries
      where account_id = (select account_id from bought)),
    'refunds', (select jsonb_agg(jsonb_build_array(status, amount_cents, posted) order by status, amount_cents, posted) from refunded),
    'disputes', (select jsonb_agg(jsonb_build_array(status, amount_cents, posted) order by status, amount_cents, posted)
      from disputed),
    'quarantines', (select jsonb_agg(jsonb_build_array(reason, amount_cents, currency) order by reason, amount_cents)
      from quarantines where purchase_id = $1),
    'requests', (select jsonb_agg(jsonb_build_array(state, amount_cents, reason) order by state, amount_cents)
      from refund_requests where purchase_id = $1 and state <> 'refused'),
    'open_debt', coalesce((select open_millis from refund_debts where purchase_id = $1), 0),
    'recalls', (select jsonb_agg(jsonb_build_array(state, millis)) from recalls where purchase_id = $1),
    'ledgers', (select jsonb_object_agg(ledger, amount order by ledger) from (
      select ledger, sum(amount) as amount from entries where transaction_id in (select id from posted)
      group by ledger having sum(amount) <> 0) l),
    'alerts', (select jsonb_agg(kind order by kind) from alerts
      where closed_at is null and subject in (select subject from subjects)),
    'unhandled', (select count(*) from stripe_events
      where state in ('parked', 'failed', 'other_version') and fact ->> 'purchaseId' = $1)) as books`;
