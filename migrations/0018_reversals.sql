-- Money that goes back: refunds and disputes. Stripe's own objects are kept as they were last read, and the books follow
-- them: for each payment what they say together gives a target, and one posting brings the books there. So neither the
-- order of events nor their number matters.

-- A read of a payment at Stripe takes a ticket before it is sent, and counts only above the last one that counted.
create sequence payment_tickets;
create table payment_reads (
  payment text primary key,
  ticket bigint not null,
  read_at timestamptz not null
);

-- Stripe's refunds of payments that name a purchase of ours. `posted`: its dollars have left; none once it has failed.
-- `moves`: how often they have moved: out, back, out again.
create table refunds (
  id text primary key,
  payment text not null,
  amount_cents bigint not null check (amount_cents > 0),
  status text not null check (status in ('pending', 'requires_action', 'succeeded', 'failed', 'canceled')),
  request_id text,
  failure text,
  created_at timestamptz not null,
  posted boolean not null default false,
  moves int not null default 0
);
create index refunds_of_payment on refunds (payment);

-- Stripe's disputes. `warning_…` (a bank asks) and `prevented` move no money; `needs_response` and `under_review` have taken it,
-- `lost` keeps it, `won` brings it back.
create table disputes (
  id text primary key,
  payment text not null,
  amount_cents bigint not null check (amount_cents > 0),
  status text not null check (status in ('warning_needs_response', 'warning_under_review', 'warning_closed',
    'needs_response', 'under_review', 'won', 'lost', 'prevented')),
  reason text not null,
  evidence_due_at timestamptz,
  created_at timestamptz not null,
  posted boolean not null default false,
  moves int not null default 0
);
create index disputes_of_payment on disputes (payment);

-- Every status that a refund or a dispute (`object`) was read with, and since when, as far as we know; append-only.
create table reversal_events (
  id bigint generated always as identity primary key,
  object text not null,
  status text not null,
  at timestamptz not null
);
create index reversal_events_of_object on reversal_events (object, id);
create trigger reversal_events_append_only before update or delete or truncate on reversal_events
  for each statement execute function append_only();

-- The outbox of refunds that we ask for: asked -> made (Stripe has it, refund_id) | refused. While one is asked its ducats are
-- frozen. Its id is Stripe's idempotency key. `requested_by`: the admin's account; null for a second payment, sent back by itself.
create table refund_requests (
  id text primary key check (id ~ '^rfd_[0-9a-z]{20}$'),
  payment text not null,
  purchase_id text not null references purchases,
  amount_cents bigint not null check (amount_cents > 0),
  reason text not null,
  requested_by text references accounts,
  state text not null default 'asked' check (state in ('asked', 'made', 'refused')),
  refund_id text,
  error text,
  tries int not null default 0,
  next_at timestamptz not null,
  idempotency_key text not null,
  created_at timestamptz not null,
  ended_at timestamptz,
  constraint refund_requests_key_unique unique (payment, idempotency_key)
);
create index refund_requests_of_payment on refund_requests (payment) where state = 'asked';
create index refund_requests_to_send on refund_requests (next_at) where state = 'asked';

-- What was taken back of a purchase's ducats. frozen: set aside for an open dispute or a refund that is being asked for;
-- burned: gone; at_risk: should be set aside, and was not there. owed: burned ducats that became debt by refunds.
alter table purchases
  add column frozen_millis bigint not null default 0 check (frozen_millis >= 0),
  add column burned_millis bigint not null default 0 check (burned_millis >= 0),
  add column at_risk_millis bigint not null default 0 check (at_risk_millis >= 0),
  add column owed_millis bigint not null default 0 check (owed_millis >= 0),
  add column reversals int not null default 0,
  add constraint purchases_taken_at_most_given check (burned_millis + frozen_millis <= base_millis + bonus_millis);

