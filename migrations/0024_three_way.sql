-- Stripe, the books and Venice side by side: what the comparison reads, and the repair of what it finds. Nothing here believes
-- a row in Venice alone: the processor's purse must have moved by it.

create index purchases_paid_at on purchases (paid_at) where paid_at is not null;
create index deliveries_uncertain on deliveries (id) where status = 'uncertain';

-- `total_millis`: the purse, and all that has ever gone from it to citizens, less the top-ups. It never changes: what it says the
-- purse must hold is compared with what it holds. `write_offs`: how often a difference was accepted.
alter table reserve
  add column total_millis bigint not null,
  add column write_offs int not null default 0;

-- Internal. Ducats that have left the purse for citizens. One that is being fetched back has not come back yet.
create function delivered_millis() returns bigint
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select ((select coalesce(sum(amount), 0) from entries where ledger = 'venice')
    + (select coalesce(sum(millis), 0) from recalls where state = 'asked'))::bigint
$$;

-- Internal. Ducats that have come into the purse by replenishments.
create function topped_up_millis() returns bigint
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$ select coalesce(sum(millis), 0)::bigint from replenishments where state = 'done' $$;

-- Internal. What the purse holds if nothing but ours has moved it; null before its first reading.
create function explained_purse() returns bigint
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$ select total_millis - delivered_millis() + topped_up_millis() from reserve $$;

create function begin_reserve_total() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  new.total_millis := new.purse_millis + delivered_millis() - topped_up_millis();
  return new;
end
$$;
create trigger begin_reserve_total before insert on reserve for each row execute function begin_reserve_total();

-- Internal. What the books hold as paid for a credited purchase.
create function booked_cents(p_purchase purchases) returns bigint
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select (p_purchase.amount_cents + coalesce(sum(case kind when 'overpaid' then cents else -cents end), 0))::bigint
  from corrections where purchase_id = p_purchase.id and undone_at is null
$$;

-- Internal. Whether a purchase's ducats were posted: its status follows, and could be wrong.
create function is_credited(p_purchase purchases) returns boolean
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$ select exists (select from transactions where business_key = 'purchase:' || p_purchase.id) $$;

-- Internal. Whole ducats of a purchase that belong to Venice when it has no delivery.
create function undelivered_millis(p_purchase purchases) returns bigint
language sql immutable set search_path = pg_catalog, public, pg_temp
as $$
  select div(greatest(p_purchase.base_millis + p_purchase.bonus_millis - p_purchase.repaid_millis - p_purchase.frozen_millis
    - p_purchase.burned_millis, 0), 1000)::bigint * 1000
$$;

