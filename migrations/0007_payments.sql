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

-- Internal. Credits a purchase: dollars in, ducats out of issuance and bonus, the debt repaid first, the delivery's outbox
-- row, and the receipt. The business key makes it once. Answers the delivery's id, null when all stays in the wallet.
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
  perform queue_letter(p_at, 'receipt', p_purchase.id, p_purchase.account_id, jsonb_build_object(
    'purchaseId', p_purchase.id, 'usdCents', p_purchase.amount_cents, 'baseMillis', p_purchase.base_millis,
    'bonusMillis', p_purchase.bonus_millis, 'totalMillis', v_total, 'repaidMillis', v_total - v_credited,
    'citizen', p_purchase.citizen, 'deliverTo', p_purchase.deliver_to, 'paidAt', iso(p_at)));
  return v_delivery;
end
$$;

-- Internal. Sets money aside, alerts, credits nothing; the caller applies its reversals next.
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
    'Payment %s for purchase %s was set aside (%s): %s %s, %s expected. %s',
    v_payment, p_purchase.id, replace(p_reason, '_', ' '), print_cents(v_cents), p_fact ->> 'currency',
    print_cents(p_purchase.amount_cents), case when p_reason = 'second_payment'
        then 'It is sent back by itself, after its dispute if it has one; should Stripe refuse that, you are told.'
      else 'Look at it in Stripe, then send it back: POST /api/refunds with this payment.' end));
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

-- Internal. One fact on one purchase, and what has already gone back of the payment; a letter for one that failed after the
-- customer had left the payment page. Money that comes for a purchase which was taken back, or corrected, because Stripe
-- had none or less of it (0024), undoes that; where no payment was known, this is the one.
-- Outcome: settled | already_settled | processing | failed | expired | declined | unchanged | second_payment |
-- amount_mismatch | currency_mismatch | mode_mismatch | parked.
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
  if v_effect = 'paid' and p_livemode = v_purchase.livemode and p_fact ->> 'currency' = v_purchase.currency
    and exists (select from corrections c where c.purchase_id = v_purchase.id and c.undone_at is null)
  then
    update purchases set payment_intent = p_fact ->> 'paymentIntent'
    where id = v_purchase.id and payment_intent = 'unpaid_' || v_purchase.id;
    select * into strict v_purchase from purchases where id = v_purchase.id;
    if v_purchase.payment_intent = p_fact ->> 'paymentIntent'
      and correct_payment(p_at, v_purchase, (p_fact ->> 'amountCents')::bigint)
    then
      outcome := 'corrected';
      return;
    end if;
  end if;
  if v_effect = 'paid' then
    outcome := case
      when p_livemode <> v_purchase.livemode then 'mode_mismatch'
      when v_purchase.status = 'paid'
        and v_purchase.payment_intent is not distinct from p_fact ->> 'paymentIntent' then 'already_settled'
      -- Set aside, it stays so, whatever another event says of it: a person looks at it.
      when exists (select from quarantines where payment = p_fact ->> 'paymentIntent' and livemode = p_livemode) then (
        select reason from quarantines where payment = p_fact ->> 'paymentIntent')
      when p_fact ->> 'currency' <> v_purchase.currency then 'currency_mismatch'
      when (p_fact ->> 'amountCents')::bigint <> v_purchase.amount_cents then 'amount_mismatch'
      when v_purchase.status = 'paid' then 'second_payment'
      else 'settled'
    end;
    if outcome = 'settled' then
      delivery_id := settle_purchase(p_at, v_purchase, p_fact ->> 'paymentIntent', p_fact ->> 'customer');
      -- What was refunded or disputed before we knew that it was paid.
      perform apply_reversals(p_at, p_fact ->> 'paymentIntent');
      perform tell_refunds(p_at, p_fact ->> 'paymentIntent');
    elsif outcome <> 'already_settled' then
      perform quarantine_payment(p_at, p_event, v_purchase, p_livemode, p_fact, outcome);
      perform apply_reversals(p_at, p_fact ->> 'paymentIntent');
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
    -- Of several the newest is shown, in whatever order they come.
    update purchases set last_decline = p_fact ->> 'reason'
    where id = v_purchase.id and not exists (
      select from stripe_events this, stripe_events newer
      where this.id = p_event and newer.fact ->> 'purchaseId' = v_purchase.id and newer.fact ->> 'effect' = 'declined'
        and newer.state = 'applied' and (newer.created, newer.id) > (this.created, this.id));
    outcome := 'declined';
  end if;
end
$$;

-- Internal. Handles a stored event by its fact, a read of a payment or of a subscription, and writes what became of it.
create function handle_stripe_event(p_at timestamptz, p_event text, out outcome text, out purchase_id text, out delivery_id text)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_event stripe_events;
  v_applied record;
