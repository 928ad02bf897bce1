-- What the webhook did not bring. Stripe's own lists are read from a cursor on: events that are not in the inbox are handled as
-- if the webhook had brought them, and balance transactions become the fees and payouts of the books.

-- `fetched_at`: we found it in Stripe's list; null where Stripe delivered it, be it later. `tried_at`: when one that failed was
-- last fetched anew. An id `cs_…-paid` (expired, failed, processing) is no event but a session of ours as we read it: a row
-- like an event's, with the same effect.
alter table stripe_events
  add column fetched_at timestamptz,
  add column tried_at timestamptz;
create index stripe_events_fetched on stripe_events (created desc) where fetched_at is not null;
create index stripe_events_delivered on stripe_events (created desc) where fetched_at is null;
create index stripe_events_to_try_again on stripe_events (tried_at nulls first) where state in ('failed', 'other_version');
create index stripe_events_told on stripe_events ((fact ->> 'purchaseId'))
  where fact ->> 'effect' in ('declined', 'processing', 'failed', 'expired');

-- When an attempt's session was last read at Stripe.
alter table purchase_attempts add column looked_at timestamptz;
create index purchases_not_ended on purchases (opened_at) where status in ('draft', 'open', 'processing');
create index quarantines_of_purchase on quarantines (purchase_id);

-- Up to where one of Stripe's lists was read. All that was made before is stored.
create table stripe_walks (
  list text primary key check (list in ('events', 'subscription_events', 'balance')),
  read_to timestamptz not null
);

-- Stripe's balance transactions, each as it was when first seen: what moved Stripe's money, for the comparison with
-- `stripe_clearing`. `payment`: the PaymentIntent behind it. `posted_at`: the books have all of it.
create table stripe_balance (
  id text primary key,
  type text not null,
  category text not null,
  source text,
  payment text,
  amount_cents bigint not null,
  fee_cents bigint not null,
  net_cents bigint generated always as (amount_cents - fee_cents) stored,
  currency text not null,
  created_at timestamptz not null,
  seen_at timestamptz not null,
  posted_at timestamptz
);
create index stripe_balance_to_post on stripe_balance (created_at) where posted_at is null;

-- From where a list is to be read: ten minutes before what was read, for an object may be listed late; before the first
-- purchase, or for subscriptions' events the first that was begun, nothing is ours. Events are kept for thirty days. Null
-- while there is none.
create function stripe_walk_from(p_at timestamptz, p_list text) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_read_to timestamptz := (select read_to from stripe_walks where list = p_list);
  v_from timestamptz := coalesce(v_read_to,
    least((select min(opened_at) from purchases), (select min(created_at) from subscription_starts))) - interval '10 minutes';
  v_oldest timestamptz := p_at - interval '30 days';
begin
  if p_list <> 'balance' and v_read_to < v_oldest then
    perform open_alert(p_at, 'stripe_events_out_of_reach', iso(v_read_to), format(
      'Stripe''s events were read up to %s and are kept for thirty days: what came between then and %s cannot be read any '
      'more. Unpaid orders are looked at one by one; compare refunds and disputes of that time in Stripe.',
      iso(v_read_to), iso(v_oldest)));
  end if;
  return iso(case when p_list <> 'balance' and v_from < v_oldest then v_oldest else v_from end);
end
$$;

-- Everything of p_list (events, subscription_events, balance) before p_read_to has been read. A cursor never goes back.
create function save_stripe_walk(p_list text, p_read_to timestamptz) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  insert into stripe_walks as w (list, read_to) values (p_list, p_read_to)
  on conflict (list) do update set read_to = greatest(w.read_to, excluded.read_to)
$$;

-- Which of these events (an array of ids) the inbox does not have. Those that failed it has: claim_failed_events.
create function missing_stripe_events(p_ids jsonb) returns setof text
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select listed.id from jsonb_array_elements_text(p_ids) as listed (id)
  where not exists (select from stripe_events e where e.id = listed.id)