-- Internal. What the books have in p_since's time, and of what Stripe and Venice named; p_named: {purchases, payments, deliveries,
-- records}, each an array of ids.
create function reconciliation_books(p_since timestamptz, p_named jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  with chosen as (
    select id from purchases where paid_at >= p_since
    union select id from purchases where id in (select jsonb_array_elements_text(p_named -> 'purchases'))
    union select id from purchases where payment_intent in (select jsonb_array_elements_text(p_named -> 'payments'))
  ), paid_by (payment) as (
    select p.payment_intent from purchases p join chosen on chosen.id = p.id where p.payment_intent is not null
    union select jsonb_array_elements_text(p_named -> 'payments')
  ), sent as (
    select id from deliveries where purchase_id in (select id from chosen)
    union select id from deliveries where id in (select jsonb_array_elements_text(p_named -> 'deliveries'))
    union select id from deliveries where record_id in (select jsonb_array_elements_text(p_named -> 'records'))
    union select id from deliveries where status = 'uncertain'
  )
  select jsonb_build_object(
    'purchases', coalesce((
      select jsonb_agg(jsonb_build_object('id', p.id, 'isCredited', is_credited(p), 'payment', p.payment_intent,
        'amountCents', p.amount_cents, 'bookedCents', booked_cents(p), 'currency', p.currency, 'livemode', p.livemode,
        'openedAt', iso(p.opened_at), 'isForVenice', p.deliver_to = 'venice', 'undeliveredMillis', undelivered_millis(p),
        'burnedMillis', p.burned_millis,
        'burnDueMillis', share_millis(p.base_millis + p.bonus_millis, r.refunded + r.lost, p.amount_cents),
        'setAsideMillis', p.frozen_millis + p.at_risk_millis,
        'setAsideDueMillis', share_millis(p.base_millis + p.bonus_millis, r.refunded + r.lost + r.disputed + r.asked, p.amount_cents)
          - share_millis(p.base_millis + p.bonus_millis, r.refunded + r.lost, p.amount_cents),
        'isDisputed', is_disputed(p.account_id)) order by p.opened_at, p.id)
      from chosen c join purchases p on p.id = c.id, lateral reversed_cents(p.payment_intent) r), '[]'),
    'deliveries', coalesce((
      select jsonb_agg(jsonb_build_object('id', d.id, 'purchaseId', d.purchase_id, 'millis', d.millis, 'status', d.status,
        'recordId', d.record_id, 'isAlerted', exists (select from alerts a where a.subject = d.id and a.closed_at is null
          and a.kind in ('delivery_uncertain', 'delivery_tampered'))) order by d.created_at, d.id)
      from sent s join deliveries d on d.id = s.id), '[]'),
    'refunds', coalesce((
      select jsonb_agg(jsonb_build_object('id', r.id, 'payment', r.payment, 'status', r.status, 'amountCents', r.amount_cents,
        'createdAt', iso(r.created_at)))
      from refunds r where r.payment in (select payment from paid_by)), '[]'),
    'disputes', coalesce((
      select jsonb_agg(jsonb_build_object('id', d.id, 'payment', d.payment, 'status', d.status, 'amountCents', d.amount_cents,
        'createdAt', iso(d.created_at)))
      from disputes d where d.payment in (select payment from paid_by)), '[]'),
    'askedRefunds', coalesce((
      select jsonb_agg(q.id) from refund_requests q
      where q.state = 'asked' and q.payment in (select payment from paid_by)), '[]'),
    'setAside', coalesce((
      select jsonb_agg(jsonb_build_object('payment', q.payment, 'purchaseId', q.purchase_id)) from quarantines q
      where q.payment in (select payment from paid_by)
        or q.purchase_id in (select jsonb_array_elements_text(p_named -> 'purchases'))), '[]'),
    'writtenOff', coalesce((
      select jsonb_agg(n.record) from jsonb_array_elements_text(p_named -> 'records') n (record)
      where exists (select from transactions t where t.business_key = 'written-off:' || n.record)), '[]'),
    'told', coalesce((select jsonb_agg(distinct a.subject) from alerts a where a.kind = 'reconciliation'), '[]'),
    'reserve', (select jsonb_build_object('version', version, 'explainedMillis', explained_purse(),
      'mayHaveLeftMillis', (select coalesce(sum(millis), 0) from deliveries where status in ('planned', 'active', 'uncertain')),
      'mayHaveComeMillis', (select coalesce(sum(millis), 0) from recalls where state = 'asked')
        + (select coalesce(sum(millis), 0) from replenishments where state in ('planned', 'active', 'unclear')))
      from reserve))
$$;

-- Internal. One alert for one finding, ever: whoever closes it has seen it.
create function tell_finding(p_at timestamptz, p_finding text, p_message text) returns boolean
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  if exists (select from alerts where kind = 'reconciliation' and subject = p_finding) then
    return false;
  end if;
  return open_alert(p_at, 'reconciliation', p_finding, p_message);
end
$$;

-- Internal.
create function correction_legs(p_purchase purchases, p_correction corrections, p_undo boolean) returns leg[]
language sql immutable set search_path = pg_catalog, public, pg_temp
as $$
  select array_agg((l.ledger, null, case when p_undo then -l.amount else l.amount end)::leg)
  from (
    select 'sales' as ledger, p_purchase.amount_cents + p_purchase.discount_cents as amount where p_correction.kind = 'not_paid'
    union all select 'discounts', -p_purchase.discount_cents where p_correction.kind = 'not_paid'
    union all select 'sales', p_correction.cents where p_correction.kind = 'underpaid'
    union all select 'stripe_clearing', -p_correction.cents where p_correction.kind in ('not_paid', 'underpaid')
    union all select 'stripe_clearing', p_correction.cents where p_correction.kind = 'overpaid'
    union all select 'suspense', -p_correction.cents where p_correction.kind = 'overpaid') l
$$;

-- Internal. Brings a credited purchase to what Stripe received for it, 0 for nothing: one correction at most stands. False when
-- the books have it already. The caller holds the purchase's row.
create function correct_payment(p_at timestamptz, p_purchase purchases, p_received bigint) returns boolean
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  -- A credit that names no payment gets a name that Stripe has not.
  v_payment text := coalesce(p_purchase.payment_intent, 'unpaid_' || p_purchase.id);
  v_correction corrections;
begin
  if p_received = booked_cents(p_purchase) then
    return false;
  end if;
  update purchases set payment_intent = v_payment where id = p_purchase.id and payment_intent is null;
  update corrections set undone_at = p_at where purchase_id = p_purchase.id and undone_at is null returning * into v_correction;
  if found then
    perform return_surplus(p_at, v_correction, 0);
    perform post(p_at, format('correction:%s:%s:undone', p_purchase.id, v_correction.nth), 'correction',
      correction_legs(p_purchase, v_correction, true));
  end if;
  if p_received <> p_purchase.amount_cents then
    insert into corrections (purchase_id, nth, kind, payment, cents, made_at)
    select p_purchase.id, count(*) + 1, case
      when p_received = 0 then 'not_paid' when p_received < p_purchase.amount_cents then 'underpaid' else 'overpaid' end,
      v_payment, abs(p_received - p_purchase.amount_cents), p_at
    from corrections where purchase_id = p_purchase.id
    returning * into v_correction;
    perform post(p_at, format('correction:%s:%s', p_purchase.id, v_correction.nth), 'correction',
      correction_legs(p_purchase, v_correction, false));
  end if;
  perform apply_reversals(p_at, v_payment);
  return true;
end
$$;

-- Internal. A payment that the books don't have as Stripe has it. p_finding: event and fact as receive_stripe_event takes them, and
-- `read` as save_payment_read does.
create function repair_payment(p_at timestamptz, p_purchase purchases, p_finding jsonb) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_received bigint := (p_finding ->> 'receivedCents')::bigint;
  v_is_other_currency boolean := p_finding ->> 'currency' <> p_purchase.currency;
  v_outcome text;
begin
  if is_credited(p_purchase) and p_purchase.payment_intent is not distinct from p_finding ->> 'payment' then
    if v_is_other_currency or p_purchase.amount_cents = 0 then
      return case when tell_finding(p_at, p_finding ->> 'id', format(
        'Purchase %s was credited for %s %s; Stripe has %s %s for payment %s. Compare them, and post what is right.',
        p_purchase.id, print_cents(p_purchase.amount_cents), p_purchase.currency, print_cents(v_received),
        p_finding ->> 'currency', p_finding ->> 'payment')) then 'told' else 'unchanged' end;
    end if;
    if not correct_payment(p_at, p_purchase, v_received) then
      return 'unchanged';
    end if;
    if v_received > p_purchase.amount_cents then
      perform tell_finding(p_at, (p_finding ->> 'id') || ':repaired', format(
        'Payment %s of purchase %s brought %s, %s were asked for: %s wait in suspense. Send them back in Stripe: '
        'the books follow.', p_finding ->> 'payment', p_purchase.id, print_cents(v_received), print_cents(p_purchase.amount_cents),
        print_cents(v_received - p_purchase.amount_cents)));
    end if;
    return 'repaired';
  end if;
  if p_finding -> 'event' is null or exists (
    select from quarantines where payment = coalesce(p_finding ->> 'payment', p_finding ->> 'sessionId')
  ) then
    return 'unchanged';
  end if;
  -- Said to be paid and never posted: it is paid now.
  update purchases set status = 'review', paid_at = null, payment_intent = null
  where id = p_purchase.id and status = 'paid' and not is_credited(p_purchase);
  v_outcome := receive_stripe_event(p_at, p_finding -> 'event', p_finding -> 'fact') ->> 'outcome';
  if v_outcome in ('duplicate', 'already_settled') then
    return 'unchanged';
  end if;
  if jsonb_typeof(p_finding -> 'read') = 'object' then
    perform save_payment_read(p_at, p_finding -> 'read');
  end if;
  return 'repaired';
end
$$;

-- Internal. Refunds and disputes as Stripe has them now. What the books have beside those was never there: it counts as called off.
create function repair_refunds(p_at timestamptz, p_purchase purchases, p_finding jsonb) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_payment text := p_finding ->> 'payment';
  v_before text;
  v_after text;
begin
  v_before := payment_standing(v_payment);
  with unknown as (
    update refunds set status = 'canceled', failure = 'unknown to Stripe'
    where payment = v_payment and refund_is_out(status)
      and id not in (select r ->> 'id' from jsonb_array_elements(p_finding -> 'read' -> 'refunds') r)
    returning id, status
  )
  insert into reversal_events (object, status, at) select id, status, p_at from unknown;
  with unknown as (
    update disputes set status = 'prevented'
    where payment = v_payment and (dispute_is_open(status) or status = 'lost')
      and id not in (select d ->> 'id' from jsonb_array_elements(p_finding -> 'read' -> 'disputes') d)
    returning id, status
  )
  insert into reversal_events (object, status, at) select id, status, p_at from unknown;
  perform save_payment_read(p_at, p_finding -> 'read');
  v_after := payment_standing(v_payment);
  return case when v_before = v_after then 'unchanged' else 'repaired' end;
end
$$;

-- Internal. All that a payment's refunds and disputes have done to the books, to see whether it changes.
create function payment_standing(p_payment text) returns text
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_array(
    (select jsonb_agg(to_jsonb(r) order by r.id) from refunds r where r.payment = p_payment),
    (select jsonb_agg(to_jsonb(d) order by d.id) from disputes d where d.payment = p_payment),
    (select to_jsonb(p) from purchases p where p.payment_intent = p_payment))::text
$$;

-- Internal. The delivery that a credited purchase should have: from the wallet, or from transit where its ducats wait already.
create function repair_missing_delivery(p_at timestamptz, p_purchase purchases, p_finding jsonb) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_delivery text := 'dlv_' || substr(p_purchase.id, 5);
  v_wallet bigint := (select wallet from balances where account_id = p_purchase.account_id for update);
  v_sent bigint := (select e.amount from transactions t join entries e on e.transaction_id = t.id and e.ledger = 'transit'
    where t.business_key = 'send:' || v_delivery);
  v_millis bigint := coalesce(v_sent, undelivered_millis(p_purchase));
begin
  if exists (select from deliveries where purchase_id = p_purchase.id or id = v_delivery) or v_millis = 0 then
    return 'unchanged';
  end if;
  if exists (select from transactions where business_key in ('delivery:' || v_delivery, 'return:' || v_delivery))
    or (v_sent is null and v_wallet < v_millis)
  then
    return case when tell_finding(p_at, p_finding ->> 'id', format(
      'Purchase %s was credited and never sent to Venice: %s ducats belong there, the wallet has %s. What was spent here cannot be '
      'sent; write to the customer.', p_purchase.id, print_ducats(v_millis), print_ducats(v_wallet)))
      then 'told' else 'unchanged' end;
  end if;
  if v_sent is null then
    perform post(p_at, 'send:' || v_delivery, 'send', array[
      ('wallet', p_purchase.account_id, -v_millis)::leg, ('transit', p_purchase.account_id, v_millis)::leg]);
  end if;
  insert into deliveries (id, account_id, purchase_id, citizen, millis, next_at, created_at)
  values (v_delivery, p_purchase.account_id, p_purchase.id, p_purchase.citizen, v_millis, p_at, p_at);
  return 'repaired';
end
$$;

-- Internal. Takes the purse as it was read for what the watch compares with, unless it is at work: then it reads for itself.
create function accept_purse(p_at timestamptz, p_finding jsonb) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update reserve set purse_millis = (p_finding ->> 'purseMillis')::bigint, version = version + 1, read_at = p_at,
    mismatch_began = null, mismatch_since = null, mismatch_moved = null, mismatch_said = null
  where version = (p_finding ->> 'version')::bigint
    and not exists (select from deliveries where status in ('planned', 'active'))
    and not exists (select from recalls where state = 'asked')
    and not exists (select from replenishments where state in ('planned', 'active', 'unclear'))
$$;

-- Internal. An ended delivery for which Venice paid something else than the books say, as the purse shows. p_finding: recordId,
-- extraMillis: paid beyond what the books say, below zero where less was paid. Too much was given away; too little, the
-- customer gets back into his wallet, and a delivery of which nothing was paid has not arrived. Once for each record.
create function repair_delivered(p_at timestamptz, p_finding jsonb) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_extra bigint := (p_finding ->> 'extraMillis')::bigint;
  v_key text := 'written-off:' || (p_finding ->> 'recordId');
  v_delivery deliveries;
begin
  perform from reserve for update;
  select * into strict v_delivery from deliveries where id = p_finding ->> 'deliveryId';
  if v_extra = 0 or exists (select from transactions where business_key = v_key) then
    return 'unchanged';
  end if;
  perform post(p_at, v_key, 'write_off', case
    when v_extra > 0 then array[('bonus', null, -v_extra)::leg, ('venice', null, v_extra)::leg]
    else credit_legs(v_delivery.account_id, -v_extra) || ('venice', null, v_extra)::leg end);
  update deliveries set status = 'rejected', concluded_at = p_at
  where id = v_delivery.id and status = 'executed' and v_extra = -millis;
  perform accept_purse(p_at, p_finding);
  perform tell_finding(p_at, (p_finding ->> 'id') || ':repaired', format(
    'Delivery %s of %s ducats: Venice paid %s ducats %s than the books say (row %s), as the processor''s purse shows. %s '
    'How did that happen?', v_delivery.id, print_ducats(v_delivery.millis), print_ducats(abs(v_extra)),
    case when v_extra > 0 then 'more' else 'less' end, p_finding ->> 'recordId',
    case when v_extra > 0 then 'They are written off as given away.' else 'They are back in the customer''s wallet.' end));
  return 'repaired';
end
$$;

-- Internal. The purse moved and nothing of ours did it: written off against issuance, as ducats that came into the world, or
-- left it, without a sale. `movedMillis`: out of the purse. Only while the books are as they were compared.
create function repair_purse(p_at timestamptz, p_finding jsonb) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_moved bigint := (p_finding ->> 'movedMillis')::bigint;
  v_nth int;
begin
  select write_offs + 1 into v_nth from reserve for update;
  if v_moved = 0 or explained_purse() is distinct from (p_finding ->> 'explainedMillis')::bigint then
    return 'unchanged';
  end if;
  perform post(p_at, 'purse:' || v_nth, 'write_off', array[
    ('issuance', null, -v_moved)::leg, ('venice', null, v_moved)::leg]);
  update reserve set write_offs = v_nth;
  perform accept_purse(p_at, p_finding);
  perform tell_finding(p_at, (p_finding ->> 'id') || ':' || v_nth, format(
    'The processor''s purse holds %s ducats where %s are explained: %s ducats %s by nothing of ours. They are written off. Anyone '
    'can make stratagems in its name: look for them in STRATAGEMS; a top-up by hand is one, too.',
    print_ducats((p_finding ->> 'purseMillis')::bigint), print_ducats((p_finding ->> 'explainedMillis')::bigint),
    print_ducats(abs(v_moved)), case when v_moved > 0 then 'left it' else 'came into it' end));
  return 'repaired';
end
$$;

-- For the owner: the repair of one finding, and its line in the log, in one statement. Any number of times is once.
-- Outcome: repaired | told (a person is needed, and was alerted) | unchanged (it was mended before, or is another by now).
create function repair_finding(p_at timestamptz, p_visit jsonb, p_actor text, p_finding jsonb) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_kind text := p_finding ->> 'repair';
  v_delivery deliveries;
  v_purchase purchases;
  v_outcome text;
begin
  select * into v_delivery from deliveries where id = p_finding ->> 'deliveryId';
  if v_kind = 'delivered' then
    v_outcome := repair_delivered(p_at, p_finding);
  elsif v_kind = 'purse' then
    v_outcome := repair_purse(p_at, p_finding);
  elsif v_kind = 'uncertain' then
    v_outcome := case when v_delivery.status = 'uncertain' and open_alert(p_at, 'delivery_uncertain', v_delivery.id, format(
      'Delivery %s of %s ducats waits for a decision, and nobody was told. Compare its row, its notes and both purses, then decide.',
      v_delivery.id, print_ducats(v_delivery.millis))) then 'told' else 'unchanged' end;
  else
    select * into strict v_purchase from purchases where id = p_finding ->> 'purchaseId' for update;
    v_outcome := case v_kind
      when 'payment' then repair_payment(p_at, v_purchase, p_finding)
      when 'refunds' then repair_refunds(p_at, v_purchase, p_finding)
      when 'delivery' then repair_missing_delivery(p_at, v_purchase, p_finding)
    end;
  end if;
  if v_outcome in ('repaired', 'told') then
    perform audit(p_at, p_visit, p_actor, coalesce(v_purchase.account_id, v_delivery.account_id), 'reconcile.repaired',
      jsonb_strip_nulls(jsonb_build_object('finding', p_finding ->> 'id', 'outcome', v_outcome,
        'purchase', p_finding ->> 'purchaseId', 'payment', p_finding ->> 'payment', 'delivery', p_finding ->> 'deliveryId',
        'record', p_finding ->> 'recordId', 'cents', (p_finding ->> 'receivedCents')::bigint,
        'millis', coalesce((p_finding ->> 'extraMillis')::bigint, (p_finding ->> 'movedMillis')::bigint))));
  end if;
  return v_outcome;
end
$$;

-- For admins: whether he may, before Stripe and Venice are asked: ok | not_found | unauthorised.
create function may_reconcile(p_at timestamptz, p_session text) returns text
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select case when session_account(p_at, p_session) is null then 'unauthorised'
    when staff_account(p_at, p_session, 'admin') is null then 'not_found' else 'ok' end
$$;

-- For admins, as reconciliation_books: {kind: 'unauthorised' | 'not_found'} | {kind: 'ok', books}.
create function admin_reconciliation_books(p_at timestamptz, p_session text, p_since timestamptz, p_named jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select case may_reconcile(p_at, p_session)
    when 'ok' then jsonb_build_object('kind', 'ok', 'books', reconciliation_books(p_since, p_named))
    else jsonb_build_object('kind', may_reconcile(p_at, p_session)) end
$$;

-- For admins, as repair_finding: its outcomes | not_found | unauthorised.
create function admin_repair_finding(p_at timestamptz, p_visit jsonb, p_session text, p_finding jsonb) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  if may_reconcile(p_at, p_session) <> 'ok' then
    return may_reconcile(p_at, p_session);
  end if;
  return repair_finding(p_at, p_visit, staff_account(p_at, p_session, 'admin'), p_finding);
end
$$;

grant execute on function may_reconcile, admin_reconciliation_books, admin_repair_finding to cascade_app;
