-- Money that goes back, where the first form of it (0018, 0019) was not exact: a debt that was repaid is not fetched from Venice,
-- money may move more than once, a refund that was made elsewhere ends our request, and locks are taken in one order.

-- What a purchase's refunds have left as debt and nothing has repaid yet: at most so much is fetched back from Venice. The row is
-- made under the purchase's lock; what it says changes under the lock of the account's balance alone, so that a credit to the
-- account, which repays debts, needs no lock on other purchases. All of an account together are never more than its debt.
create table refund_debts (
  purchase_id text primary key references purchases,
  account_id text not null references accounts,
  open_millis bigint not null check (open_millis >= 0)
);
create index refund_debts_open on refund_debts (account_id) where open_millis > 0;

-- What is owed now, of what was owed ever: a transfer that came repaid its own purchase's, everything else the oldest first.
insert into refund_debts (purchase_id, account_id, open_millis)
select id, account_id, greatest(least(left_millis, debt - newer_millis), 0)
from (
  select o.*, sum(left_millis) over (partition by account_id order by opened_at desc, id desc) - left_millis as newer_millis
  from (
    select p.id, p.account_id, p.opened_at, -b.debt as debt, greatest(p.owed_millis - coalesce(r.millis, 0), 0) as left_millis
    from purchases p join balances b using (account_id)
    left join recalls r on r.purchase_id = p.id and r.state = 'done'
    where p.owed_millis > 0) o) n;

-- How often the dollars of one have moved: out, back, out again.
alter table refunds add column moves int not null default 0;
alter table disputes add column moves int not null default 0;
update refunds set moves = case when posted then 1 when exists (
  select from transactions where business_key = 'refund:' || refunds.id) then 2 else 0 end;
update disputes set moves = case when posted then 1 when exists (
  select from transactions where business_key = 'dispute:' || disputes.id) then 2 else 0 end;

-- Internal. A credit has repaid p_millis of the account's debt: first p_purchase's, then the oldest purchase's, as far as it came
-- from refunds. The caller holds the account's balance.
create function repay_refund_debts(p_account text, p_millis bigint, p_purchase text default null) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update refund_debts d set open_millis = d.open_millis - least(d.open_millis, p_millis - o.before_millis)
  from (
    select r.purchase_id, sum(r.open_millis) over (
      order by r.purchase_id is not distinct from p_purchase desc, p.opened_at, p.id) - r.open_millis as before_millis
    from refund_debts r join purchases p on p.id = r.purchase_id
    where r.account_id = p_account and r.open_millis > 0) o
  where d.purchase_id = o.purchase_id and o.before_millis < p_millis
$$;

-- As in 0002, and what it repays is not fetched from Venice any more: the legs are to be posted.
create or replace function credit_legs(p_account text, p_millis bigint) returns leg[]
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_repaid bigint;
begin
  select least(p_millis, -debt) into strict v_repaid from balances where account_id = p_account for update;
  if v_repaid > 0 then
    perform repay_refund_debts(p_account, v_repaid);
  end if;
  return array[('debt', p_account, v_repaid)::leg, ('wallet', p_account, p_millis - v_repaid)::leg];
end
$$;

-- Internal. As in 0018, any number of times: the second time out is `dispute:<id>:2`, and back `dispute:<id>:2:undone`.
create or replace function post_reversed_dollars(p_at timestamptz, p_payment text, p_set_aside boolean) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_moved record;
  v_turn int;