-- What a purchase's refunds have left as debt and nothing has repaid yet: at most so much is fetched back from Venice. The row is
-- made under the purchase's lock; what it says changes under the lock of the account's balance alone, so that a credit to the
-- account, which repays debts, needs no lock on other purchases. All of an account together are never more than its debt.
-- `tries`, `next_at`: how often fetching failed, and when it may be tried again.
create table refund_debts (
  purchase_id text primary key references purchases,
  account_id text not null references accounts,
  open_millis bigint not null check (open_millis >= 0),
  tries int not null default 0,
  next_at timestamptz not null default '-infinity'
);
create index refund_debts_open on refund_debts (account_id) where open_millis > 0;

-- Credits that were not paid for as the books say, corrected. `cents`: by how much of the purchase's price. not_paid and underpaid
-- take ducats back as a lost dispute does; overpaid sets dollars aside in `suspense`, `returned_cents` of which have gone back; so
-- often that has changed. Undone when Stripe says something else later.
create table corrections (
  purchase_id text not null references purchases,
  nth int not null,
  kind text not null check (kind in ('not_paid', 'underpaid', 'overpaid')),
  payment text not null,
  cents bigint not null check (cents > 0),
  made_at timestamptz not null,
  undone_at timestamptz,
  returned_cents bigint not null default 0 check (returned_cents between 0 and cents),
  returns int not null default 0,
  primary key (purchase_id, nth)
);
create unique index corrections_one_at_a_time on corrections (purchase_id) where undone_at is null;
create index corrections_of_payment on corrections (payment) where undone_at is null;

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

-- Internal. Stripe has taken a refund's dollars when it makes it, and gives them back when it fails.
create function refund_is_out(p_status text) returns boolean
language sql immutable set search_path = pg_catalog, public, pg_temp
as $$ select p_status in ('pending', 'requires_action', 'succeeded') $$;

-- Internal. Stripe has taken a dispute's dollars, and nobody has decided.
create function dispute_is_open(p_status text) returns boolean
language sql immutable set search_path = pg_catalog, public, pg_temp
as $$ select p_status in ('needs_response', 'under_review') $$;

-- Internal. What a payment's refunds and disputes amount to, in cents; `asked`: refunds that we ask for, or that are on their way.
-- A correction counts as lost, and what was paid too much goes back without a ducat.
create function reversed_cents(p_payment text, out refunded bigint, out lost bigint, out disputed bigint, out asked bigint)
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select greatest(r.arrived - c.surplus, 0)::bigint, (d.lost + c.missing)::bigint, d.open::bigint,
    (greatest(r.made - c.surplus, 0) - greatest(r.arrived - c.surplus, 0) + q.asked)::bigint
  from
    (select coalesce(sum(amount_cents) filter (where refund_is_out(status)), 0) as made,
      coalesce(sum(amount_cents) filter (where status = 'succeeded'), 0) as arrived from refunds where payment = p_payment) r,
    (select coalesce(sum(amount_cents) filter (where status = 'lost'), 0) as lost,
      coalesce(sum(amount_cents) filter (where dispute_is_open(status)), 0) as open from disputes where payment = p_payment) d,
    (select coalesce(sum(cents) filter (where kind = 'overpaid'), 0) as surplus,
      coalesce(sum(cents) filter (where kind <> 'overpaid'), 0) as missing
      from corrections where payment = p_payment and undone_at is null) c,
    (select coalesce(sum(amount_cents), 0) as asked from refund_requests where payment = p_payment and state = 'asked') q
$$;

-- Internal. Posts the dollars of refunds and disputes that have moved, and back those that have returned.
-- p_set_aside: the payment is quarantined, so that its refund empties `suspense`.
-- It may go on any number of times: the second time out is `dispute:<id>:2`, and back `dispute:<id>:2:undone`.
create function post_reversed_dollars(p_at timestamptz, p_payment text, p_set_aside boolean) returns void
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

-- Internal. Refunds of what was paid too much empty `suspense` first; one that failed after all fills it again.
create function return_surplus(p_at timestamptz, p_correction corrections, p_refunded bigint) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_due bigint := least(p_correction.cents, p_refunded);
begin
  if p_correction.kind <> 'overpaid' or v_due = p_correction.returned_cents then
    return;
  end if;
  update corrections set returned_cents = v_due, returns = returns + 1
  where purchase_id = p_correction.purchase_id and nth = p_correction.nth;
  perform post(p_at, format('surplus:%s:%s:%s', p_correction.purchase_id, p_correction.nth, p_correction.returns + 1), 'correction',
    array[('suspense', null, v_due - p_correction.returned_cents)::leg, ('refunds', null, p_correction.returned_cents - v_due)::leg]);
