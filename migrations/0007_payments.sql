-- Stripe's events as they came (the inbox) and what became of each. The row and its effect commit together.
-- applied, ignored (a type we don't act on), parked (a payment we don't know yet), quarantined, other_version (stored,
-- alerted, not interpreted), failed (the effect raised). Stripe's next delivery tries the last two again.
-- `payload` holds what Stripe sends of the buyer (name, address, e-mail): nobody but the owner can read it.
create table stripe_events (
  id text primary key,
  type text not null,
  api_version text,
  livemode boolean not null,
  created timestamptz not null,
  payload jsonb not null,
  fact jsonb not null,
  state text not null
    check (state in ('applied', 'ignored', 'parked', 'quarantined', 'other_version', 'failed')),
  outcome text,
  error text,
  received_at timestamptz not null,
  handled_at timestamptz
);
create index stripe_events_unhandled on stripe_events (state, received_at) where state in ('parked', 'failed');
create index stripe_events_parked_purchase on stripe_events ((fact ->> 'purchaseId')) where state = 'parked';
create index stripe_events_parked_session on stripe_events ((fact ->> 'sessionId')) where state = 'parked';
create index stripe_events_parked_payment on stripe_events ((fact ->> 'paymentIntent')) where state = 'parked';

-- Money that came and agrees with nothing. Keyed by the payment, so that its several events make one row; a person
-- resolves it. Real dollars wait in `suspense`.
create table quarantines (
  payment text primary key,
  event_id text not null,
  purchase_id text references purchases,
  reason text not null,
  amount_cents bigint not null,
  currency text not null,
  livemode boolean not null,
  opened_at timestamptz not null
);

-- Internal. The purchase a fact is about: by the session we asked for, by the payment we settled with, or by the id in
-- its metadata. It only finds the row; the row's own figures judge the payment.
create function purchase_of_fact(p_fact jsonb) returns text
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select coalesce(
    (select purchase_id from purchase_attempts where session_id = p_fact ->> 'sessionId'),
    (select id from purchases where payment_intent = p_fact ->> 'paymentIntent'),
    (select id from purchases where id = p_fact ->> 'purchaseId'))
$$;

-- Internal. Credits a purchase: dollars in, ducats out of issuance and bonus, the debt repaid first, and the delivery's
-- outbox row. The business key makes it once. Answers the delivery's id, null when all stays in the wallet.
create function settle_purchase(p_at timestamptz, p_purchase purchases, p_payment_intent text, p_customer text)
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
  return v_delivery;
end
$$;

-- Internal. Sets money aside, alerts, credits nothing.
create function quarantine_payment(
  p_at timestamptz, p_event text, p_purchase purchases, p_livemode boolean, p_fact jsonb, p_reason text
) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_payment text := coalesce(p_fact ->> 'paymentIntent', p_fact ->> 'sessionId', p_event);
  v_cents bigint := (p_fact ->> 'amountCents')::bigint;
begin
  insert into quarantines (payment, event_id, purchase_id, reason, amount_cents, currency, livemode, opened_at)
  values (v_payment, p_event, p_purchase.id, p_reason, v_cents, p_fact ->> 'currency', p_livemode, p_at)
  on conflict (payment) do nothing;
  if not found then
    return;
  end if;
  if p_livemode = p_purchase.livemode and p_fact ->> 'currency' = p_purchase.currency and v_cents > 0 then
    perform post(p_at, 'quarantine:' || v_payment, 'quarantine', array[
      ('stripe_clearing', null, v_cents)::leg, ('suspense', null, -v_cents)::leg]);
  end if;
  update purchases set status = 'review' where id = p_purchase.id and status <> 'paid';
  perform open_alert(p_at, 'payment_quarantined', v_payment, format(
    'Payment %s for purchase %s was set aside (%s): %s %s, %s expected. Look at it in Stripe and refund it there.',
    v_payment, p_purchase.id, replace(p_reason, '_', ' '), print_cents(v_cents), p_fact ->> 'currency',
    print_cents(p_purchase.amount_cents)));
end
$$;

-- Internal. Whether a session belongs to the attempt that can be paid now. One that we don't know yet (Stripe was faster
-- than our storing it) belongs to it, too; a payment's own event names no session.
create function is_current_session(p_purchase purchases, p_session text) returns boolean
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select p_session is null or exists (
    select from purchase_attempts a
    where a.purchase_id = p_purchase.id and a.attempt = p_purchase.attempt
      and (a.session_id = p_session or (a.session_id is null and not exists (
        select from purchase_attempts other where other.session_id = p_session))))
$$;