begin
  for v_moved in
    select id, amount_cents, posted, moves, 'refunds' as ledger,
      status in ('pending', 'requires_action', 'succeeded') as is_out, 'refund' as kind
    from refunds where payment = p_payment
    union all
    select id, amount_cents, posted, moves, 'disputes', status in ('needs_response', 'under_review', 'lost'), 'dispute'
    from disputes where payment = p_payment
    order by id
  loop
    continue when v_moved.posted = v_moved.is_out;
    v_turn := v_moved.moves / 2 + 1;
    perform post(p_at, v_moved.kind || ':' || v_moved.id || case when v_turn > 1 then ':' || v_turn else '' end
        || case when v_moved.is_out then '' else ':undone' end, v_moved.kind,
      array[
        (case when p_set_aside then 'suspense' else v_moved.ledger end, null,
          case when v_moved.is_out then 1 else -1 end * v_moved.amount_cents)::leg,
        ('stripe_clearing', null, case when v_moved.is_out then -1 else 1 end * v_moved.amount_cents)::leg]);
    update refunds set posted = v_moved.is_out, moves = moves + 1 where id = v_moved.id;
    update disputes set posted = v_moved.is_out, moves = moves + 1 where id = v_moved.id;
    if v_turn > 1 then
      perform open_alert(p_at, 'money_moved_again', v_moved.id, format(
        'The %s %s of %s (payment %s) had ended, and reads otherwise now. The books follow it, as often as it moves. Does its list of '
        'balance transactions in Stripe say the same?', v_moved.kind, v_moved.id, print_cents(v_moved.amount_cents), p_payment));
    end if;
  end loop;
end
$$;

-- Internal. As in 0018. Locks are taken in one order everywhere: the purchase, its deliveries, the balance; a delivery's end takes
-- the last two, too. `owed_millis` counts what became debt ever; what of it is open is in refund_debts.
create or replace function apply_reversals(p_at timestamptz, p_payment text) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_purchase purchases;
  v_delivery deliveries;
  v_withdrawal deliveries;
  v_cents record;
  v_total bigint;
  v_burn bigint;
  v_want bigint;
  v_need bigint;
  v_wallet bigint;
  v_debt bigint;
  v_give bigint := 0;
  v_wallet_leg bigint := 0;
  v_transit_leg bigint := 0;
  v_frozen_leg bigint := 0;
  v_debt_leg bigint := 0;
  v_frozen bigint;
  v_burned bigint;
  v_owed bigint;
  v_bonus bigint;
  v_amount bigint;
  v_open bigint;