end
$$;

-- Internal. Millis of p_total that a share of the payment stands for, rounded down.
create function share_millis(p_total bigint, p_cents bigint, p_paid bigint) returns bigint
language sql immutable set search_path = pg_catalog, public, pg_temp
as $$ select case when p_paid = 0 then 0 else div(p_total::numeric * least(p_cents, p_paid), p_paid)::bigint end $$;

-- Internal. What a payment that was set aside still needs. A second payment is sent back by itself, when no dispute is open, and asked for
-- anew when one was won, for Stripe refuses while it is open; a purchase whose payments have all gone back is over, and in review again
-- should one of them return.
create function judge_quarantine(p_at timestamptz, p_payment text) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_quarantine quarantines;
  v_cents record := reversed_cents(p_payment);
  v_left bigint;
  v_key text := 'second payment' || coalesce(
    ' after ' || (select string_agg(id, ' ' order by id) from disputes where payment = p_payment and status = 'won'), '');
begin
  select * into v_quarantine from quarantines where payment = p_payment;
  if not found then
    return;
  end if;
  v_left := v_quarantine.amount_cents - v_cents.refunded - v_cents.lost - v_cents.asked;
  if v_quarantine.reason = 'second_payment' and v_left > 0 and v_cents.disputed = 0 then
    insert into refund_requests (id, payment, purchase_id, amount_cents, reason, next_at, created_at, idempotency_key)
    values ('rfd_' || substr(md5(p_payment || v_key), 1, 20), p_payment, v_quarantine.purchase_id, v_left, 'second payment', p_at, p_at,
      v_key)
    on conflict (payment, idempotency_key) do nothing;
  end if;
  if v_quarantine.amount_cents > v_cents.refunded + v_cents.lost then
    update purchases set status = 'review' where id = v_quarantine.purchase_id and status = 'expired';
    return;
  end if;
  perform close_alert(p_at, 'payment_quarantined', p_payment);
  perform close_alert(p_at, 'refund_refused', id) from refund_requests where payment = p_payment and state = 'refused';
  update purchases p set status = 'expired'
  where p.id = v_quarantine.purchase_id and p.status = 'review' and not exists (
    select from quarantines q, lateral reversed_cents(q.payment) r
    where q.purchase_id = p.id and q.amount_cents > r.refunded + r.lost);
end
$$;

-- Internal. What it takes to have p_want of an account's ducats set aside for a payment, p_burn of them burned; p_frozen and
-- p_burned are so by now. Taken, in this order: p_coming, which come in the same posting, the wallet, withdrawals that were not
-- begun, which it cancels; what is burned beyond that is debt. Given back the other way round, what is left of p_coming, too.
-- Answers the legs, and what is frozen then. Takes the locks of the withdrawals, then of the balance.
create function take_back(
  p_at timestamptz, p_account text, p_frozen bigint, p_burned bigint, p_want bigint, p_burn bigint, p_coming bigint,
  out frozen bigint, out wallet_leg bigint, out transit_leg bigint, out debt_leg bigint
)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_withdrawal deliveries;
  v_returned bigint := greatest(p_burned - p_burn, 0);
  v_need bigint := p_want - p_burned + v_returned - p_frozen;
  v_give bigint := p_coming;
  v_wallet bigint;
  v_debt bigint;
  v_amount bigint;
