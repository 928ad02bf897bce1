-- How much may be bought in one payment, a day and a month, by the payer and for the receiver; and discounts by promotion code.

-- `reserved_at`: since when a purchase takes room within the limits, and so the UTC day and month that it counts in; a further
-- attempt, or money that comes when the room was given up, begins anew. `reserved_until`: how long it does so unpaid.
-- `limits`: those it was opened under, by which money that comes too late is judged. `promotion_code`: Stripe's id;
-- `first_purchase_only`: its discount is for a first purchase.
alter table purchases
  add column reserved_at timestamptz,
  add column reserved_until timestamptz,
  add column limits jsonb not null default '{}',
  add column promotion_code text,
  add column first_purchase_only boolean not null default false,
  add constraint purchases_discount_by_code check (
    case when promotion_code is null then discount_cents = 0 and not first_purchase_only else discount_cents >= 0 end);

-- A quarter of an hour, for the news of a payment that was made in its page's last second.
create function reservation_margin() returns interval
language sql immutable
as $$ select interval '15 minutes' $$;

create index purchases_reserved_by_account on purchases (account_id, reserved_at);
create index purchases_reserved_for_citizen on purchases (citizen, reserved_at);

-- Internal. Whether a purchase takes room: paid, or under way, or its page can still be paid. One that was refunded goes on
-- doing so: what is limited is what may be charged, or money could go round without end.
create function takes_room(p_status text, p_reserved_until timestamptz, p_at timestamptz) returns boolean
language sql immutable set search_path = pg_catalog, public, pg_temp
as $$
  select p_status in ('processing', 'review', 'paid') or (p_status in ('draft', 'open') and coalesce(p_reserved_until > p_at, false))
$$;

-- Internal. What is left of each limit that is set; days and months are UTC. p_limits: {transactionCents, accountDayCents,
-- accountMonthCents, citizenDayCents, citizenMonthCents}, each or none. p_except: the purchase that is being judged.
create function limits_left(
  p_at timestamptz, p_account text, p_citizen text, p_livemode boolean, p_limits jsonb, p_except text
) returns table (name text, left_cents bigint, resets_at timestamptz)
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select l.name, greatest(l.cents - coalesce(case l.by
      when 'account' then (
        select sum(p.amount_cents) from purchases p
        where p.account_id = p_account and p.reserved_at >= w.starts_at and p.reserved_at < w.ends_at
          and p.livemode = p_livemode and p.id is distinct from p_except
          and takes_room(p.status, p.reserved_until, p_at))
      when 'citizen' then (
        select sum(p.amount_cents) from purchases p
        where p.citizen = p_citizen and p.reserved_at >= w.starts_at and p.reserved_at < w.ends_at
          and p.livemode = p_livemode and p.id is distinct from p_except
          and takes_room(p.status, p.reserved_until, p_at)) end, 0), 0)::bigint,
    w.ends_at
  from (values
    ('transaction', (p_limits ->> 'transactionCents')::bigint, null, null, null),
    ('account_day', (p_limits ->> 'accountDayCents')::bigint, 'account', 'day', interval '1 day'),
    ('account_month', (p_limits ->> 'accountMonthCents')::bigint, 'account', 'month', interval '1 month'),
    ('citizen_day', (p_limits ->> 'citizenDayCents')::bigint, 'citizen', 'day', interval '1 day'),
    ('citizen_month', (p_limits ->> 'citizenMonthCents')::bigint, 'citizen', 'month', interval '1 month')
  ) as l (name, cents, by, period, length)
  cross join lateral (
    select date_trunc(l.period, p_at at time zone 'UTC') at time zone 'UTC' as starts_at,
      (date_trunc(l.period, p_at at time zone 'UTC') + l.length) at time zone 'UTC' as ends_at) w
  where l.cents is not null
$$;

-- Internal. The limit that p_cents would break, the tightest of them: {limit, leftCents, resetsAt}; null when there is room.
create function limit_hit(
  p_at timestamptz, p_account text, p_citizen text, p_livemode boolean, p_cents bigint, p_limits jsonb, p_except text
) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object('limit', name, 'leftCents', left_cents, 'resetsAt', iso(resets_at))
  from limits_left(p_at, p_account, p_citizen, p_livemode, p_limits, p_except)
  where p_cents > left_cents and p_cents > 0
  order by left_cents, resets_at desc limit 1
$$;

-- Internal. Whoever reserves room of a payer or for a receiver waits here for who does so at the same time: the payer first,
-- then the receiver, and behind the purchase's own row where that is locked.
create function lock_limits(p_account text, p_citizen text) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  select pg_advisory_xact_lock(hashtext('limits of account'), hashtext(p_account));
  select pg_advisory_xact_lock(hashtext('limits of citizen'), hashtext(p_citizen));
$$;

