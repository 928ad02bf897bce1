-- Tiers over time. A subscription is kept as Stripe had it when it was last read, and everything follows from that and the time:
-- what an account may do, which months grant ducats, which letters are due. So neither the order of events nor their number matters.

create index accounts_stripe_customer on accounts (stripe_customer);

-- A payment page for a subscription: open -> completed | expired. Stripe's idempotency key is `id` with the customer's. One at a time
-- for an account, so that two tabs make one subscription; one trial for ever.
create table subscription_starts (
  id text primary key check (id ~ '^sst_[0-9a-z]{20}$'),
  account_id text not null references accounts,
  livemode boolean not null,
  tier text not null,
  period text not null check (period in ('month', 'year')),
  trial_days int not null check (trial_days between 0 and 90),
  origin text not null,
  session_id text constraint subscription_starts_session_unique unique,
  session_url text,
  state text not null default 'open' check (state in ('open', 'completed', 'expired')),
  expires_at timestamptz not null,
  created_at timestamptz not null
);
create unique index subscription_starts_one_open on subscription_starts (account_id) where state = 'open';
create unique index subscription_starts_one_trial on subscription_starts (account_id) where trial_days > 0 and state <> 'expired';

-- `status` is Stripe's. `tier`: null for a `price` that is none of ours. `period_…`: of its item. `paused`: its invoices are not
-- collected. `end_reason`: Stripe's. `has_own_card`: that is still to become its customer's. `next_…`: what a schedule turns it into.
-- `is_second`: the account has another one that is alive, which counts. `month_millis`: what a month of its tier grants.
create table subscriptions (
  id text primary key,
  account_id text not null references accounts,
  livemode boolean not null,
  ticket bigint not null,
  read_at timestamptz not null,
  status text not null check (status in
    ('incomplete', 'incomplete_expired', 'trialing', 'active', 'past_due', 'unpaid', 'paused', 'canceled')),
  price text,
  tier text,
  period text check (period in ('month', 'year')),
  period_start timestamptz not null,
  period_end timestamptz not null,
  started_at timestamptz not null,
  trial_end timestamptz,
  cancel_at timestamptz,
  ended_at timestamptz,
  end_reason text,
  paused boolean not null,
  has_own_card boolean not null default false,
  next_tier text,
  next_period text,
  next_at timestamptz,
  is_second boolean not null default false,
  month_millis bigint not null default 0
);
create unique index subscriptions_one_alive on subscriptions (account_id)
  where not is_second and status not in ('canceled', 'incomplete_expired');
create index subscriptions_of_account on subscriptions (account_id, started_at);
create index subscriptions_with_own_card on subscriptions (read_at) where has_own_card;
create index subscriptions_to_read on subscriptions (read_at) where status not in ('canceled', 'incomplete_expired');
create sequence subscription_tickets;

-- Stripe's invoices. `tier`, `period_…`: what its own line (no proration) is for; null where it has none. `is_free`: that
-- line costs nothing, as in a trial. `payment`: the PaymentIntent that pays it. `posted_cents`: dollars in the books.
-- `frozen_…`, `burned_…`, `at_risk_millis`, `reversals`: of its months' ducats, as in purchases.
create table subscription_invoices (
  id text primary key,
  subscription_id text not null references subscriptions,
  status text not null check (status in ('draft', 'open', 'paid', 'uncollectible', 'void')),
  reason text not null,
  due_cents bigint not null,
  paid_cents bigint not null check (paid_cents >= 0),
  tier text,
  period_start timestamptz,
  period_end timestamptz,
  is_free boolean not null,
  attempts int not null,
  needs_action boolean not null,
  payment text,
  created_at timestamptz not null,
  posted_cents bigint not null default 0,
  frozen_millis bigint not null default 0 check (frozen_millis >= 0),
  burned_millis bigint not null default 0 check (burned_millis >= 0),
  at_risk_millis bigint not null default 0 check (at_risk_millis >= 0),
  reversals int not null default 0
);
create index subscription_invoices_of_subscription on subscription_invoices (subscription_id);
create index subscription_invoices_open on subscription_invoices (subscription_id) where status = 'open';
create index subscription_invoices_of_payment on subscription_invoices (payment);
-- What came back of a payment before its invoice was known.
create index stripe_events_of_unknown_payment on stripe_events ((fact ->> 'payment'))
  where fact ->> 'effect' = 'reread' and outcome = 'ignored';

-- The ducats of a month that was paid: once for a subscription and the month's first moment. What goes back of its invoice is taken
-- off them in the invoice's row, also before they reach the wallet. None where a month that began within it has granted them.
create table grants (
  subscription_id text not null references subscriptions,
  month_start timestamptz not null,
  invoice_id text not null references subscription_invoices,
  tier text not null,
  millis bigint not null check (millis >= 0),
  granted_at timestamptz not null,
  primary key (subscription_id, month_start)
);
create index grants_of_invoice on grants (invoice_id);