begin
  if v_need > 0 then
    perform from deliveries where account_id = p_account and purchase_id is null and status = 'pending' order by id for update;
  end if;
  select wallet, -debt into strict v_wallet, v_debt from balances where account_id = p_account for update;
  frozen := p_frozen;
  transit_leg := 0;
  debt_leg := least(v_returned, v_debt);
  wallet_leg := v_returned - debt_leg;
  if v_need > 0 then
    v_amount := least(v_need, v_give);
    frozen := frozen + v_amount;
    v_need := v_need - v_amount;
    v_give := v_give - v_amount;
    v_amount := least(v_need, v_wallet + wallet_leg);
    wallet_leg := wallet_leg - v_amount;
    frozen := frozen + v_amount;
    v_need := v_need - v_amount;
    -- Then what the account has asked to be sent, and was not begun: the newest first.
    for v_withdrawal in
      select * from deliveries
      where v_need > 0 and account_id = p_account and purchase_id is null and status = 'pending'
      order by created_at desc, id for update
    loop
      exit when v_need = 0;
      update deliveries set status = 'cancelled', concluded_at = p_at, leased_until = null
      where id = v_withdrawal.id;
      transit_leg := transit_leg - v_withdrawal.millis;
      v_amount := least(v_need, v_withdrawal.millis);
      frozen := frozen + v_amount;
      v_need := v_need - v_amount;
      v_give := v_give + v_withdrawal.millis - v_amount;
    end loop;
  elsif v_need < 0 then
    v_amount := least(-v_need, frozen);
    frozen := frozen - v_amount;
    v_give := v_give + v_amount;
  end if;

  v_amount := p_burn - p_burned;
  if v_amount > 0 then
    debt_leg := -greatest(v_amount - frozen, 0);
    frozen := greatest(frozen - v_amount, 0);
  end if;

  -- What is left over repays a debt first, like any credit.
  v_amount := least(v_give, v_debt - debt_leg);
  debt_leg := debt_leg + v_amount;
  wallet_leg := wallet_leg + v_give - v_amount;
end
$$;

-- Internal. Brings the books to what the payment's refunds, disputes and requests say, as take_back does, the purchase's delivery
-- that was not begun before anything else.
-- Nothing while the payment isn't known: settling it calls this again.
-- Locks are taken in one order everywhere: the purchase, its deliveries, the balance; a delivery's end takes the last two, too.
create function apply_reversals(p_at timestamptz, p_payment text) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_purchase purchases;
  v_delivery deliveries;
  v_cents record;
  v_total bigint;
  v_burn bigint;
  v_want bigint;
  v_taken record;
  v_wallet_leg bigint;
  v_transit_leg bigint;
  v_frozen_leg bigint;
  v_debt_leg bigint;
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
    perform judge_quarantine(p_at, p_payment);
    return;
  end if;
  perform post_reversed_dollars(p_at, p_payment, false);
  perform return_surplus(p_at, c, (select coalesce(sum(amount_cents), 0)::bigint from refunds where payment = p_payment and posted))
  from corrections c where c.payment = p_payment and c.undone_at is null;
  v_cents := reversed_cents(p_payment);
  v_total := v_purchase.base_millis + v_purchase.bonus_millis;
  v_burn := share_millis(v_total, v_cents.refunded + v_cents.lost, v_purchase.amount_cents);
  v_want := share_millis(v_total, v_cents.refunded + v_cents.lost + v_cents.disputed + v_cents.asked,
    v_purchase.amount_cents);
  perform from deliveries
  where (purchase_id = v_purchase.id and status in ('pending', 'planned', 'cancelled'))
    or (account_id = v_purchase.account_id and purchase_id is null and status = 'pending')
  order by id for update;
  if v_want > least(v_purchase.burned_millis, v_burn) + v_purchase.frozen_millis then
    update deliveries set status = 'cancelled', concluded_at = p_at, leased_until = null
    where purchase_id = v_purchase.id and status = 'pending' returning * into v_delivery;
  end if;
  v_taken := take_back(p_at, v_purchase.account_id, v_purchase.frozen_millis, v_purchase.burned_millis, v_want, v_burn,
    coalesce(v_delivery.millis, 0));
  v_wallet_leg := v_taken.wallet_leg;
  v_transit_leg := v_taken.transit_leg - coalesce(v_delivery.millis, 0);
  v_debt_leg := v_taken.debt_leg;
  v_amount := v_burn - v_purchase.burned_millis;
  -- A lost dispute's is debt; only what was refunded is fetched back from Venice.
  v_owed := case
    when v_amount < 0 then greatest(v_purchase.owed_millis + v_amount, 0)
    when v_amount > 0 then least(v_purchase.owed_millis - least(v_debt_leg, 0),
      share_millis(v_total, v_cents.refunded, v_purchase.amount_cents))
    else v_purchase.owed_millis end;

  if v_want = 0 and v_delivery.id is null then
    select * into v_delivery from deliveries
    where purchase_id = v_purchase.id and status = 'cancelled'
      and millis <= (select wallet from balances where account_id = v_purchase.account_id) + v_wallet_leg for update;
    if found then
      update deliveries set status = 'pending', resumed_at = p_at, attempt = attempt + 1, transport = null, asked_at = null,
        concluded_at = null,
        tries = 0, next_at = p_at, planned_at = null, record_id = null, inert_at = null, looked_at = null
      where id = v_delivery.id;
      v_wallet_leg := v_wallet_leg - v_delivery.millis;
      v_transit_leg := v_transit_leg + v_delivery.millis;
    end if;
  end if;

  v_frozen_leg := v_taken.frozen - v_purchase.frozen_millis;
  v_bonus := share_millis(v_purchase.bonus_millis, v_burn, v_total)
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
  update purchases set frozen_millis = v_taken.frozen, burned_millis = v_burn, owed_millis = v_owed,
    at_risk_millis = greatest(v_want - v_burn - v_taken.frozen, 0), reversals = v_purchase.reversals
  where id = v_purchase.id;
  if v_want > 0 then
    -- Whether its row still waits inert in Venice, the next claim sees (pin_records, 0016).
    update deliveries set parked_at = null, next_at = p_at
    where purchase_id = v_purchase.id and status = 'planned' and transport = 'rows' and parked_at is not null;
  end if;
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