begin
  select * into v_purchase from purchases where payment_intent = p_payment and status = 'paid' for update;
  if not found then
    if exists (select from transactions where business_key = 'quarantine:' || p_payment) then
      perform post_reversed_dollars(p_at, p_payment, true);
    end if;
    return;
  end if;
  perform post_reversed_dollars(p_at, p_payment, false);
  v_cents := reversed_cents(p_payment);
  v_total := v_purchase.base_millis + v_purchase.bonus_millis;
  v_burn := share_millis(v_total, v_cents.refunded + v_cents.lost, v_purchase.amount_cents);
  v_want := share_millis(v_total, v_cents.refunded + v_cents.lost + v_cents.disputed + v_cents.asked,
    v_purchase.amount_cents);
  v_frozen := v_purchase.frozen_millis;
  v_burned := v_purchase.burned_millis;
  v_owed := v_purchase.owed_millis;
  perform from deliveries
  where (purchase_id = v_purchase.id and status in ('pending', 'cancelled'))
    or (account_id = v_purchase.account_id and purchase_id is null and status = 'pending')
  order by id for update;
  select wallet, -debt into strict v_wallet, v_debt from balances where account_id = v_purchase.account_id for update;

  if v_burn < v_burned then
    v_debt_leg := least(v_burned - v_burn, v_debt);
    v_wallet_leg := v_burned - v_burn - v_debt_leg;
    v_owed := greatest(v_owed - (v_burned - v_burn), 0);
    v_burned := v_burn;
  end if;
  v_need := v_want - v_burned - v_frozen;
  if v_need > 0 then
    select * into v_delivery from deliveries where purchase_id = v_purchase.id and status = 'pending' for update;
    if found then
      update deliveries set status = 'cancelled', concluded_at = p_at, leased_until = null, parked_at = null
      where id = v_delivery.id;
      v_transit_leg := -v_delivery.millis;
      v_amount := least(v_need, v_delivery.millis);
      v_frozen := v_frozen + v_amount;
      v_need := v_need - v_amount;
      v_give := v_delivery.millis - v_amount;
    end if;
    v_amount := least(v_need, v_wallet + v_wallet_leg);
    v_wallet_leg := v_wallet_leg - v_amount;
    v_frozen := v_frozen + v_amount;
    v_need := v_need - v_amount;
    -- Then what the account has asked to be sent, and was not begun: the newest first.
    for v_withdrawal in
      select * from deliveries
      where v_need > 0 and account_id = v_purchase.account_id and purchase_id is null and status = 'pending'
      order by created_at desc, id for update
    loop
      exit when v_need = 0;
      update deliveries set status = 'cancelled', concluded_at = p_at, leased_until = null, parked_at = null
      where id = v_withdrawal.id;
      v_transit_leg := v_transit_leg - v_withdrawal.millis;
      v_amount := least(v_need, v_withdrawal.millis);
      v_frozen := v_frozen + v_amount;
      v_need := v_need - v_amount;
      v_give := v_give + v_withdrawal.millis - v_amount;
    end loop;
  elsif v_need < 0 then
    v_amount := least(-v_need, v_frozen);
    v_frozen := v_frozen - v_amount;
    v_give := v_amount;
  end if;

  v_amount := v_burn - v_burned;
  if v_amount > 0 then
    v_debt_leg := -greatest(v_amount - v_frozen, 0);
    v_frozen := greatest(v_frozen - v_amount, 0);
    -- A lost dispute's is debt; only what was refunded is fetched back from Venice.
    v_owed := least(v_owed - v_debt_leg, share_millis(v_total, v_cents.refunded, v_purchase.amount_cents));
  end if;
  v_burned := v_burn;

  -- What is left over repays a debt first, like any credit.
  v_amount := least(v_give, v_debt - v_debt_leg);
  v_debt_leg := v_debt_leg + v_amount;
  v_wallet_leg := v_wallet_leg + v_give - v_amount;

  if v_want = 0 and v_delivery.id is null then
    select * into v_delivery from deliveries
    where purchase_id = v_purchase.id and status = 'cancelled' and millis <= v_wallet + v_wallet_leg for update;
    if found then
      update deliveries set status = 'pending', attempt = attempt + 1, transport = null, asked_at = null, concluded_at = null,
        tries = 0, next_at = p_at
      where id = v_delivery.id;
      v_wallet_leg := v_wallet_leg - v_delivery.millis;
      v_transit_leg := v_delivery.millis;
    end if;
  end if;

  v_frozen_leg := v_frozen - v_purchase.frozen_millis;
  v_amount := v_burned - v_purchase.burned_millis;
  v_bonus := share_millis(v_purchase.bonus_millis, v_burned, v_total)
    - share_millis(v_purchase.bonus_millis, v_purchase.burned_millis, v_total);
  if v_wallet_leg <> 0 or v_transit_leg <> 0 or v_frozen_leg <> 0 or v_debt_leg <> 0 or v_amount <> 0 then
    perform post(p_at, 'reversal:' || v_purchase.id || ':' || (v_purchase.reversals + 1), 'reversal', array[
      ('wallet', v_purchase.account_id, v_wallet_leg)::leg,
      ('transit', v_purchase.account_id, v_transit_leg)::leg,
      ('frozen', v_purchase.account_id, v_frozen_leg)::leg,
      ('debt', v_purchase.account_id, v_debt_leg)::leg,
      ('bonus', null, v_bonus)::leg,
      ('issuance', null, v_amount - v_bonus)::leg]);
    v_purchase.reversals := v_purchase.reversals + 1;
  end if;
  update purchases set frozen_millis = v_frozen, burned_millis = v_burned, owed_millis = v_owed,
    at_risk_millis = greatest(v_want - v_burned - v_frozen, 0), reversals = v_purchase.reversals
  where id = v_purchase.id;
  if v_owed <> v_purchase.owed_millis then
    insert into refund_debts (purchase_id, account_id, open_millis) values (v_purchase.id, v_purchase.account_id, 0)
    on conflict do nothing;
    select open_millis into strict v_open from refund_debts where purchase_id = v_purchase.id;
    update refund_debts set open_millis = greatest(v_open + v_owed - v_purchase.owed_millis, 0)
    where purchase_id = v_purchase.id;
    v_debt_leg := v_debt_leg - least(v_open, v_purchase.owed_millis - v_owed);
  end if;
  -- What has come back beyond this purchase's own debt repays others'.
  if v_debt_leg > 0 then
    perform repay_refund_debts(v_purchase.account_id, v_debt_leg);
  end if;
