-- A purchase as its owner sees it, and its history.

create index deliveries_of_purchase on deliveries (purchase_id) where purchase_id is not null;
create index refund_requests_of_purchase on refund_requests (purchase_id);

-- Internal. p_own: who looks may still pay.
create function purchase_view(p_purchase purchases, p_own boolean) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object('id', p_purchase.id, 'status', p_purchase.status, 'pack', p_purchase.pack,
    'usdCents', p_purchase.amount_cents, 'baseMillis', p_purchase.base_millis, 'bonusMillis', p_purchase.bonus_millis,
    'totalMillis', p_purchase.base_millis + p_purchase.bonus_millis, 'repaidMillis', p_purchase.repaid_millis,
    'deliverTo', p_purchase.deliver_to, 'citizen', p_purchase.citizen, 'lastDecline', p_purchase.last_decline,
    'openedAt', iso(p_purchase.opened_at), 'paidAt', iso(p_purchase.paid_at),
    'paymentUrl', case when p_own and p_purchase.status = 'open' then (
      select session_url from purchase_attempts where purchase_id = p_purchase.id and attempt = p_purchase.attempt) end,
    'frozenMillis', p_purchase.frozen_millis, 'burnedMillis', p_purchase.burned_millis,
    'atRiskMillis', p_purchase.at_risk_millis)
$$;

-- Internal. A purchase's delivery, or null.
create function delivery_of(p_purchase text) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$ select delivery_view(d) from deliveries d where d.purchase_id = p_purchase order by d.created_at desc limit 1 $$;

-- Internal. All that happened to a purchase, in the order in which it came about. Stripe's clock counts seconds, and of a payment
-- we may hear after it has gone back: nothing is before the order, nothing goes back before it was credited, and within a
-- second the order of the kinds decides.
create function purchase_timeline(p_purchase purchases) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  with payments as (
    select p_purchase.payment_intent as payment where p_purchase.payment_intent is not null
    union select q.payment from quarantines q where q.purchase_id = p_purchase.id
  ), steps (at, rank, id, step) as (
    select p_purchase.opened_at, 1, 0::text, jsonb_build_object('kind', 'ordered', 'usdCents', p_purchase.amount_cents)
    union all
    select e.created, case e.fact ->> 'effect' when 'processing' then 3 else 2 end, e.id, case e.fact ->> 'effect'
      when 'declined' then jsonb_build_object('kind', 'declined', 'reason', e.fact ->> 'reason')
      when 'failed' then jsonb_build_object('kind', 'failed', 'reason', e.fact ->> 'reason')
      else jsonb_build_object('kind', e.fact ->> 'effect') end
    from stripe_events e
    where e.fact ->> 'purchaseId' = p_purchase.id
      and e.fact ->> 'effect' in ('declined', 'processing', 'failed', 'expired')
      -- A decline that we heard of late was one all the same; of the others only what ended something.
      and e.state = 'applied' and (e.fact ->> 'effect' = 'declined' or e.outcome = e.fact ->> 'effect')
    union all
    select q.opened_at, 4, q.payment, jsonb_build_object('kind', 'set_aside', 'usdCents', q.amount_cents,
      'currency', q.currency)
    from quarantines q where q.purchase_id = p_purchase.id
    union all
    select p_purchase.paid_at, 5, '0', jsonb_build_object('kind', 'paid', 'usdCents', p_purchase.amount_cents)
    where p_purchase.paid_at is not null
    union all
    select p_purchase.paid_at, 6, '0', jsonb_build_object('kind', 'credited',
      'millis', p_purchase.base_millis + p_purchase.bonus_millis, 'repaidMillis', p_purchase.repaid_millis)
    where p_purchase.paid_at is not null
    union all
    select v.at, 7, lpad(v.id::text, 20, '0'), jsonb_build_object('kind', 'delivery', 'deliveryId', d.id, 'status', v.status)
    from deliveries d join delivery_events v on v.delivery_id = d.id where d.purchase_id = p_purchase.id
    union all
    select r.created_at, 8, r.id, jsonb_build_object('kind', 'refund_asked', 'usdCents', r.amount_cents)
    from refund_requests r where r.purchase_id = p_purchase.id and r.state = 'asked'
    union all
    select r.ended_at, 8, r.id, jsonb_build_object('kind', 'refund_refused', 'usdCents', r.amount_cents)
    from refund_requests r where r.purchase_id = p_purchase.id and r.state = 'refused'
    union all
    select c.at, 8, lpad(c.nth::text, 20, '0'), jsonb_build_object('kind', c.kind, 'why', c.why, 'usdCents', c.cents)
    from (
      select made_at as at, nth, 'corrected' as kind, kind as why, cents from corrections where purchase_id = p_purchase.id
      union all select undone_at, nth, 'correction_undone', kind, cents from corrections
      where purchase_id = p_purchase.id and undone_at is not null) c
    union all
    select v.at, 9, lpad(v.id::text, 20, '0'), jsonb_build_object('kind', 'refund', 'id', r.id, 'usdCents', r.amount_cents,
      'status', v.status)
    from refunds r join payments p on p.payment = r.payment join reversal_events v on v.object = r.id
    union all
    select v.at, 9, lpad(v.id::text, 20, '0'), jsonb_build_object('kind', 'dispute', 'id', d.id, 'usdCents', d.amount_cents,
      'status', v.status, 'reason', d.reason)
    from disputes d join payments p on p.payment = d.payment join reversal_events v on v.object = d.id
    union all
    select r.asked_at, 10, r.id, jsonb_build_object('kind', 'recall', 'millis', r.millis, 'status', r.state)
    from recalls r where r.purchase_id = p_purchase.id
  )
  select jsonb_agg(step || jsonb_build_object('at', iso(at)) order by
    date_trunc('second', greatest(at, case when rank >= 8 then p_purchase.paid_at end, p_purchase.opened_at)), rank, id)
  from steps