-- Internal. A delivery whose row in Venice was just seen inert, and whose purchase is being taken back: as if it had never been begun.
-- What its purchase does not need repays a debt first. The caller holds the purchase and the delivery.
create function cancel_inert_delivery(p_at timestamptz, p_delivery text) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_delivery deliveries;
begin
  update deliveries set status = 'pending' where id = p_delivery returning * into strict v_delivery;
  perform apply_reversals(p_at, (select payment_intent from purchases where id = v_delivery.purchase_id));
  update deliveries set status = 'cancelled', concluded_at = p_at, leased_until = null
  where id = p_delivery and status = 'pending';
  if found then
    perform post(p_at, 'cancelled:' || p_delivery || '-' || v_delivery.attempt, 'reversal',
      credit_legs(v_delivery.account_id, v_delivery.millis) || ('transit', v_delivery.account_id, -v_delivery.millis)::leg);
  end if;
end
$$;

create function take_payment_ticket() returns text
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$ select nextval('payment_tickets')::text $$;

-- Internal. Writes to the payer about each refund that has arrived, and where one failed, once he was told of it; the operator is
-- told of that in any case. After a read, and where the read came before the payment was known, after the payment.
create function tell_refunds(p_at timestamptz, p_payment text) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  perform queue_letter(p_at, 'refunded', r.id, p.account_id, jsonb_build_object('purchaseId', p.id, 'usdCents', r.amount_cents,
    'takenMillis', share_millis(p.base_millis + p.bonus_millis, r.cents, p.amount_cents)
      - share_millis(p.base_millis + p.bonus_millis, r.cents - r.amount_cents, p.amount_cents)))
  from (
    select id, payment, amount_cents, (sum(amount_cents) over (order by created_at, id))::bigint as cents
    from refunds where payment = p_payment and status = 'succeeded') r
  join purchases p on p.payment_intent = r.payment and p.status = 'paid' order by r.cents;
  perform open_alert(p_at, 'refund_failed', r.id, format(
    'Refund %s of %s on payment %s %s (%s): the dollars are back at Stripe, and what was taken for it was given back. Ask the payer how he '
    'can be paid, or ask for the refund again.', r.id, print_cents(r.amount_cents), p_payment, r.status,
    coalesce(replace(r.failure, '_', ' '), 'no reason given')))
  from refunds r
  where r.payment = p_payment and r.status in ('failed', 'canceled')
    and not exists (select from alerts where kind = 'refund_failed' and subject = r.id)
  order by r.id;
  perform queue_letter(p_at, 'refund_failed', r.id, l.account_id, jsonb_build_object('purchaseId', l.data ->> 'purchaseId',
    'usdCents', r.amount_cents))
  from refunds r join letters l on l.kind = 'refunded' and l.object = r.id and l.nth = 1
  where r.payment = p_payment and r.status in ('failed', 'canceled') order by r.id;