-- Internal. Whether the account has bought, or has a page open at the price of a first purchase.
create function has_bought(p_at timestamptz, p_account text, p_livemode boolean, p_except text) returns boolean
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select exists (select from purchases p
    where p.account_id = p_account and p.livemode = p_livemode and p.id is distinct from p_except
      and takes_room(p.status, p.reserved_until, p_at)
      and (p.first_purchase_only or p.status in ('processing', 'review', 'paid')))
$$;

-- Internal. Why a purchase may not take its room: {kind: 'limit_reached', limit, leftCents, resetsAt} |
-- {kind: 'promotion_first_purchase_only'}; null when it may. Holds the locks until the transaction ends.
create function reservation_refusal(
  p_at timestamptz, p_account text, p_citizen text, p_livemode boolean, p_cents bigint, p_first_purchase_only boolean,
  p_limits jsonb, p_except text
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  perform lock_limits(p_account, p_citizen);
  if p_first_purchase_only and has_bought(p_at, p_account, p_livemode, p_except) then
    return jsonb_build_object('kind', 'promotion_first_purchase_only');
  end if;
  return jsonb_build_object('kind', 'limit_reached')
    || limit_hit(p_at, p_account, p_citizen, p_livemode, p_cents, p_limits, p_except);
end
$$;

-- Money is never refused: what comes when its room was given up is credited, takes room from then on, and is alerted where
-- that is more than there was.
create function purchases_paid_late() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_hit jsonb;
begin
  if takes_room(old.status, old.reserved_until, new.paid_at) then
    return new;
  end if;
  perform lock_limits(new.account_id, new.citizen);
  v_hit := limit_hit(new.paid_at, new.account_id, new.citizen, new.livemode, new.amount_cents, new.limits, new.id);
  new.reserved_at := new.paid_at;
  if v_hit is not null then
    perform open_alert(new.paid_at, 'limit_exceeded', new.id, format(
      'Purchase %s (%s, for %s) was paid when its time was over, and credited: %s, above the limit %s, which had %s left.',
      new.id, new.account_id, new.citizen, print_cents(new.amount_cents), replace(v_hit ->> 'limit', '_', ' '),
      print_cents((v_hit ->> 'leftCents')::bigint)));
  end if;
  return new;
end
$$;
create trigger purchases_paid_late before update of status on purchases for each row
  when (new.status = 'paid' and old.status <> 'paid') execute function purchases_paid_late();

-- Internal.
create function purchase_terms(p_purchase text) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object('id', p.id, 'accountId', p.account_id, 'citizen', p.citizen, 'deliverTo', p.deliver_to,
    'pack', p.pack, 'amountCents', p.amount_cents, 'discountCents', p.discount_cents, 'promotionCode', p.promotion_code,
    'totalMillis', p.base_millis + p.bonus_millis, 'status', p.status,
    'attempt', a.attempt, 'origin', a.origin, 'email', a.email, 'stripeCustomer', a.stripe_customer,
    'expiresAt', iso(a.expires_at), 'sessionId', a.session_id, 'sessionUrl', a.session_url)
  from purchases p join purchase_attempts a on a.purchase_id = p.id and a.attempt = p.attempt
  where p.id = p_purchase
$$;

-- What a quote is made of: {kind: 'unauthorised'} or {kind: 'quotable', accountId, citizen, debtMillis, rate, stripeCustomer,
-- hasBought, left: [{limit, leftCents, resetsAt}], pinned}. left: of each limit that is set, at this moment; nothing is
-- reserved. pinned: whether the account has pinned a purchase with the key p_key.
create function quote_terms(
  p_at timestamptz, p_session text, p_livemode boolean default false, p_limits jsonb default '{}', p_key text default null
) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select coalesce((
    select jsonb_build_object('kind', 'quotable', 'accountId', a.id, 'citizen', a.citizen, 'debtMillis', -b.debt,
      'rate', current_rate(p_at),
      'stripeCustomer', case when a.stripe_customer_live = p_livemode then a.stripe_customer end,
      'hasBought', has_bought(p_at, a.id, p_livemode, null),
      'left', coalesce((
        select jsonb_agg(jsonb_build_object('limit', name, 'leftCents', left_cents, 'resetsAt', iso(resets_at))
          order by left_cents, resets_at desc)
        from limits_left(p_at, a.id, a.citizen, p_livemode, p_limits, null)), '[]'),
      'pinned', exists (select from purchases where account_id = a.id and idempotency_key = p_key))
    from accounts a join balances b on b.account_id = a.id where a.id = session_account(p_at, p_session)),
    jsonb_build_object('kind', 'unauthorised'))
$$;

-- Gives the room of an attempt back whose request was refused before anybody had its page.
create function release_purchase(p_at timestamptz, p_purchase text, p_attempt int) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update purchases set reserved_until = p_at
  where id = p_purchase and attempt = p_attempt and status = 'draft' and reserved_until > p_at
$$;

grant execute on function quote_terms, release_purchase to cascade_app;