$$;

-- Takes events that could not be applied or read, for ten minutes each, the one that has waited longest first.
create function claim_failed_events(p_at timestamptz, p_limit int) returns setof text
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update stripe_events e set tried_at = p_at
  from (
    select id from stripe_events
    where state in ('failed', 'other_version') and id like 'evt\_%' and created > p_at - interval '30 days'
      and (tried_at is null or tried_at <= p_at - interval '9 minutes')
    order by tried_at nulls first, created, id limit p_limit for update skip locked) due
  where e.id = due.id
  returning e.id
$$;

-- Takes the sessions of orders that are open for ten minutes, each for ten minutes; for an hour where a bank works on it.
create function claim_open_sessions(p_at timestamptz, p_limit int) returns setof text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_reading text;
begin
  -- Of a session the newest reading counts: one that failed is over when its order has ended in another way.
  for v_reading in
    update stripe_events e set state = 'ignored', outcome = 'superseded', error = null, handled_at = p_at
    from purchase_attempts t join purchases p on p.id = t.purchase_id
    where e.state = 'failed' and e.id like 'cs\_%' and t.session_id = regexp_replace(e.id, '-[a-z]+$', '')
      and p.status not in ('draft', 'open', 'processing')
    returning e.id
  loop
    perform close_alert(p_at, 'stripe_event_failed', v_reading);
  end loop;
  return query
    update purchase_attempts t set looked_at = p_at
    from (
      select q.purchase_id, q.attempt
      from purchases p join purchase_attempts q on q.purchase_id = p.id and q.attempt = p.attempt
      where p.status in ('draft', 'open', 'processing') and p.opened_at <= p_at - interval '10 minutes'
        and q.session_id is not null
        and (q.looked_at is null
          or q.looked_at <= p_at - case p.status when 'processing' then interval '1 hour' else interval '9 minutes' end)
      order by q.looked_at nulls first, p.opened_at, p.id limit p_limit for update of q skip locked) due
    where t.purchase_id = due.purchase_id and t.attempt = due.attempt
    returning t.session_id;
end
$$;

-- Whether Stripe's deliveries reach us: not while the newest event that we had to fetch is much newer than the newest delivered.
create function judge_webhook(p_at timestamptz) returns boolean
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_fetched timestamptz := (
    select created from stripe_events where fetched_at is not null and id like 'evt\_%' order by created desc limit 1);
  v_delivered timestamptz := (
    select created from stripe_events where fetched_at is null order by created desc limit 1);
  v_silent boolean := coalesce(v_fetched > coalesce(v_delivered, '-infinity') + interval '15 minutes', false);
begin
  if v_silent then
    perform open_alert(p_at, 'webhook_silent', 'stripe-webhook', format(
      'Stripe''s webhook does not reach us: the newest event that was delivered is of %s, the newest at Stripe of %s. Events are '
      'fetched every ten minutes meanwhile. Look at the endpoint in Stripe, or run npm run stripe:setup.',
      coalesce(iso(v_delivered), 'no time'), iso(v_fetched)));
  else
    perform close_alert(p_at, 'webhook_silent', 'stripe-webhook');
  end if;
  return v_silent;
end
$$;

-- Stores balance transactions; [{id, type, category, source, payment, amountCents, feeCents, currency, createdAt}]. All before
-- p_read_to are in. Answers how many are new.
create function keep_stripe_balance(p_at timestamptz, p_transactions jsonb, p_read_to timestamptz) returns int
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_new int;
begin
  insert into stripe_balance
    (id, type, category, source, payment, amount_cents, fee_cents, currency, created_at, seen_at)
  select n.id, n.type, n.category, n.source, n.payment, n."amountCents", n."feeCents", n.currency, n."createdAt", p_at
  from jsonb_to_recordset(p_transactions) as n (id text, type text, category text, source text, payment text,
    "amountCents" bigint, "feeCents" bigint, currency text, "createdAt" timestamptz)
  order by n.id
  on conflict (id) do nothing;
  get diagnostics v_new = row_count;
  perform save_stripe_walk('balance', p_read_to);
  return v_new;