end
$$;

-- Internal. An alert for each dispute of a payment that waits for an answer, until it doesn't. p_of: what was paid by it.
create function tell_disputes(p_at timestamptz, p_payment text, p_of text) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_dispute disputes;
begin
  for v_dispute in select * from disputes where payment = p_payment order by id loop
    if v_dispute.status in ('warning_needs_response', 'needs_response') then
      perform open_alert(p_at, 'dispute_open', v_dispute.id, format(
        'Dispute %s of %s on %s (%s): answer it in Stripe%s. Its ducats are frozen as far as they are there.',
        v_dispute.id, print_cents(v_dispute.amount_cents), p_of, replace(v_dispute.reason, '_', ' '),
        coalesce(' by ' || iso(v_dispute.evidence_due_at), '')));
    else
      perform close_alert(p_at, 'dispute_open', v_dispute.id);
    end if;
  end loop;
end
$$;

-- Internal. Keeps a payment's refunds and disputes as they were read. Of one whose amount has changed since its dollars were posted, the
-- difference is posted, whichever way.
create function keep_reversals(p_payment text, p_read jsonb) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  select post((select read_at from payment_reads where payment = p_payment), o.kind || ':' || o.id || ':amount:' || (
      select count(*) + 1 from transactions where business_key like o.kind || ':' || o.id || ':amount:%'), o.kind, array[
    (case when exists (select from transactions where business_key = 'quarantine:' || p_payment) then 'suspense' else o.ledger end,
      null, n."amountCents" - o.amount_cents)::leg,
    ('stripe_clearing', null, o.amount_cents - n."amountCents")::leg])
  from (
    select id, amount_cents, 'refund' as kind, 'refunds' as ledger from refunds where payment = p_payment and posted
    union all select id, amount_cents, 'dispute', 'disputes' from disputes where payment = p_payment and posted) o
  join jsonb_to_recordset((p_read -> 'refunds') || (p_read -> 'disputes')) as n (id text, "amountCents" bigint)
    on n.id = o.id and n."amountCents" <> o.amount_cents
  order by o.id;
  insert into reversal_events (object, status, at)
  select n.id, n.status, case
    -- Begun with it. Of what had ended before it was first read, nobody knows when.
    when o.id is null and n.status in ('pending', 'requires_action', 'succeeded', 'needs_response', 'warning_needs_response')
      then n."createdAt"
    else (select read_at from payment_reads where payment = p_payment) end
  from jsonb_to_recordset((p_read -> 'refunds') || (p_read -> 'disputes')) as n (id text, status text, "createdAt" timestamptz)
  left join (select id, status from refunds union all select id, status from disputes) o on o.id = n.id
  where n.status is distinct from o.status
  order by n."createdAt", n.id;
  insert into refunds as r (id, payment, amount_cents, status, request_id, failure, created_at)
  select n.id, p_payment, n."amountCents", n.status, n."requestId", n.failure, n."createdAt"
  from jsonb_to_recordset(p_read -> 'refunds')
    as n (id text, "amountCents" bigint, status text, "requestId" text, failure text, "createdAt" timestamptz)
  on conflict (id) do update set status = excluded.status, failure = excluded.failure, amount_cents = excluded.amount_cents;
  insert into disputes as d (id, payment, amount_cents, status, reason, evidence_due_at, created_at)
  select n.id, p_payment, n."amountCents", n.status, n.reason, n."evidenceDueAt", n."createdAt"
  from jsonb_to_recordset(p_read -> 'disputes')
    as n (id text, "amountCents" bigint, status text, reason text, "evidenceDueAt" timestamptz, "createdAt" timestamptz)
  on conflict (id) do update set status = excluded.status, evidence_due_at = excluded.evidence_due_at,
    amount_cents = excluded.amount_cents;