-- The outbox of changes that a customer asked for: asked -> done | refused (`error`: Stripe's reason). unclear: no answer came; what
-- became of it, the subscription shows. `id` is also Stripe's idempotency key.
create table subscription_changes (
  id text primary key check (id ~ '^sch_[0-9a-z]{20}$'),
  subscription_id text not null references subscriptions,
  idempotency_key text not null,
  asked jsonb not null,
  state text not null default 'asked' check (state in ('asked', 'done', 'refused', 'unclear')),
  error text,
  leased_until timestamptz not null,
  created_at timestamptz not null,
  ended_at timestamptz,
  constraint subscription_changes_key_unique unique (subscription_id, idempotency_key)
);
create unique index subscription_changes_one_at_a_time on subscription_changes (subscription_id) where state = 'asked';

-- The outbox of tries with a new card: an invoice is tried once with each.
create table invoice_retries (
  invoice_id text not null references subscription_invoices,
  payment_method text not null,
  state text not null default 'asked' check (state in ('asked', 'paid', 'refused')),
  error text,
  next_at timestamptz not null,
  created_at timestamptz not null,
  ended_at timestamptz,
  primary key (invoice_id, payment_method)
);
create index invoice_retries_to_try on invoice_retries (next_at) where state = 'asked';

-- A declined renewal leaves the tier as it is for so long, counted from the period that was not paid; as long, when Stripe's word of
-- a renewal doesn't come at all.
create function grace() returns interval
language sql immutable
as $$ select interval '7 days' $$;

-- Internal. So many months later in UTC: a month's last day where it has no such day, as Stripe reckons.
create function months_after(p_at timestamptz, p_months int) returns timestamptz
language sql immutable set search_path = pg_catalog, public, pg_temp
as $$ select (p_at at time zone 'UTC' + make_interval(months => p_months)) at time zone 'UTC' $$;

-- Internal. Which month since p_from p_at is in, the first being 0.
create function month_of(p_from timestamptz, p_at timestamptz) returns int
language sql immutable set search_path = pg_catalog, public, pg_temp
as $$
  select greatest(0, case when months_after(p_from, m) <= p_at then m else m - 1 end) from (
    select (extract(year from p_at at time zone 'UTC') * 12 + extract(month from p_at at time zone 'UTC')
      - extract(year from p_from at time zone 'UTC') * 12 - extract(month from p_from at time zone 'UTC'))::int as m) c
$$;

-- Internal. When a subscription's grace ends: counted from the first period since the last paid one that was tried and not paid.
create function grace_ends(p_subscription subscriptions) returns timestamptz
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select coalesce((
    select min(coalesce(i.period_start, i.created_at)) from subscription_invoices i
    where i.subscription_id = p_subscription.id and i.status in ('open', 'uncollectible') and i.attempts > 0
      and coalesce(i.period_start, i.created_at) > coalesce((select max(paid.period_start) from subscription_invoices paid
        where paid.subscription_id = p_subscription.id and paid.status = 'paid'), '-infinity')),
    p_subscription.period_start) + grace()
$$;

-- What an account may do at a time: the one place that says so. state: none (no subscription) | incomplete (its first payment isn't
-- made) | trialing | active | ending (cancelled, served to its end) | grace (a renewal was declined) | lapsed | paused | ended.
-- until: when that changes by itself. month_…: the month its units are counted in.
create function entitlements(p_account text, p_at timestamptz,
  out tier text, out state text, out until timestamptz, out month_start timestamptz, out month_end timestamptz,
  out subscription_id text)
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_subscription subscriptions;
  v_month int;
  v_from timestamptz;
begin
  select * into v_subscription from subscriptions s where s.account_id = p_account and not s.is_second
  order by s.status not in ('canceled', 'incomplete_expired') desc, s.started_at desc limit 1;
  subscription_id := v_subscription.id;
  tier := 'explorer';
  state := 'none';
  if v_subscription.status = 'canceled' then
    -- Stripe's own retries may be over before the grace is.
    if v_subscription.end_reason = 'payment_failed' then
      until := grace_ends(v_subscription);
    end if;
    state := case when p_at < until then 'grace' else 'ended' end;
  elsif v_subscription.status = 'incomplete' then
    state := 'incomplete';
  elsif v_subscription.status = 'paused' then
    state := 'paused';
  elsif v_subscription.status in ('past_due', 'unpaid') then
    until := grace_ends(v_subscription);
    state := case when p_at < until then 'grace' else 'lapsed' end;
  elsif v_subscription.status in ('active', 'trialing') and v_subscription.paused then
    -- What is paid for is served to its end, and so is what will be: a renewal's draft of before the pause is charged.
    select max(i.period_end) into until from subscription_invoices i
    where i.subscription_id = v_subscription.id and i.status in ('paid', 'draft');
    state := case when p_at < until then 'active' else 'paused' end;
  elsif v_subscription.status in ('active', 'trialing') then
    until := coalesce(v_subscription.cancel_at, v_subscription.period_end);
    state := case
      when v_subscription.cancel_at <= p_at then 'ended'
      when v_subscription.period_end + grace() <= p_at then 'lapsed'
      when v_subscription.status = 'trialing' then 'trialing'
      when v_subscription.cancel_at is not null then 'ending'
      else 'active' end;
  end if;
  if state in ('trialing', 'active', 'ending', 'grace') then
    tier := coalesce(case when v_subscription.next_at <= p_at then v_subscription.next_tier else v_subscription.tier end, 'explorer');
    v_from := v_subscription.period_start;
  else
    until := null;
    select a.created_at into v_from from accounts a where a.id = p_account;
  end if;
  v_month := month_of(v_from, p_at);
  month_start := months_after(v_from, v_month);
  month_end := months_after(v_from, v_month + 1);
  if v_from = v_subscription.period_start and p_at < v_subscription.period_end then
    if v_subscription.period = 'month' then
      -- It may end later in the month than it began: it is one month.
      month_start := v_from;
      month_end := v_subscription.period_end;
    else
      month_end := least(month_end, v_subscription.period_end);
    end if;
  end if;
end
$$;

-- Internal. Starts, changes and reads of one account's subscription wait for each other here, before they lock anything else.
create function lock_subscription(p_account text) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$ select pg_advisory_xact_lock(hashtext('subscription of'), hashtext(p_account)) $$;

-- Internal. Of the first reads of an invoice and of what has gone back of its payment, each sees what the other has written.
create function lock_invoice_payment(p_payment text) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$ select pg_advisory_xact_lock(hashtext('payment of an invoice'), hashtext(p_payment)) $$;

-- Internal. The subscription of an account that is alive and counts.
create function subscription_alive(p_account text) returns subscriptions
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select * from subscriptions
  where account_id = p_account and not is_second and status not in ('canceled', 'incomplete_expired')
$$;

-- Internal. A trial is given once.
create function trial_used(p_account text) returns boolean
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select exists (select from subscription_starts where account_id = p_account and trial_days > 0 and state <> 'expired')
    or exists (select from subscriptions where account_id = p_account and trial_end is not null)
$$;

-- Internal. What Stripe is asked with for a start; every parameter follows from it.
create function start_terms(p_start subscription_starts) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object('id', p_start.id, 'accountId', a.id, 'email', a.email, 'tier', p_start.tier, 'period', p_start.period,
    'trialDays', p_start.trial_days, 'origin', p_start.origin, 'expiresAt', iso(p_start.expires_at),
    'sessionId', p_start.session_id, 'sessionUrl', p_start.session_url,
    'stripeCustomer', case when a.stripe_customer_live = p_start.livemode then a.stripe_customer end)
  from accounts a where a.id = p_start.account_id
$$;

-- Begins the way to a subscription, or finds the one that is open: {kind: 'unauthorised' | 'already_subscribed'}, {kind: 'open', start}
-- (its page is there), {kind: 'begun', start} (its page is to be made), or {kind: 'other_open', start}: another page, or one that
-- is over, which the caller ends at Stripe first. A trial is given once.
create function begin_subscription(
  p_at timestamptz, p_session text, p_id text, p_tier text, p_period text, p_trial_days int, p_livemode boolean, p_origin text,
  p_expires_at timestamptz
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text := session_account(p_at, p_session);
  v_start subscription_starts;
begin
  if v_account is null then
    return jsonb_build_object('kind', 'unauthorised');
  end if;
  perform lock_subscription(v_account);
  if (subscription_alive(v_account)).id is not null then
    return jsonb_build_object('kind', 'already_subscribed');
  end if;
  select * into v_start from subscription_starts where account_id = v_account and state = 'open';
  if found then
    return jsonb_build_object('start', start_terms(v_start), 'kind', case
      when v_start.expires_at <= p_at or (v_start.tier, v_start.period, v_start.livemode) <> (p_tier, p_period, p_livemode)
        then 'other_open'
      when v_start.session_url is null then 'begun' else 'open' end);
  end if;
  insert into subscription_starts (id, account_id, livemode, tier, period, trial_days, origin, expires_at, created_at)
  values (p_id, v_account, p_livemode, p_tier, p_period, case when trial_used(v_account) then 0 else p_trial_days end, p_origin, p_expires_at, p_at)
  returning * into v_start;
  return jsonb_build_object('kind', 'begun', 'start', start_terms(v_start));
end
$$;

-- The account's customer at Stripe, made before anything is bought with it: the first one stays, unless it is p_gone, which Stripe
-- doesn't have any more. Answers the one that counts.
create function attach_customer(p_account text, p_customer text, p_livemode boolean, p_gone text) returns text
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update accounts set
    stripe_customer = case when stripe_customer_live = p_livemode and stripe_customer <> coalesce(p_gone, '') then stripe_customer
      else p_customer end,
    stripe_customer_live = p_livemode
  where id = p_account returning stripe_customer
$$;

-- Stores a start's page. Answers its state: a page of a start that has ended meanwhile is for the caller to end.
create function attach_start_session(p_start text, p_session text, p_url text) returns text
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$ update subscription_starts set session_id = p_session, session_url = p_url where id = p_start returning state $$;

-- What became of a start's page, by Stripe's word.
create function end_start(p_start text, p_state text) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$ update subscription_starts set state = p_state where id = p_start and state = 'open' $$;

-- Pages that are over, or that could make a second subscription: to be ended at Stripe, then here.
create function starts_to_end(p_at timestamptz, p_limit int) returns setof jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select start_terms(s) from subscription_starts s
  where s.state = 'open' and (s.expires_at <= p_at or exists (
    select from subscriptions u where u.account_id = s.account_id and not u.is_second
      and u.status not in ('canceled', 'incomplete_expired')))
  order by s.created_at limit p_limit
$$;

create function take_subscription_ticket() returns text
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$ select nextval('subscription_tickets')::text $$;

-- Internal. How many months a period has. One that ends later in the month than it began is one month.
create function months_in(p_from timestamptz, p_to timestamptz) returns int
language sql immutable set search_path = pg_catalog, public, pg_temp
as $$
  select case when p_to - p_from > interval '40 days' then month_of(p_from, p_to - interval '1 microsecond') + 1 else 1 end
$$;

-- Internal. The invoice whose months an invoice's money pays for: itself, but within a paid year the year's, for a change of tier has
-- an invoice without months of its own.
create function invoice_of_months(p_invoice subscription_invoices) returns text
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select coalesce(case when p_invoice.period_start is null then (
    select y.id from subscription_invoices y
    where y.subscription_id = p_invoice.subscription_id and y.status = 'paid' and months_in(y.period_start, y.period_end) > 1
      and y.period_start <= p_invoice.created_at and p_invoice.created_at < y.period_end
    order by y.created_at desc limit 1) end, p_invoice.id)
$$;

-- Internal. What was granted for an invoice's months, what all of them come to by now, and the cents that were paid for them.
create function months_of_invoice(p_invoice subscription_invoices, out granted bigint, out total bigint, out paid bigint)
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select g.millis, g.millis + s.month_millis * greatest(months_in(p_invoice.period_start, p_invoice.period_end) - g.number, 0), (
      select sum(i.paid_cents)::bigint from subscription_invoices i
      where i.subscription_id = s.id and invoice_of_months(i) = p_invoice.id)
  from subscriptions s, (
    select count(*) as number, coalesce(sum(millis), 0)::bigint as millis from grants where invoice_id = p_invoice.id) g
  where s.id = p_invoice.subscription_id
$$;

-- Internal. Of what was granted, what goes when p_cents have gone back: the months to come are given up first.
create function taken_millis(p_granted bigint, p_total bigint, p_cents bigint, p_paid bigint) returns bigint
language sql immutable set search_path = pg_catalog, public, pg_temp
as $$ select greatest(share_millis(p_total, p_cents, p_paid) - (p_total - p_granted), 0) $$;

-- Internal. Brings the books to what the refunds and disputes of an invoice's months say, as take_back does. p_grant: the key of a
-- month's grant, whose p_coming millis come in the same posting. Nothing is fetched from Venice. The caller holds the subscription.
create function apply_invoice_reversals(p_at timestamptz, p_invoice text, p_grant text default null, p_coming bigint default 0)
returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_invoice subscription_invoices;
  v_account text;
  v_months record;
  v_gone bigint;
  v_disputed bigint;
  v_burn bigint;
  v_want bigint;
  v_taken record;
  v_legs leg[];
begin
  select * into strict v_invoice from subscription_invoices where id = p_invoice for update;
  select account_id into strict v_account from subscriptions where id = v_invoice.subscription_id;
  v_months := months_of_invoice(v_invoice);
  select sum(least(r.refunded + r.lost, i.paid_cents)), sum(least(r.refunded + r.lost + r.disputed, i.paid_cents))
  into strict v_gone, v_disputed
  from subscription_invoices i, reversed_cents(i.payment) r
  where i.subscription_id = v_invoice.subscription_id and invoice_of_months(i) = v_invoice.id;
  v_burn := taken_millis(v_months.granted, v_months.total, v_gone, v_months.paid);
  v_want := taken_millis(v_months.granted, v_months.total, v_disputed, v_months.paid);
  if p_grant is null and v_burn = v_invoice.burned_millis
    and v_want = v_burn + v_invoice.frozen_millis + v_invoice.at_risk_millis then
    return;
  end if;
  v_taken := take_back(p_at, v_account, v_invoice.frozen_millis, v_invoice.burned_millis, v_want, v_burn, p_coming);
  v_legs := array[
    ('wallet', v_account, v_taken.wallet_leg)::leg,
    ('transit', v_account, v_taken.transit_leg)::leg,
    ('frozen', v_account, v_taken.frozen - v_invoice.frozen_millis)::leg,
    ('debt', v_account, v_taken.debt_leg)::leg,
    ('grants', null, v_burn - v_invoice.burned_millis - p_coming)::leg];
  if exists (select from unnest(v_legs) l where l.amount <> 0) then
    perform post(p_at, coalesce(p_grant, 'reversal:' || v_invoice.id || ':' || (v_invoice.reversals + 1)),
      case when p_grant is null then 'reversal' else 'grant' end, v_legs);
    v_invoice.reversals := v_invoice.reversals + (p_grant is null)::int;
  end if;
  update subscription_invoices set frozen_millis = v_taken.frozen, burned_millis = v_burn,
    at_risk_millis = v_want - v_burn - v_taken.frozen, reversals = v_invoice.reversals
  where id = v_invoice.id;
  if v_taken.debt_leg > 0 then
    perform repay_refund_debts(v_account, v_taken.debt_leg);
  end if;
end
$$;

-- Internal. The same for all invoices of a subscription that have granted something, when money of any has gone back.
create function apply_subscription_reversals(p_at timestamptz, p_subscription text) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  select apply_invoice_reversals(p_at, i.id)
  from subscription_invoices i
  where i.subscription_id = p_subscription and exists (select from grants where invoice_id = i.id) and exists (
    select from subscription_invoices b where b.subscription_id = p_subscription
      and (exists (select from refunds where payment = b.payment) or exists (select from disputes where payment = b.payment)))
  order by i.created_at, i.id
$$;

-- Internal. Posts the ducats of the months that are paid and have begun; of a year the first at once, each other in its time while
-- the subscription lives and no other period has taken its place, at the tier that it has by then. A change of interval begins a period
-- amid a month that was granted: it adds what its tier grants more than that. p_catalog: {<tier>: {grantMillis}}.
create function grant_months(p_at timestamptz, p_subscription subscriptions, p_catalog jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_month record;
  v_millis bigint;
begin
  for v_month in
    select i.id as invoice_id, months_after(i.period_start, k) as starts_at, t.tier,
      (p_catalog -> t.tier ->> 'grantMillis')::bigint as millis
    from subscription_invoices i
    cross join generate_series(0, 11) k
    cross join lateral (select case when k = 0 then i.tier else p_subscription.tier end as tier) t
    where i.subscription_id = p_subscription.id and i.status = 'paid' and not i.is_free
      and months_after(i.period_start, k) < i.period_end
      -- A month that ends later in the month than it began is one month.
      and (k = 0 or (i.period_end - i.period_start > interval '40 days' and months_after(i.period_start, k) <= p_at
        and months_after(i.period_start, k) < coalesce(p_subscription.ended_at, p_subscription.cancel_at, 'infinity')
        and not exists (select from subscription_invoices j where j.subscription_id = i.subscription_id and j.status <> 'void'
          and j.period_start > i.period_start and j.period_start <= months_after(i.period_start, k))))
    order by 2, i.created_at
  loop
    -- What was granted within a month of it, either way, is this month's, too; a month is 28 days at least.
    v_millis := v_month.millis - coalesce((
      select sum(g.millis) from grants g where g.subscription_id = p_subscription.id
        and g.month_start > months_after(v_month.starts_at, -1) + interval '3 days'
        and g.month_start < months_after(v_month.starts_at, 1) - interval '3 days'), 0);
    continue when coalesce(v_month.millis, 0) = 0;
    insert into grants (subscription_id, month_start, invoice_id, tier, millis, granted_at)
    values (p_subscription.id, v_month.starts_at, v_month.invoice_id, v_month.tier, greatest(v_millis, 0), p_at)
    on conflict do nothing;
    if found and v_millis > 0 then
      perform apply_invoice_reversals(p_at, v_month.invoice_id,
        'grant:' || p_subscription.id || ':' || iso(v_month.starts_at), v_millis);
    end if;
  end loop;
  -- What its months to come are worth may have changed.
  perform apply_subscription_reversals(p_at, p_subscription.id);
end
$$;

-- Internal. Writes what the customer is to know of by now; each thing once.
create function tell_subscription(p_at timestamptz, p_account text) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_now record := entitlements(p_account, p_at);
  v_told text;
  v_subscription subscriptions := subscription_alive(p_account);
begin
  -- A page that was left, and a first payment that was declined on it, are seen on the page itself.
  if v_subscription.status <> 'incomplete' then
    perform queue_letter(p_at, case when i.needs_action then 'renewal_needs_action' else 'renewal_failed' end, i.id, p_account,
      jsonb_build_object('tier', v_subscription.tier, 'usdCents', i.due_cents, 'graceEndsAt', iso(grace_ends(v_subscription))))
    from subscription_invoices i
    where i.subscription_id = v_subscription.id and i.status = 'open' and i.attempts > 0;
    if v_now.state = 'grace' and v_now.until - interval '2 days' <= p_at then
      perform queue_letter(p_at, 'grace_ending', v_subscription.id || ':' || iso(v_now.until), p_account,
        jsonb_build_object('tier', v_subscription.tier, 'graceEndsAt', iso(v_now.until)));
    end if;
    if v_now.state = 'trialing' and v_subscription.cancel_at is null
      and v_subscription.trial_end - interval '3 days' <= p_at then
      perform queue_letter(p_at, 'trial_ending', v_subscription.id || ':' || iso(v_subscription.trial_end), p_account,
        jsonb_build_object('tier', v_subscription.tier, 'period', v_subscription.period,
          'trialEndsAt', iso(v_subscription.trial_end)));
    end if;
    perform queue_letter(p_at, 'renewal_recovered', i.id, p_account,
      jsonb_build_object('tier', v_subscription.tier, 'usdCents', i.paid_cents))
    from subscription_invoices i
    where i.subscription_id = v_subscription.id and i.status = 'paid' and exists (
      select from letters l where l.kind in ('renewal_failed', 'renewal_needs_action') and l.object = i.id);
  end if;
  select told_tier into v_told from accounts where id = p_account;
  if v_told <> v_now.tier then
    update accounts set told_tier = v_now.tier where id = p_account and told_tier = v_told;
    if found then
      perform queue_letter(p_at, 'tier_change', p_account || ':' || iso(p_at), p_account,
        jsonb_build_object('from', v_told, 'to', v_now.tier, 'at', iso(p_at)));
    end if;
  end if;
end
$$;

-- Internal. When the one that counted is over: what was second counts from now on.
create function promote_second(p_at timestamptz, p_account text) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_id text;
begin
  update subscriptions set is_second = false where id = (
    select id from subscriptions where account_id = p_account and is_second and status not in ('canceled', 'incomplete_expired')
    order by started_at limit 1)
  returning id into v_id;
  perform close_alert(p_at, 'second_subscription', v_id);
end
$$;

-- What was read of a subscription at Stripe, with its latest invoices. p_read: {ticket, id, customer, livemode, status,
-- tier, period, periodStart, periodEnd, startedAt, trialEnd, cancelAt, endedAt, endReason, paused, hasOwnCard, nextTier, nextPeriod, nextAt, price,
-- invoices: [{id, status, reason, currency, dueCents, paidCents, price, tier, periodStart, periodEnd, isFree, attempts,
-- needsAction, payment, createdAt, paidAt}], catalog}.
-- Outcome: 'read' | 'superseded' (a later read counts) | 'ignored' (of a customer who is none of ours).
create function save_subscription_read(p_at timestamptz, p_read jsonb) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_id text := p_read ->> 'id';
  v_account text := coalesce((select account_id from subscriptions where id = v_id),
    (select id from accounts where stripe_customer = p_read ->> 'customer'
      and stripe_customer_live = (p_read ->> 'livemode')::boolean order by created_at limit 1));
  v_alive boolean := p_read ->> 'status' not in ('canceled', 'incomplete_expired');
  v_other text;
  v_subscription subscriptions;
  v_invoice subscription_invoices;
  v_newly_paid text[] := '{}';
  v_event text;
begin
  if v_account is null then
    return 'ignored';
  end if;
  perform lock_subscription(v_account);
  select s.id into v_other from subscriptions s
  where s.account_id = v_account and not s.is_second and s.status not in ('canceled', 'incomplete_expired') and s.id <> v_id;
  insert into subscriptions as s (id, account_id, livemode, ticket, read_at, status, price, tier, period, period_start, period_end,
    started_at, trial_end, cancel_at, ended_at, end_reason, paused, has_own_card, next_tier, next_period, next_at, is_second, month_millis)
  select v_id, v_account, r.livemode, r.ticket, p_at, r.status, r.price, r.tier, r.period, r."periodStart", r."periodEnd", r."startedAt",
    r."trialEnd", r."cancelAt", r."endedAt", r."endReason", r.paused, r."hasOwnCard", r."nextTier", r."nextPeriod", r."nextAt", v_alive and v_other is not null,
    coalesce((p_read -> 'catalog' -> r.tier ->> 'grantMillis')::bigint, 0)
  from jsonb_to_record(p_read) as r (livemode boolean, ticket bigint, status text, price text, tier text, period text,
    "periodStart" timestamptz, "periodEnd" timestamptz, "startedAt" timestamptz, "trialEnd" timestamptz, "cancelAt" timestamptz,
    "endedAt" timestamptz, "endReason" text, paused boolean, "hasOwnCard" boolean, "nextTier" text, "nextPeriod" text, "nextAt" timestamptz)
  on conflict (id) do update set ticket = excluded.ticket, read_at = excluded.read_at, status = excluded.status,
    -- A price that STRIPE_PRICE_… names no more keeps its tier for whom it has.
    tier = coalesce(excluded.tier, case when s.price = excluded.price then s.tier end), price = excluded.price,
    period = excluded.period, period_start = excluded.period_start, period_end = excluded.period_end,
    trial_end = excluded.trial_end, cancel_at = excluded.cancel_at, ended_at = excluded.ended_at, end_reason = excluded.end_reason, paused = excluded.paused,
    has_own_card = excluded.has_own_card,
    next_tier = excluded.next_tier, next_period = excluded.next_period, next_at = excluded.next_at,
    is_second = excluded.is_second,
    month_millis = case when excluded.tier is null and s.price = excluded.price then s.month_millis else excluded.month_millis end
  where s.ticket < excluded.ticket
  returning * into v_subscription;
  if not found then
    return 'superseded';
  end if;
  if v_subscription.is_second then
    perform open_alert(p_at, 'second_subscription', v_id, format(
      'Account %s has a second subscription, %s, beside %s: end it in Stripe and refund it. It grants nothing.',
      v_account, v_id, v_other));
  elsif not v_alive then
    perform close_alert(p_at, 'second_subscription', v_id);
  end if;
  if v_subscription.tier is null and v_alive then
    perform open_alert(p_at, 'unknown_price', v_id, format(
      'Subscription %s of account %s has the price %s, which belongs to no tier: it has Explorer''s limits. '
      'Give it a price of ours in Stripe, or name this one in STRIPE_PRICE_….', v_id, v_account, p_read ->> 'price'));
  else
    perform close_alert(p_at, 'unknown_price', v_id);
  end if;
  if v_subscription.next_at is null or not v_alive then
    perform close_alert(p_at, 'schedule_left', v_id);
  end if;
  perform close_alert(p_at, 'subscription_missing', v_id);

  -- The books have dollars alone, and the catalogue's ducats are for dollars.
  if v_alive and (
    select n.currency <> 'usd' from jsonb_to_recordset(p_read -> 'invoices') as n (currency text, "createdAt" timestamptz)
    order by n."createdAt" desc limit 1) then
    perform open_alert(p_at, 'invoice_currency', v_id, format(
      'Subscription %s of account %s is not paid in US dollars: its invoices are not in the books and grant no ducats. '
      'Give it a price of ours in Stripe, or end it.', v_id, v_account));
  else
    perform close_alert(p_at, 'invoice_currency', v_id);
  end if;
  for v_invoice in
    insert into subscription_invoices as i (id, subscription_id, status, reason, due_cents, paid_cents, tier,
      period_start, period_end, is_free, attempts, needs_action, payment, created_at)
    select n.id, v_id, n.status, n.reason, n."dueCents", n."paidCents",
      coalesce(n.tier, case when n.price = v_subscription.price then v_subscription.tier end), n."periodStart", n."periodEnd",
      n."isFree", n.attempts, n."needsAction", n.payment, n."createdAt"
    from jsonb_to_recordset(p_read -> 'invoices') as n (id text, status text, reason text, "dueCents" bigint, "paidCents" bigint,
      tier text, "periodStart" timestamptz, "periodEnd" timestamptz, "isFree" boolean, attempts int,
      "needsAction" boolean, payment text, "createdAt" timestamptz, currency text, price text)
    where n.currency = 'usd'
    order by n."createdAt", n.id
    on conflict (id) do update set status = excluded.status, due_cents = excluded.due_cents, paid_cents = excluded.paid_cents,
      tier = coalesce(excluded.tier, i.tier), period_start = excluded.period_start, period_end = excluded.period_end,
      is_free = excluded.is_free, attempts = excluded.attempts, needs_action = excluded.needs_action, payment = excluded.payment
    returning *
  loop
    -- Its PaymentIntent names no purchase: nothing is waited for.
    update stripe_events set state = 'ignored', outcome = 'ignored'
    where state = 'parked' and fact ->> 'paymentIntent' = v_invoice.payment and fact ->> 'purchaseId' is null;
    if v_invoice.paid_cents > v_invoice.posted_cents then
      perform post(p_at, 'invoice:' || v_invoice.id || case when v_invoice.posted_cents = 0 then '' else ':' || v_invoice.paid_cents end,
        'invoice', array[
          ('stripe_clearing', null, v_invoice.paid_cents - v_invoice.posted_cents)::leg,
          ('sales', null, v_invoice.posted_cents - v_invoice.paid_cents)::leg]);
      update subscription_invoices set posted_cents = paid_cents where id = v_invoice.id;
      perform lock_invoice_payment(v_invoice.payment);
      v_newly_paid := v_newly_paid || v_invoice.payment;
    end if;
  end loop;

  -- Its page was open when the subscription ended, or a try was under way.
  perform open_alert(p_at, 'paid_after_end', n.id, format(
    'Invoice %s of account %s ($%s) was paid after subscription %s had ended: nothing is served for it. Refund it in Stripe.',
    n.id, v_account, print_cents(n."paidCents"), v_id))
  from jsonb_to_recordset(p_read -> 'invoices') as n (id text, status text, reason text, "paidCents" bigint, "paidAt" timestamptz,
    payment text, currency text)
  where n.status = 'paid' and n.currency = 'usd' and n."paidCents" > 0 and n."paidAt" > v_subscription.ended_at
    and (reversed_cents(n.payment)).refunded < n."paidCents";

  if not v_subscription.is_second then
    perform grant_months(p_at, v_subscription, p_read -> 'catalog');
  end if;
  -- What was refunded or disputed before we knew what had been paid.
  for v_event in
    select id from stripe_events
    where fact ->> 'effect' = 'reread' and fact ->> 'payment' = any (v_newly_paid) and outcome = 'ignored' order by created, id
  loop
    perform handle_stripe_event(p_at, v_event);
  end loop;
  if not v_alive and v_other is null then
    perform promote_second(p_at, v_account);
  end if;
  perform tell_subscription(p_at, v_account);
  return 'read';
end
$$;

-- Internal. Writes to the subscriber about each refund that has arrived: what it took of what was granted, and of months to come.
create function tell_invoice_refunds(p_at timestamptz, p_account text, p_payment text) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  with months as (
    select o.id, o.subscription_id, (months_of_invoice(o)).* from subscription_invoices o
    where o.id = (select invoice_of_months(i) from subscription_invoices i where i.payment = p_payment)
  ), back as (
    select r.id, r.status, i.id as invoice_id, r.amount_cents, m.granted, m.total, m.paid,
      (sum(r.amount_cents) over (order by r.created_at, r.id))::bigint as cents
    from months m join subscription_invoices i on i.subscription_id = m.subscription_id and invoice_of_months(i) = m.id
      join refunds r on r.payment = i.payment
    where r.status in ('pending', 'requires_action', 'succeeded')
  ), taken as (
    select b.*, share_millis(total, cents, paid) - share_millis(total, cents - amount_cents, paid) as millis,
      taken_millis(granted, total, cents, paid) - taken_millis(granted, total, cents - amount_cents, paid) as taken
    from back b
  )
  select queue_letter(p_at, 'refunded', id, p_account, jsonb_build_object('invoiceId', invoice_id, 'usdCents', amount_cents,
    'takenMillis', taken, 'notGrantedMillis', millis - taken))
  from taken where status = 'succeeded' order by cents
$$;

-- Internal. What was read of a payment that paid an invoice: dollars and ducats follow; whether the subscription goes on, the operator
-- decides.
create function save_invoice_payment_read(p_at timestamptz, p_read jsonb) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_payment text := p_read ->> 'payment';
  v_invoice record;
  v_back record;
begin
  if not exists (select from subscription_invoices where payment = v_payment) then
    perform lock_invoice_payment(v_payment);
  end if;
  select i.id, i.paid_cents, s.account_id, s.id as subscription_id into v_invoice
  from subscription_invoices i join subscriptions s on s.id = i.subscription_id where i.payment = v_payment;
  if not found then
    return 'ignored';
  end if;
  perform lock_subscription(v_invoice.account_id);
  insert into payment_reads as r (payment, ticket, read_at) values (v_payment, (p_read ->> 'ticket')::bigint, p_at)
  on conflict (payment) do update set ticket = excluded.ticket, read_at = excluded.read_at where r.ticket < excluded.ticket;
  if not found then
    return 'superseded';
  end if;
  perform keep_reversals(v_payment, p_read);
  perform post_reversed_dollars(p_at, v_payment, false);
  perform apply_subscription_reversals(p_at, v_invoice.subscription_id);
  perform tell_disputes(p_at, v_payment, format('invoice %s (account %s)', v_invoice.id, v_invoice.account_id));
  perform tell_invoice_refunds(p_at, v_invoice.account_id, v_payment);
  v_back := reversed_cents(v_payment);
  if v_back.refunded + v_back.lost + v_back.disputed > 0 then
    perform open_alert(p_at, 'subscription_payment_back', v_payment, format(
      'Of invoice %s (account %s, subscription %s, $%s) $%s were refunded and $%s are disputed or lost. Its ducats follow by themselves; '
      'the subscription goes on until you cancel it in Stripe: at once for a stolen card. Cancel it, or leave it, then close this.',
      v_invoice.id, v_invoice.account_id, v_invoice.subscription_id, print_cents(v_invoice.paid_cents),
      print_cents(v_back.refunded), print_cents(v_back.lost + v_back.disputed)));
  else
    perform close_alert(p_at, 'subscription_payment_back', v_payment);
  end if;
  if v_back.refunded >= v_invoice.paid_cents then
    perform close_alert(p_at, 'paid_after_end', v_invoice.id);
  end if;
  return 'read';
end
$$;

-- A card that the customer has put in: what is open and was declined is tried with it at once. 'retried' | 'unchanged'.
create function retry_with_card(p_at timestamptz, p_customer text, p_payment_method text) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  insert into invoice_retries (invoice_id, payment_method, next_at, created_at)
  select i.id, p_payment_method, p_at, p_at
  from accounts a join subscriptions s on s.account_id = a.id join subscription_invoices i on i.subscription_id = s.id
  where a.stripe_customer = p_customer and i.status = 'open' and i.attempts > 0
    and not s.is_second and s.status in ('past_due', 'unpaid', 'incomplete')
  on conflict do nothing;
  return case when found then 'retried' else 'unchanged' end;
end
$$;

-- Leases tries that are due: {invoiceId, paymentMethod, subscriptionId}. What is not open any more, or of a subscription that is
-- over, is not paid: its tries end here.
create function claim_invoice_retries(p_at timestamptz, p_limit int, p_lease interval) returns setof jsonb
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update invoice_retries r set ended_at = p_at, state = case i.status when 'paid' then 'paid' else 'refused' end,
    error = case when i.status <> 'paid' then format('the invoice is %s, its subscription %s', i.status, s.status) end
  from subscription_invoices i join subscriptions s on s.id = i.subscription_id
  where r.state = 'asked' and r.next_at <= p_at and i.id = r.invoice_id
    and (i.status <> 'open' or s.status in ('canceled', 'incomplete_expired'));
  with due as (
    select invoice_id, payment_method from invoice_retries where state = 'asked' and next_at <= p_at
    order by next_at limit p_limit for update skip locked)
  update invoice_retries r set next_at = p_at + p_lease
  from due, subscription_invoices i
  where r.invoice_id = due.invoice_id and r.payment_method = due.payment_method and i.id = due.invoice_id
  returning jsonb_build_object('invoiceId', r.invoice_id, 'paymentMethod', r.payment_method, 'subscriptionId', i.subscription_id)
$$;

create function end_invoice_retry(p_at timestamptz, p_invoice text, p_payment_method text, p_state text, p_error text) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update invoice_retries set state = p_state, error = p_error, ended_at = p_at
  where invoice_id = p_invoice and payment_method = p_payment_method and state = 'asked'
$$;

-- What was read asks something of Stripe in turn: a card of its own is to become the customer's; of one that is over the invoices for
-- periods that nobody serves are to be void. {id, hasOwnCard, voids: [invoice]}.
create function subscriptions_to_follow_up(p_limit int) returns setof jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  (select jsonb_build_object('id', s.id, 'hasOwnCard', true, 'voids', jsonb_build_array())
  from subscriptions s
  where s.has_own_card and s.status not in ('canceled', 'incomplete_expired', 'incomplete') order by s.read_at)
  union all
  (select jsonb_build_object('id', s.id, 'hasOwnCard', false, 'voids', jsonb_agg(i.id))
  from subscription_invoices i join subscriptions s on s.id = i.subscription_id
  where i.status = 'open' and i.period_start is not null and s.status in ('canceled', 'incomplete_expired')
  group by s.id order by s.read_at)
  limit p_limit
$$;

-- Subscriptions to be read again: not read for p_every, or a renewal whose news has not come for an hour.
create function subscriptions_to_read(p_at timestamptz, p_every interval, p_limit int) returns setof text
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select id from subscriptions
  where status not in ('canceled', 'incomplete_expired') and (read_at <= p_at - p_every
    or (least(period_end, cancel_at) + interval '1 hour' <= p_at and read_at < least(period_end, cancel_at) + interval '1 hour'))
  order by read_at limit p_limit
$$;

-- One that Stripe doesn't have, as when it was made with another key: told, and not asked for again before its turn. A week after its
-- period it is over, so that the account can begin anew; one of test mode at once, when the site is live.
create function subscription_missing(p_at timestamptz, p_id text, p_livemode boolean) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text := (select account_id from subscriptions where id = p_id);
begin
  if v_account is null then
    return;
  end if;
  perform lock_subscription(v_account);
  update subscriptions set read_at = p_at where id = p_id;
  update subscriptions set status = 'canceled', ended_at = p_at
  where id = p_id and status not in ('canceled', 'incomplete_expired')
    and (period_end + grace() <= p_at or (p_livemode and not livemode));
  if found then
    perform promote_second(p_at, v_account);
    perform tell_subscription(p_at, v_account);
  end if;
  perform open_alert(p_at, 'subscription_missing', p_id, format(
    'Stripe does not have subscription %s (any more): it stays as it was last read, and is over a week after its period. '
    'Was STRIPE_SECRET_KEY changed?', p_id));
end
$$;

-- What the time alone brings: the months of yearly plans, the end of a grace, letters before it. p_catalog as grant_months has it.
-- So many accounts from p_after on (its last answer's), all without a limit: {seen, last}; last is null when none are left.
create function keep_subscriptions(p_at timestamptz, p_catalog jsonb, p_after text default null, p_limit int default null)
returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text;
  v_subscription subscriptions;
  v_seen int := 0;
begin
  for v_account in
    select distinct s.account_id from subscriptions s join accounts a on a.id = s.account_id
    where not s.is_second and (s.status not in ('canceled', 'incomplete_expired') or a.told_tier <> 'explorer')
      and (p_after is null or s.account_id > p_after)
    order by 1 limit p_limit
  loop
    perform lock_subscription(v_account);
    v_subscription := subscription_alive(v_account);
    if v_subscription.id is not null then
      perform grant_months(p_at, v_subscription, p_catalog);
    end if;
    perform tell_subscription(p_at, v_account);
    v_seen := v_seen + 1;
  end loop;
  return jsonb_build_object('seen', v_seen, 'last', case when v_seen = p_limit then v_account end);
end
$$;

-- Begins a change, or finds it again by the client's key. p_asked: {kind: 'change', tier, period, prorationAt, dueNowCents} |
-- {kind: 'cancel' | 'keep' | 'pause' | 'unpause'}. Outcome: {kind: 'unauthorised' | 'no_subscription' | 'key_reused' | 'under_way'},
-- {kind: 'known', state, error, subscriptionId}, or {kind: 'begun', id, subscriptionId, isLapsed, again}; again: it was begun before, and what
-- came of it isn't known. One whose answer never came is given up after p_lease.
create function begin_subscription_change(
  p_at timestamptz, p_visit jsonb, p_session text, p_id text, p_key text, p_asked jsonb, p_lease interval
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text := session_account(p_at, p_session);
  v_subscription subscriptions;
  v_change subscription_changes;
  v_again boolean;
begin
  if v_account is null then
    return jsonb_build_object('kind', 'unauthorised');
  end if;
  perform lock_subscription(v_account);
  v_subscription := subscription_alive(v_account);
  if v_subscription.id is null then
    return jsonb_build_object('kind', 'no_subscription');
  end if;
  update subscription_changes set state = 'unclear', ended_at = p_at
  where subscription_id = v_subscription.id and state = 'asked' and leased_until <= p_at and idempotency_key <> p_key;
  select * into v_change from subscription_changes where subscription_id = v_subscription.id and idempotency_key = p_key;
  if found then
    if v_change.asked <> p_asked then
      return jsonb_build_object('kind', 'key_reused');
    elsif v_change.state in ('done', 'refused') then
      return jsonb_build_object('kind', 'known', 'state', v_change.state, 'error', v_change.error,
        'subscriptionId', v_subscription.id);
    end if;
  end if;
  if exists (select from subscription_changes c where c.subscription_id = v_subscription.id and c.state = 'asked'
    and c.leased_until > p_at) then
    return jsonb_build_object('kind', 'under_way');
  end if;
  v_again := v_change.id is not null;
  if v_again then
    update subscription_changes set state = 'asked', ended_at = null, leased_until = p_at + p_lease where id = v_change.id;
  else
    insert into subscription_changes (id, subscription_id, idempotency_key, asked, leased_until, created_at)
    values (p_id, v_subscription.id, p_key, p_asked, p_at + p_lease, p_at) returning * into v_change;
    perform audit(p_at, p_visit, v_account, v_account, 'subscription.' || (p_asked ->> 'kind'),
      jsonb_build_object('subscription', v_subscription.id) || (p_asked - 'kind'));
  end if;
  return jsonb_build_object('kind', 'begun', 'id', v_change.id, 'subscriptionId', v_subscription.id,
    'isLapsed', (entitlements(v_account, p_at)).state = 'lapsed', 'again', v_again);
end
$$;

create function end_subscription_change(p_at timestamptz, p_id text, p_state text, p_error text) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update subscription_changes set state = p_state, error = p_error, ended_at = p_at where id = p_id and state in ('asked', 'unclear')
$$;

-- What a signed-in customer is shown of his tier: {kind: 'unauthorised'} or {kind: 'shown', tier, state, until, month: {start, end},
-- subscription: {...} | null, customer}.
create function show_subscription(p_at timestamptz, p_session text, p_livemode boolean) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account accounts;
  v_now record;
  v_subscription subscriptions;
begin
  select * into v_account from accounts where id = session_account(p_at, p_session);
  if not found then
    return jsonb_build_object('kind', 'unauthorised');
  end if;
  v_now := entitlements(v_account.id, p_at);
  select * into v_subscription from subscriptions where id = v_now.subscription_id;
  return jsonb_build_object('kind', 'shown', 'tier', v_now.tier, 'state', v_now.state, 'until', iso(v_now.until),
    'month', jsonb_build_object('start', iso(v_now.month_start), 'end', iso(v_now.month_end)),
    'accountId', v_account.id, 'email', v_account.email,
    'customer', case when v_account.stripe_customer_live = p_livemode then v_account.stripe_customer end,
    'trialUsed', trial_used(v_account.id),
    'subscription', case when v_subscription.id is not null then jsonb_build_object('id', v_subscription.id,
      'status', v_subscription.status, 'tier', v_subscription.tier, 'period', v_subscription.period,
      'periodStart', iso(v_subscription.period_start), 'periodEnd', iso(v_subscription.period_end),
      'trialEnd', iso(v_subscription.trial_end), 'cancelAt', iso(v_subscription.cancel_at),
      'endedAt', iso(v_subscription.ended_at), 'paused', v_subscription.paused,
      'next', case when v_subscription.next_at is not null then jsonb_build_object('tier', v_subscription.next_tier,
        'period', v_subscription.next_period, 'at', iso(v_subscription.next_at)) end,
      'openInvoice', (
        select jsonb_build_object('id', i.id, 'dueCents', i.due_cents, 'needsAction', i.needs_action)
        from subscription_invoices i where i.subscription_id = v_subscription.id and i.status = 'open' and i.attempts > 0
          and v_subscription.status not in ('canceled', 'incomplete_expired')
        order by i.created_at limit 1)) end);
end
$$;

-- For `health`: what waits, what is late, what has failed, what a person must look at; how old the copy of Venice's citizens is,
-- notices nobody could write, money that is going back, renewals that are not paid.
create function health_counts(p_at timestamptz) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'openAlerts', (select count(*) from alerts where closed_at is null),
    'parkedEvents', (select count(*) from stripe_events where state = 'parked'),
    'failedEvents', (select count(*) from stripe_events where state = 'failed'),
    'queuedLetters', (select count(*) from letters where state = 'queued'),
    'givenUpLetters', (select count(*) from letters where state = 'given_up'),
    'waitingDeliveries', (select count(*) from deliveries where status in ('pending', 'planned')),
    'activeDeliveries', (select count(*) from deliveries where status = 'active'),
    'lateDeliveries', (select count(*) from late_deliveries(p_at)),
    'givenUpNotices', (select count(*) from venice_notices where state = 'given_up'),
    'citizensAgeMinutes', (select floor(extract(epoch from p_at - completed_at) / 60)::bigint from citizens_walk),
    'askedRefunds', (select count(*) from refund_requests where state = 'asked'),
    'openDisputes', (select count(*) from disputes
      where status in ('warning_needs_response', 'warning_under_review', 'needs_response', 'under_review')),
    'unpaidSubscriptions', (select count(*) from subscriptions where status in ('past_due', 'unpaid')),
    'askedInvoiceRetries', (select count(*) from invoice_retries where state = 'asked'),
    'uncertainDeliveries', (select count(*) from deliveries where status = 'uncertain')))
$$;

grant execute on function begin_subscription, attach_customer, attach_start_session, end_start, starts_to_end,
  take_subscription_ticket, save_subscription_read, subscription_missing, subscriptions_to_read, subscriptions_to_follow_up,
  keep_subscriptions, retry_with_card, claim_invoice_retries, end_invoice_retry, begin_subscription_change,
  end_subscription_change, show_subscription, health_counts to cascade_app;