end
$$;

-- As in 0018. With a refusal comes p_read, the payment as Stripe has it since, which counts first: what was refunded elsewhere
-- takes its ducats in the moment in which the request gives up its own. Nobody is told when all of it has gone back.
drop function end_refund_request(timestamptz, text, jsonb, text);
create function end_refund_request(p_at timestamptz, p_id text, p_refund jsonb, p_error text, p_read jsonb default null)
returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_request refund_requests;
  v_paid bigint;
  v_gone bigint;
begin
  -- The purchase first, as everything that posts for it.
  perform from purchases where id = (select purchase_id from refund_requests where id = p_id) for update;
  if p_read is not null then
    perform save_payment_read(p_at, p_read);
  end if;
  update refund_requests set state = case when p_refund is null then 'refused' else 'made' end,
    refund_id = p_refund ->> 'id', error = p_error, ended_at = p_at
  where id = p_id and state = 'asked' returning * into v_request;
  if not found then
    select * into strict v_request from refund_requests where id = p_id;
    return refund_request_view(v_request);
  end if;
  if p_refund is not null then
    insert into refunds (id, payment, amount_cents, status, request_id, failure, created_at)
    values (p_refund ->> 'id', v_request.payment, (p_refund ->> 'amountCents')::bigint, p_refund ->> 'status', p_id,
      p_refund ->> 'failure', (p_refund ->> 'createdAt')::timestamptz)
    on conflict (id) do nothing;
  else
    v_paid := coalesce((select amount_cents from purchases where payment_intent = v_request.payment and status = 'paid'),
      (select amount_cents from quarantines where payment = v_request.payment));
    v_gone := (select coalesce(sum(amount_cents), 0) from refunds
        where payment = v_request.payment and status in ('pending', 'requires_action', 'succeeded'))
      + (select coalesce(sum(amount_cents), 0) from disputes where payment = v_request.payment and status = 'lost');
    if v_gone = 0 or v_paid - v_gone >= v_request.amount_cents then
      perform open_alert(p_at, 'refund_refused', p_id, format(
        'Stripe refused to refund %s of payment %s (purchase %s): %s. Its ducats are held for it no longer. Look at the payment in Stripe.',
        print_cents(v_request.amount_cents), v_request.payment, v_request.purchase_id, p_error));
    elsif v_paid > v_gone then
      perform open_alert(p_at, 'refund_refused', p_id, format(
        'Stripe refused to refund %s of payment %s (purchase %s): %s of it had gone back otherwise meanwhile. %s can still be '
        'refunded: ask for them, or not.', print_cents(v_request.amount_cents), v_request.payment, v_request.purchase_id,
        print_cents(v_gone), print_cents(v_paid - v_gone)));
    end if;
  end if;
  perform apply_reversals(p_at, v_request.payment);
  return refund_request_view(v_request);
end
$$;

-- As in 0019, of what is still owed.
create or replace function recall_at_hand(p_at timestamptz) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object('purchaseId', c.id, 'citizen', c.citizen, 'millis', c.millis) from (
    select p.id, d.citizen, least(o.open_millis, -b.debt, d.millis) / 1000 * 1000 as millis, p.opened_at
    from refund_debts o
    join purchases p on p.id = o.purchase_id
    join balances b on b.account_id = p.account_id
    join deliveries d on d.purchase_id = p.id and d.status = 'executed'
    where o.open_millis >= 1000 and not exists (select from recalls r where r.purchase_id = p.id)) c
  where c.millis > 0
    and exists (select from reserve where mismatch_began is null)
    and not exists (select from recalls where state = 'asked')
    and not exists (select from replenishments where state in ('planned', 'active', 'unclear'))
    and not exists (select from deliveries where transport = 'try_create' and status in ('planned', 'active'))
    and (not exists (select from deliveries where status in ('planned', 'active'))
      or (venice_run_after(p_at) > p_at + interval '10 minutes' and venice_run_after(p_at - interval '1 hour') > p_at))
  order by c.opened_at, c.id limit 1
$$;

-- As in 0019, and not while the debt is being repaid.
create or replace function begin_recall(p_at timestamptz, p_id text, p_purchase text, p_millis bigint) returns boolean
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_purchase purchases;
  v_hand jsonb;