-- Internal. One fact on one purchase. Outcome: settled | already_settled | processing | failed | expired | declined |
-- unchanged | second_payment | amount_mismatch | currency_mismatch | mode_mismatch | parked.
create function apply_payment_fact(p_at timestamptz, p_event text, p_livemode boolean, p_fact jsonb,
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

-- Internal. Handles a stored event by its fact and writes what became of it.
create function handle_stripe_event(p_at timestamptz, p_event text, out outcome text, out purchase_id text, out delivery_id text)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_event stripe_events;
  v_applied record;
begin
  select * into strict v_event from stripe_events where id = p_event;
  if v_event.fact ->> 'effect' in ('none', 'other_version') then
    outcome := case when v_event.fact ->> 'effect' = 'none' then 'ignored' else 'other_version' end;
    if outcome = 'other_version' then
      perform open_alert(p_at, 'stripe_api_version', coalesce(v_event.api_version, 'none'), format(
        'Stripe sends events of API version %s, which we store and do not interpret (first: %s, %s). '
        'Run npm run stripe:setup to make the endpoint send ours.', v_event.api_version, p_event, v_event.type));
    end if;
  else
    v_applied := apply_payment_fact(p_at, p_event, v_event.livemode, v_event.fact);
    outcome := v_applied.outcome;
    purchase_id := v_applied.purchase_id;
    delivery_id := v_applied.delivery_id;
  end if;
  perform close_alert(p_at, 'stripe_event_failed', p_event);
  update stripe_events e set outcome = handle_stripe_event.outcome, error = null, handled_at = p_at, state = case
    when handle_stripe_event.outcome in ('ignored', 'other_version', 'parked') then handle_stripe_event.outcome
    when handle_stripe_event.outcome in ('second_payment', 'amount_mismatch', 'currency_mismatch', 'mode_mismatch')
      then 'quarantined'
    else 'applied' end
  where e.id = p_event;
end
$$;

-- Internal. Handles what was parked and has found its purchase. One that raises is left as failed, on its own.
create function unpark_events(p_at timestamptz, p_purchase text) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_event text;
begin
  for v_event in
    select e.id from stripe_events e where e.state = 'parked' and (
      e.fact ->> 'purchaseId' = p_purchase
      or e.fact ->> 'sessionId' in (select session_id from purchase_attempts where purchase_id = p_purchase)
      or e.fact ->> 'paymentIntent' = (select payment_intent from purchases where id = p_purchase))
    order by e.created, e.id for update
  loop
    begin
      perform handle_stripe_event(p_at, v_event);
    exception when others then
      update stripe_events set state = 'failed', error = sqlerrm where id = v_event;
    end;
  end loop;
end
$$;

-- The webhook's one statement: stores a verified event and applies its fact, once.
-- p_event: {id, type, apiVersion, livemode, created, payload}; p_fact: {effect: paid | processing | failed | expired |
-- declined | none | other_version, purchaseId, sessionId, paymentIntent, amountCents, currency, customer, reason}.
-- Outcome: {outcome: 'duplicate' | handle_stripe_event's, purchaseId, deliveryId}.
create function receive_stripe_event(p_at timestamptz, p_event jsonb, p_fact jsonb) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_handled record;
begin
  insert into stripe_events as e (id, type, api_version, livemode, created, payload, fact, state, received_at)
  values (p_event ->> 'id', p_event ->> 'type', p_event ->> 'apiVersion', (p_event ->> 'livemode')::boolean,
    to_timestamp((p_event ->> 'created')::bigint), p_event -> 'payload', p_fact, 'failed', p_at)
  on conflict (id) do update set api_version = excluded.api_version, payload = excluded.payload, fact = excluded.fact
    where e.state in ('failed', 'other_version');
  if not found then
    return jsonb_build_object('outcome', 'duplicate');
  end if;
  v_handled := handle_stripe_event(p_at, p_event ->> 'id');
  if v_handled.outcome = 'settled' then
    perform unpark_events(p_at, v_handled.purchase_id);
  end if;
  return jsonb_build_object('outcome', v_handled.outcome, 'purchaseId', v_handled.purchase_id,
    'deliveryId', v_handled.delivery_id);
end
$$;

-- The webhook's second statement, when the first raised: the event is kept, with the reason, and Stripe is told 5xx.
create function record_failed_event(p_at timestamptz, p_event jsonb, p_fact jsonb, p_error text) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  insert into stripe_events as e
    (id, type, api_version, livemode, created, payload, fact, state, error, received_at)
  values (p_event ->> 'id', p_event ->> 'type', p_event ->> 'apiVersion', (p_event ->> 'livemode')::boolean,
    to_timestamp((p_event ->> 'created')::bigint), p_event -> 'payload', p_fact, 'failed', p_error, p_at)
  on conflict (id) do update set error = excluded.error where e.state = 'failed';
  if not found then
    return;
  end if;
  perform open_alert(p_at, 'stripe_event_failed', p_event ->> 'id', format(
    'Stripe event %s (%s) could not be applied: %s. Stripe will send it again.',
    p_event ->> 'id', p_event ->> 'type', p_error));
end
$$;

-- Stores an attempt's session. Outcome: the purchase's status, or 'superseded' when a newer attempt has begun.
create function attach_session(p_at timestamptz, p_purchase text, p_attempt int, p_session text, p_url text)
returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_purchase purchases;
begin
  select * into strict v_purchase from purchases where id = p_purchase for update;
  update purchase_attempts set session_id = p_session, session_url = p_url
  where purchase_id = p_purchase and attempt = p_attempt;
  if v_purchase.attempt <> p_attempt then
    return 'superseded';
  end if;
  update purchases set status = 'open' where id = p_purchase and status = 'draft';
  perform unpark_events(p_at, p_purchase);
  return (select status from purchases where id = p_purchase);
end
$$;

-- For `health`: counts of what waits for somebody.
create function health_counts(p_at timestamptz) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object(
    'openAlerts', (select count(*) from alerts where closed_at is null),
    'parkedEvents', (select count(*) from stripe_events where state = 'parked'),
    'failedEvents', (select count(*) from stripe_events where state = 'failed'),
    'waitingDeliveries', (select count(*) from deliveries where status in ('pending', 'planned')),
    'activeDeliveries', (select count(*) from deliveries where status = 'active'),
    'lateDeliveries', (select count(*) from late_deliveries(p_at)),
    'uncertainDeliveries', (select count(*) from deliveries where status = 'uncertain'))
$$;

grant execute on function open_purchase, renew_attempt, attach_session, receive_stripe_event, record_failed_event,
  health_counts to cascade_app;