end
$$;

-- Internal. Where a transaction's amount belongs: 'payment' where settling, refunds and disputes have posted it, so that its
-- fee alone is left; else the ledger against `stripe_clearing`; null for what we don't know.
create function balance_ledger(p_transaction stripe_balance) returns text
language sql immutable set search_path = pg_catalog, public, pg_temp
as $$
  select case
    when p_transaction.currency <> 'usd' then null
    when p_transaction.type in ('charge', 'payment', 'refund', 'payment_refund', 'refund_failure') then 'payment'
    when p_transaction.type = 'adjustment' and p_transaction.category in ('dispute', 'dispute_reversal') then 'payment'
    when p_transaction.type in ('payout', 'payout_failure', 'payout_cancel') then 'bank'
    when p_transaction.type = 'stripe_fee' then 'fees'
  end
$$;

-- Posts what is not posted: fees of payments that the books have, of purchases and invoices, and payouts. One alert on what
-- they cannot explain: of an unknown kind, or of a payment that is not ours an hour later. Answers how many it posted.
create function post_stripe_balance(p_at timestamptz, p_limit int) returns int
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_transaction stripe_balance;
  v_ledger text;
  v_legs leg[];
  v_posted int := 0;
  v_unexplained record;
begin
  for v_transaction in
    select b.* from stripe_balance b
    where b.posted_at is null and (balance_ledger(b) in ('bank', 'fees') or (balance_ledger(b) = 'payment' and (
      exists (select from purchases p where p.payment_intent = b.payment and p.status = 'paid')
      or exists (select from transactions t where t.business_key = 'quarantine:' || b.payment)
      or exists (select from subscription_invoices i where i.payment = b.payment and i.posted_cents > 0))))
    order by b.created_at, b.id limit p_limit for update skip locked
  loop
    v_ledger := balance_ledger(v_transaction);
    v_legs := array[('fees', null, v_transaction.fee_cents)::leg,
      ('stripe_clearing', null, -v_transaction.fee_cents)::leg];
    if v_ledger <> 'payment' then
      v_legs := v_legs || array[(v_ledger, null, -v_transaction.amount_cents)::leg,
        ('stripe_clearing', null, v_transaction.amount_cents)::leg];
    end if;
    if exists (select from unnest(v_legs) l where l.amount <> 0) then
      perform post(p_at, 'balance:' || v_transaction.id, 'balance', v_legs);
      v_posted := v_posted + 1;
    end if;
    update stripe_balance set posted_at = p_at where id = v_transaction.id;
  end loop;
  select count(*) as number, min(b.id) as first into v_unexplained from stripe_balance b
  where b.posted_at is null and (balance_ledger(b) is null or b.created_at <= p_at - interval '1 hour');
  if v_unexplained.number > 0 then
    perform open_alert(p_at, 'stripe_balance_unexplained', 'stripe', (select format(
      '%s of Stripe''s balance transactions are none that the books know (one: %s, %s of %s %s): stripe_clearing differs from '
      'Stripe''s balance by them. Look at them in Stripe: another use of the account, or a kind that is new to us.',
      v_unexplained.number, b.id, b.type, print_cents(b.net_cents), b.currency)
      from stripe_balance b where b.id = v_unexplained.first));
  else
    perform close_alert(p_at, 'stripe_balance_unexplained', 'stripe');
  end if;
  return v_posted;
end
$$;

grant execute on function missing_stripe_events, save_stripe_walk, claim_failed_events, claim_open_sessions,
  judge_webhook, keep_stripe_balance, stripe_walk_from, post_stripe_balance to cascade_app;