begin
  select * into strict v_purchase from purchases where id = p_purchase for update;
  perform from reserve for update;
  perform from balances where account_id = v_purchase.account_id for update;
  v_hand := recall_at_hand(p_at);
  if v_hand ->> 'purchaseId' is distinct from p_purchase or (v_hand ->> 'millis')::bigint < p_millis then
    return false;
  end if;
  if p_millis = 0 then
    insert into recalls (id, purchase_id, account_id, citizen, millis, state, error, asked_at, ended_at)
    values (p_id, p_purchase, v_purchase.account_id, v_hand ->> 'citizen', (v_hand ->> 'millis')::bigint, 'failed',
      'the citizen has nothing left', p_at, p_at);
    return false;
  end if;
  insert into recalls (id, purchase_id, account_id, citizen, millis, asked_at)
  values (p_id, p_purchase, v_purchase.account_id, v_hand ->> 'citizen', p_millis, p_at);
  perform audit(p_at, '{}', 'operator', v_purchase.account_id, 'recall.asked', jsonb_build_object('recall', p_id,
    'purchase', p_purchase, 'citizen', v_hand ->> 'citizen', 'millis', p_millis));
  perform post(p_at, 'recall:' || p_id, 'recall', array[
    ('venice', null, -p_millis)::leg, ('recall', v_purchase.account_id, p_millis)::leg]);
  return true;
exception
  when unique_violation then
    return false;
end
$$;

-- Internal. As in 0019, and what comes back repays the debt that it was fetched for.
create or replace function explained_top_up(p_at timestamptz, p_moved bigint, p_said bigint, p_perhaps bigint) returns bigint
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_millis bigint;
  v_recall recalls;
  v_repaid bigint;
begin
  if p_moved in (p_said, p_said + p_perhaps) then
    return 0;
  end if;
  update recalls set state = 'done', ended_at = p_at
  where state = 'asked' and millis > p_said + p_perhaps and p_moved + millis in (p_said, p_said + p_perhaps)
  returning * into v_recall;
  if found then
    select least(v_recall.millis, -debt) into strict v_repaid from balances where account_id = v_recall.account_id for update;
    perform repay_refund_debts(v_recall.account_id, v_repaid, v_recall.purchase_id);
    perform post(p_at, 'recall:' || v_recall.id || ':done', 'recall', array[
      ('debt', v_recall.account_id, v_repaid)::leg, ('wallet', v_recall.account_id, v_recall.millis - v_repaid)::leg,
      ('recall', v_recall.account_id, -v_recall.millis)::leg]);
    return v_recall.millis;
  end if;
  update replenishments
  set state = 'done', activated_at = coalesce(activated_at, p_at), concluded_at = p_at
  where (state = 'active' or (state = 'planned' and kind = 'transfer' and record_id is not null))
    and millis > p_said + p_perhaps and p_moved + millis in (p_said, p_said + p_perhaps)
  returning millis into v_millis;
  return coalesce(v_millis, 0);
end
$$;

-- Internal. As in 0025, and what was fetched back from Venice: where a refund fails then, the ducats stay in the wallet.
create or replace function purchase_timeline(p_purchase purchases) returns jsonb
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
    select r.created_at, 9, r.id, jsonb_build_object('kind', 'refund', 'id', r.id, 'usdCents', r.amount_cents,
      'status', r.status)
    from refunds r join payments p on p.payment = r.payment
    union all
    select d.created_at, 9, d.id, jsonb_build_object('kind', 'dispute', 'id', d.id, 'usdCents', d.amount_cents,
      'status', d.status, 'reason', d.reason)
    from disputes d join payments p on p.payment = d.payment
    union all
    select r.asked_at, 10, r.id, jsonb_build_object('kind', 'recall', 'millis', r.millis, 'status', r.state)
    from recalls r where r.purchase_id = p_purchase.id
  )
  select jsonb_agg(step || jsonb_build_object('at', iso(at)) order by
    date_trunc('second', greatest(at, case when rank >= 8 then p_purchase.paid_at end, p_purchase.opened_at)), rank, id)
  from steps
$$;

grant execute on function end_refund_request to cascade_app;