begin
  select * into strict v_event from stripe_events where id = p_event;
  case v_event.fact ->> 'effect'
    when 'none' then
      outcome := 'ignored';
    when 'other_version' then
      outcome := 'other_version';
      perform open_alert(p_at, 'stripe_api_version', coalesce(v_event.api_version, 'none'), format(
        'Stripe sends events of API version %s, which we store and do not interpret (first: %s, %s). '
        'Run npm run stripe:setup to make the endpoint send ours.', v_event.api_version, p_event, v_event.type));
    when 'reread' then
      outcome := save_payment_read(p_at, v_event.fact);
      if outcome = 'ignored' then
        outcome := save_invoice_payment_read(p_at, v_event.fact);
      end if;
      purchase_id := v_event.fact ->> 'purchaseId';
    when 'subscription' then
      outcome := coalesce(save_subscription_read(p_at, v_event.fact -> 'read'), 'ignored');
      update subscription_starts set state = v_event.fact ->> 'startState'
      where session_id = v_event.fact ->> 'sessionId' and state = 'open';
      if found and outcome = 'ignored' then
        outcome := 'read';
      end if;
    when 'new_card' then
      outcome := retry_with_card(p_at, v_event.fact ->> 'customer', v_event.fact ->> 'paymentMethod');
    when 'customer_deleted' then
      update accounts set stripe_customer = null, stripe_customer_live = null where stripe_customer = v_event.fact ->> 'customer';
      outcome := case when found then 'forgotten' else 'ignored' end;
    when 'fraud_warning' then
      outcome := 'alerted';
      perform open_alert(p_at, 'fraud_warning', v_event.fact ->> 'warning', format(
        'Stripe warns of fraud (%s) on payment %s: refund it before it becomes a dispute, if you think so too.',
        v_event.fact ->> 'kind', v_event.fact ->> 'payment'));
    else
      v_applied := apply_payment_fact(p_at, p_event, v_event.livemode, v_event.fact);
      outcome := case when v_applied.outcome = 'parked'
        and exists (select from subscription_invoices where payment = v_event.fact ->> 'paymentIntent') then 'ignored'
        else v_applied.outcome end;
      purchase_id := v_applied.purchase_id;
      delivery_id := v_applied.delivery_id;
  end case;
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
-- p_event: {id, type, apiVersion, livemode, created, payload, by}, `by` being 'us' for one that we fetched; p_fact:
-- {effect: paid | processing | failed | expired | declined | none | other_version, purchaseId, sessionId, paymentIntent,
-- amountCents, currency, customer, reason}. Outcome: {outcome: 'duplicate' | handle_stripe_event's, purchaseId,
-- deliveryId}.
create function receive_stripe_event(p_at timestamptz, p_event jsonb, p_fact jsonb) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_fetched_at timestamptz := case when p_event ->> 'by' = 'us' then p_at end;
  v_handled record;
begin
  insert into stripe_events as e (id, type, api_version, livemode, created, payload, fact, state, received_at, fetched_at)
  values (p_event ->> 'id', p_event ->> 'type', p_event ->> 'apiVersion', (p_event ->> 'livemode')::boolean,
    to_timestamp((p_event ->> 'created')::bigint), p_event -> 'payload', p_fact, 'failed', p_at, v_fetched_at)
  on conflict (id) do update set api_version = excluded.api_version, payload = excluded.payload, fact = excluded.fact,
      fetched_at = case when v_fetched_at is not null then e.fetched_at end
    where e.state in ('failed', 'other_version');
  if not found then
    -- Delivered after all: the endpoint is heard.
    update stripe_events set fetched_at = null
    where id = p_event ->> 'id' and fetched_at is not null and v_fetched_at is null;
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

-- The second statement, when the first raised: the event is kept, with the reason and by whom it came; Stripe's webhook is
-- told 5xx.
create function record_failed_event(p_at timestamptz, p_event jsonb, p_fact jsonb, p_error text) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  insert into stripe_events as e
    (id, type, api_version, livemode, created, payload, fact, state, error, received_at, fetched_at)
  values (p_event ->> 'id', p_event ->> 'type', p_event ->> 'apiVersion', (p_event ->> 'livemode')::boolean,
    to_timestamp((p_event ->> 'created')::bigint), p_event -> 'payload', p_fact, 'failed', p_error, p_at,
    case when p_event ->> 'by' = 'us' then p_at end)
  on conflict (id) do update set error = excluded.error where e.state = 'failed';
  if not found then
    return;
  end if;
  perform open_alert(p_at, 'stripe_event_failed', p_event ->> 'id', format(
    'Stripe event %s (%s) could not be applied: %s. It is tried again every ten minutes for thirty days.',
    p_event ->> 'id', p_event ->> 'type', p_error));
end
$$;

-- Stores an attempt's session. Outcome: the purchase's status, or 'superseded' when a newer attempt has begun, or when the
-- attempt's room was given back meanwhile: nobody has this page yet, and the caller ends it.
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
  if v_purchase.attempt <> p_attempt or (v_purchase.status = 'draft' and v_purchase.reserved_until <= p_at) then
    return 'superseded';
  end if;
  update purchases set status = 'open' where id = p_purchase and status = 'draft';
  perform unpark_events(p_at, p_purchase);
  return (select status from purchases where id = p_purchase);
end
$$;

grant execute on function receive_stripe_event, record_failed_event, attach_session to cascade_app;