$$;

-- Internal. What was read of a payment at Stripe; the purchase is locked before anything else, as everywhere. p_read: {payment, purchaseId, ticket, refunds: [{id, amountCents, status,
-- requestId, failure, createdAt}], disputes: [{id, amountCents, status, reason, evidenceDueAt, createdAt}]}.
-- Outcome: 'read' | 'superseded' (a later read counts) | 'ignored' (a payment that is none of ours).
create function save_payment_read(p_at timestamptz, p_read jsonb) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_payment text := p_read ->> 'payment';
  v_purchase text := coalesce((select id from purchases where payment_intent = v_payment), p_read ->> 'purchaseId');
begin
  perform from purchases where id = v_purchase for update;
  if not found then
    return 'ignored';
  end if;
  insert into payment_reads as r (payment, ticket, read_at) values (v_payment, (p_read ->> 'ticket')::bigint, p_at)
  on conflict (payment) do update set ticket = excluded.ticket, read_at = excluded.read_at where r.ticket < excluded.ticket;
  if not found then
    return 'superseded';
  end if;
  perform keep_reversals(v_payment, p_read);
  update refund_requests q set state = 'made', refund_id = r.id, ended_at = p_at, error = null
  from refunds r where r.request_id = q.id and r.payment = q.payment and q.payment = v_payment and q.state = 'asked';
  perform apply_reversals(p_at, v_payment);
  perform tell_disputes(p_at, v_payment, 'purchase ' || v_purchase);
  perform tell_refunds(p_at, v_payment);
  return 'read';
end
$$;

-- Internal. Whether a bank holds a payment of the account while it decides.
create function is_disputed(p_account text) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  return exists (
    select from disputes d join (
      select payment_intent as payment from purchases where account_id = p_account
      union all
      select i.payment from subscriptions s join subscription_invoices i on i.subscription_id = s.id where s.account_id = p_account) p
      on p.payment = d.payment
    where dispute_is_open(d.status));
end
$$;

-- Internal.
create function refund_request_view(p_request refund_requests) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object('kind', p_request.state, 'id', p_request.id, 'payment', p_request.payment,
    'amountCents', p_request.amount_cents, 'purchaseId', p_request.purchase_id, 'error', p_request.error)
$$;

