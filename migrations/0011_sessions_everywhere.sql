-- Every statement that somebody signed in may call takes his session, and refuses a dead one in the same round trip; keys
-- have their scopes. And the letters that trade writes.

drop function create_api_key, reroll_api_key, list_api_keys, revoke_api_key, charge_usage, report_usage, usage_caller,
  open_purchase, credit_status;

-- `last_used_at` is kept to the quarter of an hour, after the answer.
alter table api_keys add column last_used_at timestamptz;

-- A key may be made with a verified e-mail only. Outcome: created | limit (the tier's number of live keys is reached) |
-- not_verified | unauthorised.
create function create_api_key(
  p_at timestamptz, p_visit jsonb, p_session text, p_id text, p_name text, p_hint text, p_hash bytea, p_scopes text[],
  p_expires_at timestamptz, p_limits jsonb
) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text := session_account(p_at, p_session);
  v_tier text;
  v_verified boolean;
begin
  -- The account's row is the lock: two creations at the limit cannot both see room.
  select tier, email_verified_at is not null into v_tier, v_verified from accounts where id = v_account for no key update;
  if session_account(p_at, p_session) is null then
    return 'unauthorised';
  elsif not v_verified then
    return 'not_verified';
  end if;
  if (select count(*) from api_keys where account_id = v_account and revoked_at is null and replaced_by is null
      and (expires_at is null or expires_at > p_at)) >= (p_limits ->> v_tier)::int then
    return 'limit';
  end if;
  insert into api_keys (id, account_id, name, hint, hash, scopes, created_at, expires_at)
  values (p_id, v_account, p_name, p_hint, p_hash, p_scopes, p_at, p_expires_at);
  perform audit(p_at, p_visit, v_account, v_account, 'api_key.created',
    jsonb_build_object('key', p_id, 'name', p_name, 'scopes', p_scopes));
  return 'created';
end
$$;

-- A new secret in a key's place, with its name, scopes and end; the old one works until p_until at the latest.
-- Outcome: {kind: 'rerolled', name, scopes, expiresAt} | {kind: 'not_found' | 'unauthorised'} | {kind: 'ended'} (revoked,
-- expired, replaced).
create function reroll_api_key(
  p_at timestamptz, p_visit jsonb, p_session text, p_key text, p_id text, p_hint text, p_hash bytea, p_until timestamptz
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text := session_account(p_at, p_session);
  v_key api_keys;
begin
  if v_account is null then
    return jsonb_build_object('kind', 'unauthorised');
  end if;
  select * into v_key from api_keys where id = p_key and account_id = v_account for update;
  if not found then
    return jsonb_build_object('kind', 'not_found');
  elsif v_key.revoked_at is not null or v_key.replaced_by is not null or v_key.expires_at <= p_at then
    return jsonb_build_object('kind', 'ended');
  end if;
  insert into api_keys (id, account_id, name, hint, hash, scopes, created_at, expires_at)
  values (p_id, v_account, v_key.name, p_hint, p_hash, v_key.scopes, p_at, v_key.expires_at);
  update api_keys set replaced_by = p_id, expires_at = least(expires_at, p_until) where id = p_key;
  perform audit(p_at, p_visit, v_account, v_account, 'api_key.rerolled',
    jsonb_build_object('key', p_key, 'by', p_id, 'until', iso(p_until)));
  return jsonb_build_object('kind', 'rerolled', 'name', v_key.name, 'scopes', v_key.scopes,
    'expiresAt', iso(v_key.expires_at));
end
$$;

-- The newest first, the ended ones, too; null when the session has ended.
create function list_api_keys(p_at timestamptz, p_session text) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select coalesce((
    select jsonb_agg(jsonb_build_object('id', k.id, 'name', k.name, 'hint', k.hint, 'scopes', k.scopes,
      'createdAt', iso(k.created_at), 'expiresAt', iso(k.expires_at), 'lastUsedAt', iso(k.last_used_at),
      'revokedAt', iso(k.revoked_at), 'replacedBy', k.replaced_by) order by k.created_at desc, k.id)
    from api_keys k where k.account_id = a.id), '[]')
  from accounts a where a.id = session_account(p_at, p_session)
$$;

-- Revoking twice keeps the first time. Outcome: revoked | not_found | unauthorised.
create function revoke_api_key(p_at timestamptz, p_visit jsonb, p_session text, p_key text) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text := session_account(p_at, p_session);
  v_was timestamptz;
begin
  if v_account is null then
    return 'unauthorised';
  end if;
  select revoked_at into v_was from api_keys where id = p_key and account_id = v_account for update;
  if not found then
    return 'not_found';
  elsif v_was is null then
    update api_keys set revoked_at = p_at where id = p_key;
    perform audit(p_at, p_visit, v_account, v_account, 'api_key.revoked', jsonb_build_object('key', p_key));
  end if;
  return 'revoked';
end
$$;

-- Internal. Who calls: an API key's live owner with the scope, or a live session's account. Outcome in `kind`: ok |
-- unauthorised | forbidden. `key_seen_long_ago`: its last use should be written down again.
create function who_calls(p_at timestamptz, p_key_hash bytea, p_session text, p_scope text,
  out kind text, out account_id text, out api_key_id text, out tier text, out key_seen_long_ago boolean)
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_scopes text[];
begin
  if p_key_hash is null then
    select 'ok', a.id, a.tier into kind, account_id, tier from accounts a where a.id = session_account(p_at, p_session);
  else
    select 'ok', a.id, k.id, a.tier, k.scopes, coalesce(k.last_used_at < p_at - interval '15 minutes', true)
    into kind, account_id, api_key_id, tier, v_scopes, key_seen_long_ago
    from api_keys k join accounts a on a.id = k.account_id where k.hash = p_key_hash and k.revoked_at is null
      and (k.expires_at is null or k.expires_at > p_at);
    if found and not p_scope = any (v_scopes) then
      kind := 'forbidden';
    end if;
  end if;
  kind := coalesce(kind, 'unauthorised');
  key_seen_long_ago := coalesce(key_seen_long_ago, false);
end
$$;

-- After the answer, once in a while: a key was used.
create function touch_api_key(p_at timestamptz, p_key_hash bytea) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update api_keys set last_used_at = p_at
  where hash = p_key_hash and (last_used_at is null or last_used_at < p_at - interval '15 minutes')
$$;

-- Charges a batch in one call: claims, events, rollup and one transaction in the books, or nothing.
-- p_events: [{id, meter, units, weighted, at, hash}], `weighted` = units times the meter's weight; p_prices: millis per
-- weighted unit, by tier. In order; from the first new event that doesn't fit, later new ones are insufficient. A wallet
-- that falls below p_low_millis is told of, once a day at most.
-- Outcome: {kind: 'unauthorised' | 'forbidden'} or {kind: 'judged', accountId, walletMillis, keySeenLongAgo, results: [{id,
-- outcome: charged | duplicate | conflict | insufficient, chargedMillis}]}; a duplicate shows what its event was charged
-- once.
create function charge_usage(p_at timestamptz, p_key_hash bytea, p_session text, p_prices jsonb, p_low_millis bigint,
  p_events jsonb) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_caller record;
  v_price bigint;
  v_wallet bigint;
  v_transaction bigint := nextval(pg_get_serial_sequence('transactions', 'id'));
  v_total bigint;
  v_first text;
  v_results jsonb;
begin
  v_caller := who_calls(p_at, p_key_hash, p_session, 'usage:write');
  if v_caller.kind <> 'ok' then
    return jsonb_build_object('kind', v_caller.kind);
  end if;
  v_price := (p_prices ->> v_caller.tier)::bigint;
  if v_price is null then
    raise exception 'no price for tier %', v_caller.tier;
  end if;
  -- The balance's row is the lock: charges of one account are judged one after the other.
  select wallet into strict v_wallet from balances where account_id = v_caller.account_id for update;

  with offered as materialized (
    select e.ordinal, e.id, e.meter, e.units, e.at, decode(e.hash, 'hex') as hash, e.weighted * v_price as cost,
      row_number() over (partition by e.id order by e.ordinal) as turn,
      first_value(decode(e.hash, 'hex')) over (partition by e.id order by e.ordinal) as first_hash
    from rows from (jsonb_to_recordset(p_events) as
      (id text, meter text, units bigint, weighted bigint, at timestamptz, hash text)) with ordinality
      as e (id, meter, units, weighted, at, hash, ordinal)
  ), known as materialized (
    select o.*, c.body_hash as claimed_hash, c.charged_millis as claimed_millis,
      sum(o.cost) filter (where c.event_id is null and o.turn = 1) over (order by o.ordinal) as running
    from offered o left join usage_claims c on c.account_id = v_caller.account_id and c.event_id = o.id
  ), judged as materialized (
    select k.*, case
      when claimed_hash is not null then case when claimed_hash = hash then 'duplicate' else 'conflict' end
      when turn = 1 then case when running <= v_wallet then 'charged' else 'insufficient' end
    end as outcome
    from known k
  ), repeated as materialized (
    -- The same id again in one batch: it shares its first one's fate.
    select j.ordinal, j.id, j.meter, j.units, j.at, j.hash, j.cost,
      case when j.outcome is not null then j.outcome
           when f.outcome = 'insufficient' then 'insufficient'
           when j.hash = j.first_hash then 'duplicate' else 'conflict' end as outcome,
      case when j.outcome = 'charged' then j.cost
           when j.outcome = 'duplicate' then j.claimed_millis
           when j.outcome is null and f.outcome = 'charged' and j.hash = j.first_hash then f.cost
           else 0 end as charged_millis
    from judged j left join judged f on j.outcome is null and f.id = j.id and f.turn = 1
  ), claimed as (
    insert into usage_claims (account_id, event_id, body_hash, charged_millis, claimed_at)
    select v_caller.account_id, id, hash, cost, p_at from repeated where outcome = 'charged'
  ), recorded as (
    insert into usage_events (account_id, event_id, meter, units, charged_millis, occurred_at, received_at,
      api_key_id, transaction_id)
    select v_caller.account_id, id, meter, units, cost, at, p_at, v_caller.api_key_id,
      case when cost > 0 then v_transaction end
    from repeated where outcome = 'charged'
  ), rolled as (
    insert into usage_days as d (account_id, day, meter, events, units, charged_millis)
    select v_caller.account_id, (at at time zone 'UTC')::date, meter, count(*), sum(units), sum(cost)
    from repeated where outcome = 'charged' group by 2, 3 order by 2, 3
    on conflict (account_id, day, meter) do update set
      events = d.events + excluded.events,
      units = d.units + excluded.units,
      charged_millis = d.charged_millis + excluded.charged_millis
  )
  select coalesce(sum(cost) filter (where outcome = 'charged'), 0),
    (array_agg(id order by ordinal) filter (where outcome = 'charged' and cost > 0))[1],
    coalesce(jsonb_agg(jsonb_build_object('id', id, 'outcome', outcome, 'chargedMillis', charged_millis)
      order by ordinal), '[]')
  into v_total, v_first, v_results from repeated;

  if v_total > 0 then
    perform post(p_at, 'usage:' || v_caller.account_id || ':' || v_first, 'usage', array[
      ('wallet', v_caller.account_id, -v_total)::leg, ('spent', null, v_total)::leg], v_transaction);
    if v_wallet >= p_low_millis and v_wallet - v_total < p_low_millis then
      perform queue_letter(p_at, 'low_balance', v_caller.account_id || ':' || (p_at at time zone 'UTC')::date,
        v_caller.account_id, jsonb_build_object('walletMillis', v_wallet - v_total));
    end if;
  end if;
  return jsonb_build_object('kind', 'judged', 'accountId', v_caller.account_id,
    'walletMillis', v_wallet - v_total, 'keySeenLongAgo', v_caller.key_seen_long_ago, 'results', v_results);
end
$$;

-- Usage by UTC day and meter, both days included. Outcome like charge_usage's: {kind: 'reported', keySeenLongAgo, days: […]}.
create function report_usage(p_at timestamptz, p_key_hash bytea, p_session text, p_from date, p_to date) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_caller record;
begin
  v_caller := who_calls(p_at, p_key_hash, p_session, 'usage:read');
  if v_caller.kind <> 'ok' then
    return jsonb_build_object('kind', v_caller.kind);
  end if;
  return jsonb_build_object('kind', 'reported', 'keySeenLongAgo', v_caller.key_seen_long_ago, 'days', coalesce((
    select jsonb_agg(jsonb_build_object('day', day, 'meter', meter, 'events', events, 'units', units,
      'chargedMillis', charged_millis) order by day, meter)
    from usage_days where account_id = v_caller.account_id and day between p_from and p_to), '[]'));
end
$$;

-- Pins the purchase, or finds it again by the client's key.
-- Outcome: {kind: 'unauthorised' | 'key_reused'} or {kind: 'pinned', terms, promisedMillis, debtMillis}.
create function open_purchase(
  p_at timestamptz, p_id text, p_session text, p_key text, p_request_hash bytea, p_deliver_to text, p_pack text,
  p_amount_cents bigint, p_base_millis bigint, p_bonus_millis bigint, p_micro_usd_per_ducat bigint,
  p_livemode boolean, p_origin text, p_expires_at timestamptz
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account record;
  v_purchase record;
begin
  select a.*, b.debt into v_account from accounts a join balances b on b.account_id = a.id where a.id = session_account(p_at, p_session);
  if not found then
    return jsonb_build_object('kind', 'unauthorised');
  end if;
  insert into purchases (id, account_id, citizen, deliver_to, idempotency_key, request_hash, pack, amount_cents,
    livemode, base_millis, bonus_millis, micro_usd_per_ducat, status, attempt, opened_at)
  values (p_id, v_account.id, v_account.citizen, p_deliver_to, p_key, p_request_hash, p_pack, p_amount_cents,
    p_livemode, p_base_millis, p_bonus_millis, p_micro_usd_per_ducat, 'draft', 1, p_at)
  on conflict (account_id, idempotency_key) do nothing;
  if found then
    insert into purchase_attempts (purchase_id, attempt, origin, email, stripe_customer, expires_at)
    values (p_id, 1, p_origin, v_account.email,
      case when v_account.stripe_customer_live = p_livemode then v_account.stripe_customer end, p_expires_at);
  end if;
  select * into strict v_purchase from purchases where account_id = v_account.id and idempotency_key = p_key;
  if v_purchase.request_hash <> p_request_hash then
    return jsonb_build_object('kind', 'key_reused');
  end if;
  return jsonb_build_object('kind', 'pinned', 'terms', purchase_terms(v_purchase.id),
    'promisedMillis', promised_millis(), 'debtMillis', -v_account.debt);
end
$$;

-- Everything a customer sees of their ducats, in one answer. {kind: 'unauthorised' | 'forbidden'} or {kind: 'read',
-- keySeenLongAgo, status}. `purse` is the last sight of the citizen's purse, however old. Drafts are left out: nothing was
-- offered to the customer yet.
create function credit_status(p_at timestamptz, p_key_hash bytea, p_session text) returns jsonb
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
    'status', credit_status_of(v_caller.account_id));
end
$$;

-- Internal. As in 0007, and the receipt.
create or replace function settle_purchase(p_at timestamptz, p_purchase purchases, p_payment_intent text, p_customer text)
returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_total bigint := p_purchase.base_millis + p_purchase.bonus_millis;
  v_credit leg[] := credit_legs(p_purchase.account_id, v_total);
  v_credited bigint := v_credit[2].amount;
  v_whole bigint := v_credited - v_credited % 1000;
  v_delivery text;
begin
  perform post(p_at, 'purchase:' || p_purchase.id, 'purchase', v_credit || array[
    ('issuance', null, -p_purchase.base_millis)::leg,
    ('bonus', null, -p_purchase.bonus_millis)::leg,
    ('stripe_clearing', null, p_purchase.amount_cents)::leg,
    ('discounts', null, p_purchase.discount_cents)::leg,
    ('sales', null, -(p_purchase.amount_cents + p_purchase.discount_cents))::leg]);
  update purchases set status = 'paid', paid_at = p_at, payment_intent = p_payment_intent, last_decline = null,
    repaid_millis = v_total - v_credited
  where id = p_purchase.id;
  update accounts set stripe_customer = p_customer, stripe_customer_live = p_purchase.livemode
  where id = p_purchase.account_id and p_customer is not null
    and stripe_customer_live is distinct from p_purchase.livemode;
  perform record_usage(p_at, p_purchase.account_id, p_purchase.id, 'ducats.purchased', v_total);
  if p_purchase.deliver_to = 'venice' and v_whole > 0 then
    v_delivery := 'dlv_' || substr(p_purchase.id, 5);
    perform post(p_at, 'send:' || v_delivery, 'send', array[
      ('wallet', p_purchase.account_id, -v_whole)::leg, ('transit', p_purchase.account_id, v_whole)::leg]);
    insert into deliveries (id, account_id, purchase_id, citizen, millis, next_at, created_at)
    values (v_delivery, p_purchase.account_id, p_purchase.id, p_purchase.citizen, v_whole, p_at, p_at);
  end if;
  perform queue_letter(p_at, 'receipt', p_purchase.id, p_purchase.account_id, jsonb_build_object(
    'purchaseId', p_purchase.id, 'usdCents', p_purchase.amount_cents, 'baseMillis', p_purchase.base_millis,
    'bonusMillis', p_purchase.bonus_millis, 'totalMillis', v_total, 'repaidMillis', v_total - v_credited,
    'citizen', p_purchase.citizen, 'deliverTo', p_purchase.deliver_to, 'paidAt', iso(p_at)));
  return v_delivery;
end
$$;

-- Internal. As in 0007, and a letter for a payment that failed after the customer had left the payment page.
create or replace function apply_payment_fact(p_at timestamptz, p_event text, p_livemode boolean, p_fact jsonb,
  out outcome text, out purchase_id text, out delivery_id text)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_effect text := p_fact ->> 'effect';
  v_purchase purchases;
begin
  select * into v_purchase from purchases where id = purchase_of_fact(p_fact) for update;
  if not found then
    outcome := 'parked';
    return;
  end if;
  purchase_id := v_purchase.id;
  if v_effect = 'paid' then
    outcome := case
      when p_livemode <> v_purchase.livemode then 'mode_mismatch'
      when v_purchase.status = 'paid'
        and v_purchase.payment_intent is not distinct from p_fact ->> 'paymentIntent' then 'already_settled'
      when p_fact ->> 'currency' <> v_purchase.currency then 'currency_mismatch'
      when (p_fact ->> 'amountCents')::bigint <> v_purchase.amount_cents then 'amount_mismatch'
      when v_purchase.status = 'paid' then 'second_payment'
      else 'settled'
    end;
    if outcome = 'settled' then
      delivery_id := settle_purchase(p_at, v_purchase, p_fact ->> 'paymentIntent', p_fact ->> 'customer');
    elsif outcome <> 'already_settled' then
      perform quarantine_payment(p_at, p_event, v_purchase, p_livemode, p_fact, outcome);
    end if;
    return;
  end if;

  outcome := 'unchanged';
  if p_livemode <> v_purchase.livemode then
    outcome := 'mode_mismatch';
  elsif not is_current_session(v_purchase, p_fact ->> 'sessionId') then
    -- An earlier attempt's session ends when a new one begins: that ends nothing.
    outcome := 'unchanged';
  elsif v_effect = 'processing' and v_purchase.status in ('draft', 'open') then
    update purchases set status = 'processing' where id = v_purchase.id;
    outcome := 'processing';
  elsif v_effect = 'failed' and v_purchase.status in ('draft', 'open', 'processing') then
    update purchases set status = 'failed', last_decline = p_fact ->> 'reason' where id = v_purchase.id;
    perform queue_letter(p_at, 'payment_failed', v_purchase.id || '-' || v_purchase.attempt, v_purchase.account_id,
      jsonb_build_object('purchaseId', v_purchase.id, 'usdCents', v_purchase.amount_cents,
        'totalMillis', v_purchase.base_millis + v_purchase.bonus_millis, 'reason', p_fact ->> 'reason'));
    outcome := 'failed';
  elsif v_effect = 'expired' and v_purchase.status in ('draft', 'open') then
    update purchases set status = 'expired' where id = v_purchase.id;
    outcome := 'expired';
  elsif v_effect = 'declined' and v_purchase.status in ('draft', 'open') then
    update purchases set last_decline = p_fact ->> 'reason' where id = v_purchase.id;
    outcome := 'declined';
  end if;
end
$$;

-- One alert while any delivery is late; each late delivery's customer is told once.
create or replace function check_lateness(p_at timestamptz) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_late bigint := (select count(*) from late_deliveries(p_at));
begin
  if v_late > 0 then
    perform queue_letter(p_at, 'delivery_late', d.id, d.account_id, jsonb_build_object('deliveryId', d.id,
      'purchaseId', d.purchase_id, 'millis', d.millis, 'citizen', d.citizen, 'createdAt', iso(d.created_at)))
    from deliveries d where d.id in (select late_deliveries(p_at)) order by d.id;
    perform open_alert(p_at, 'deliveries_late', 'deliveries', format(
      '%s deliveries are on their way for more than nine hours: does the game run, do their rows expire, is the '
      'processor''s purse filled?', v_late));
  else
    perform close_alert(p_at, 'deliveries_late', 'deliveries');
  end if;
end
$$;

-- For `health`: counts of what waits for somebody.
create or replace function health_counts(p_at timestamptz) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object(
    'openAlerts', (select count(*) from alerts where closed_at is null),
    'parkedEvents', (select count(*) from stripe_events where state = 'parked'),
    'failedEvents', (select count(*) from stripe_events where state = 'failed'),
    'queuedLetters', (select count(*) from letters where state = 'queued'),
    'givenUpLetters', (select count(*) from letters where state = 'given_up'),
    'waitingDeliveries', (select count(*) from deliveries where status in ('pending', 'planned')),
    'activeDeliveries', (select count(*) from deliveries where status = 'active'),
    'lateDeliveries', (select count(*) from late_deliveries(p_at)),
    'uncertainDeliveries', (select count(*) from deliveries where status = 'uncertain'))
$$;

grant execute on function create_api_key, reroll_api_key, list_api_keys, revoke_api_key, touch_api_key, charge_usage,
  report_usage, open_purchase, credit_status to cascade_app;