$$;

-- Internal. An account's purchases, the newest first, ordered before p_before, each with its delivery. A draft has no payment page yet
-- and is not shown.
create function purchases_page(p_account text, p_before timestamptz, p_limit int) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select coalesce(jsonb_agg(purchase_view(p, true) || jsonb_build_object('delivery', delivery_of(p.id))
    order by p.opened_at desc, p.id), '[]')
  from purchases p where p.id in (
    select id from purchases
    where account_id = p_account and status <> 'draft' and (p_before is null or opened_at < p_before)
    order by opened_at desc, id limit p_limit)
$$;

-- The caller's own.
create function list_purchases(p_at timestamptz, p_key_hash bytea, p_session text, p_before timestamptz, p_limit int)
returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_caller record;
begin
  v_caller := who_calls(p_at, p_key_hash, p_session, 'credits:read');
  if v_caller.kind <> 'ok' then
    return jsonb_build_object('kind', v_caller.kind);
  end if;
  return jsonb_build_object('kind', 'read', 'keySeenLongAgo', v_caller.key_seen_long_ago,
    'purchases', purchases_page(v_caller.account_id, p_before, p_limit));
end
$$;

-- One of the account's purchases, for support and admins anybody's: its payment pages, its delivery, its timeline.
-- {kind: 'not_found'} for any other.
create function read_purchase(p_at timestamptz, p_key_hash bytea, p_session text, p_purchase text) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_caller record;
  v_purchase purchases;
begin
  v_caller := who_calls(p_at, p_key_hash, p_session, 'credits:read');
  if v_caller.kind <> 'ok' then
    return jsonb_build_object('kind', v_caller.kind);
  end if;
  select * into v_purchase from purchases
  where id = p_purchase and status <> 'draft'
    and (account_id = v_caller.account_id or staff_account(p_at, p_session, 'support') is not null);
  if not found then
    return jsonb_build_object('kind', 'not_found');
  end if;
  return jsonb_build_object('kind', 'read', 'keySeenLongAgo', v_caller.key_seen_long_ago,
    'purchase', purchase_view(v_purchase, v_purchase.account_id = v_caller.account_id),
    'paymentPages', coalesce((
      select jsonb_agg(jsonb_build_object('attempt', attempt, 'expiresAt', iso(expires_at)) order by attempt)
      from purchase_attempts where purchase_id = v_purchase.id), '[]'),
    'delivery', delivery_of(v_purchase.id),
    'timeline', purchase_timeline(v_purchase));
end
$$;

grant execute on function list_purchases, read_purchase to cascade_app;