-- For admins: asks for a refund of a settled purchase, or of a payment that was set aside; p_cents null for all that is left.
-- Its ducats are frozen here, before Stripe is asked. p_livemode: the mode of the key that Stripe would be asked with.
-- Outcome: {kind: 'unauthorised' | 'not_found' | 'not_paid' | 'other_mode' | 'key_reused'} | {kind: 'set_aside', payments} |
-- {kind: 'too_much', leftCents, refundedCents, askedCents, lostCents} | {kind: 'asked' | 'made' | 'refused', id, payment, amountCents,
-- purchaseId, error}.
create function request_refund(
  p_at timestamptz, p_visit jsonb, p_session text, p_id text, p_purchase text, p_payment text, p_cents bigint,
  p_reason text, p_key text, p_livemode boolean
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_admin text := staff_account(p_at, p_session, 'admin');
  v_purchase purchases;
  v_paid bigint;
  v_payment text := p_payment;
  v_cents record;
  v_left bigint;
  v_request refund_requests;
begin
  if session_account(p_at, p_session) is null then
    return jsonb_build_object('kind', 'unauthorised');
  end if;
  select * into v_purchase from purchases
  where id = coalesce(p_purchase, (select purchase_id from quarantines where payment = p_payment)) for update;
  if not found or v_admin is null then
    return jsonb_build_object('kind', 'not_found');
  end if;
  if p_payment is null then
    v_payment := v_purchase.payment_intent;
    v_paid := v_purchase.amount_cents;
  else
    select amount_cents into v_paid from quarantines where payment = p_payment;
  end if;
  if p_payment is null and v_purchase.status <> 'paid' and exists (select from quarantines where purchase_id = v_purchase.id) then
    return jsonb_build_object('kind', 'set_aside', 'payments', (
      select jsonb_agg(payment order by opened_at, payment) from quarantines where purchase_id = v_purchase.id));
  elsif v_payment is null or v_paid = 0 or (p_payment is null and v_purchase.status <> 'paid') then
    return jsonb_build_object('kind', 'not_paid');
  elsif p_livemode <> coalesce((select livemode from quarantines where payment = v_payment), v_purchase.livemode) then
    return jsonb_build_object('kind', 'other_mode');
  end if;
  select * into v_request from refund_requests where payment = v_payment and idempotency_key = p_key;
  if found and p_cents is distinct from v_request.amount_cents and p_cents is not null then
    return jsonb_build_object('kind', 'key_reused');
  elsif not found then
    v_cents := reversed_cents(v_payment);
    v_left := greatest(v_paid - v_cents.refunded - v_cents.lost - v_cents.asked, 0);
    if v_left = 0 or p_cents > v_left then
      return jsonb_build_object('kind', 'too_much', 'leftCents', v_left, 'refundedCents', v_cents.refunded,
        'askedCents', v_cents.asked, 'lostCents', v_cents.lost);
    end if;
    insert into refund_requests (id, payment, purchase_id, amount_cents, reason, requested_by, next_at, created_at,
      idempotency_key)
    values (p_id, v_payment, v_purchase.id, coalesce(p_cents, v_left), p_reason, v_admin, p_at, p_at, p_key)
    returning * into v_request;
    perform apply_reversals(p_at, v_payment);
    perform audit(p_at, p_visit, v_admin, v_purchase.account_id, 'refund.asked', jsonb_build_object('refund', p_id,
      'purchase', v_purchase.id, 'payment', v_payment, 'cents', v_request.amount_cents, 'reason', p_reason));
  end if;
  return refund_request_view(v_request);
end
$$;

-- Takes requests that are due, each for two minutes and then more; p_id for one alone.
create function claim_refund_requests(p_at timestamptz, p_id text, p_limit int)
returns table (id text, payment text, amount_cents bigint, tries int)
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  with due as (
    select q.id from refund_requests q
    where q.state = 'asked' and q.next_at <= p_at and (p_id is null or q.id = p_id)
    order by q.next_at, q.id limit p_limit for update skip locked
  )
  update refund_requests q set tries = q.tries + 1,
    next_at = p_at + least(interval '2 minutes' * 2 ^ least(q.tries, 5), interval '1 hour')
  from due where q.id = due.id
  returning q.id, q.payment, q.amount_cents, q.tries
$$;

-- Stripe's answer to a request: p_refund {id, amountCents, status, failure, createdAt}, or null with the reason it refused.
-- A refused one gives the ducats back.
-- With a refusal comes p_read, the payment as Stripe has it since, which counts first: what was refunded elsewhere takes its ducats
-- in the moment in which the request gives up its own. Nobody is told when all of it has gone back.
create function end_refund_request(p_at timestamptz, p_id text, p_refund jsonb, p_error text, p_read jsonb default null)
returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_request refund_requests;
  v_paid bigint;
  v_cents record;
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
    if found then
      insert into reversal_events (object, status, at)
      values (p_refund ->> 'id', p_refund ->> 'status', (p_refund ->> 'createdAt')::timestamptz);
    end if;
  else
    v_paid := coalesce((select amount_cents from purchases where payment_intent = v_request.payment and status = 'paid'),
      (select amount_cents from quarantines where payment = v_request.payment));
    v_cents := reversed_cents(v_request.payment);
    v_gone := v_cents.refunded + v_cents.lost + v_cents.asked;
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

grant execute on function take_payment_ticket, request_refund, claim_refund_requests, end_refund_request to cascade_app;
