-- Refunded ducats that had arrived in Venice are fetched back from the citizen who got them: a transfer by the game's
-- `try-create`, from him to the processor, one at a time and alone in its time, so that the purse tells whether it came.

-- asked (written before the game is asked; its ducats in `recall`, on their way back) -> done (the purse rose by it: credited
-- to the account, whose debt it repays first) | failed (it did not come, and is tried again later).
create table recalls (
  id text primary key check (id ~ '^rcl_[0-9a-z]{20}$'),
  purchase_id text not null references purchases,
  account_id text not null references accounts,
  citizen text not null,
  millis bigint not null check (millis > 0 and millis % 1000 = 0),
  state text not null default 'asked' check (state in ('asked', 'done', 'failed')),
  error text,
  asked_at timestamptz not null,
  ended_at timestamptz
);
create unique index recalls_one_at_a_time on recalls ((true)) where state = 'asked';
create index recalls_of_purchase on recalls (purchase_id);

-- What could be fetched back now: the purchase that has waited longest. Only from the payer: whoever has paid has proved by his
-- wallet that the citizen who got them is his own. A gift stays where it is, and debt. All in all at most what was delivered.
-- Null while anything else may move the purse: a transfer by try-create, a top-up, a disagreement, or rows of ours around the time of
-- the game's own run.
create function recall_at_hand(p_at timestamptz) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object('purchaseId', c.id, 'citizen', c.citizen, 'millis', c.millis) from (
    select p.id, d.citizen, o.next_at, p.opened_at, least(o.open_millis, -b.debt, d.millis - coalesce((
        select sum(r.millis) from recalls r where r.purchase_id = p.id and r.state <> 'failed'), 0))::bigint / 1000 * 1000 as millis
    from refund_debts o
    join purchases p on p.id = o.purchase_id
    join accounts a on a.id = p.account_id and a.citizen_proved_at is not null
    join balances b on b.account_id = p.account_id
    join deliveries d on d.purchase_id = p.id and d.status = 'executed' and d.citizen = a.citizen
    where o.open_millis >= 1000 and o.next_at <= p_at) c
  where c.millis > 0
    and exists (select from reserve where mismatch_began is null)
    and not exists (select from recalls where state = 'asked')
    and not exists (select from replenishments where state in ('planned', 'active', 'unclear'))
    and not exists (select from deliveries where transport = 'try_create' and status in ('planned', 'active'))
    and (not exists (select from deliveries where status in ('planned', 'active'))
      or (venice_run_after(p_at) > p_at + interval '10 minutes' and venice_run_after(p_at - interval '1 hour') > p_at))
  order by c.next_at, c.opened_at, c.id limit 1
$$;

-- Internal. Nothing came: again in an hour, and then ever more rarely. The caller holds the account's balance.
create function postpone_recall(p_at timestamptz, p_purchase text) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update refund_debts set tries = tries + 1, next_at = p_at + least(interval '1 hour' * 2 ^ least(tries, 8), interval '7 days')
  where purchase_id = p_purchase
$$;

-- Writes the intent; p_millis at most what recall_at_hand said, and 0 when the citizen has nothing, or nobody knows what he has: then
-- others have their turn. False when it is too late for it.
-- Nor while the debt is being repaid.
create function begin_recall(p_at timestamptz, p_id text, p_purchase text, p_millis bigint) returns boolean
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
    perform postpone_recall(p_at, p_purchase);
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

-- Internal, under the reserve's lock. Ends one whose time is over: the purse, which has just been explained, does not show it.
create function fail_recalls(p_at timestamptz) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_recall recalls;
begin
  for v_recall in
    update recalls set state = 'failed', ended_at = p_at, error = 'it did not come'
    where state = 'asked' and asked_at < p_at - interval '30 minutes' returning *
  loop
    perform post(p_at, 'recall:' || v_recall.id || ':failed', 'recall', array[
      ('recall', v_recall.account_id, -v_recall.millis)::leg, ('venice', null, v_recall.millis)::leg]);
    perform postpone_recall(p_at, v_recall.purchase_id);
  end loop;
end
$$;

-- Internal, under the reserve's lock. The millis of the top-up or recall under way when it alone explains the purse's
-- movement beside what the rows say; then it is done, and what a recall brings back repays the debt that it was fetched
-- for. 0 when the rows alone explain it, or when nothing does. It must exceed all that the rows say: else rows forged to
-- its sum would explain a purse that stood still.
create function explained_top_up(p_at timestamptz, p_moved bigint, p_said bigint, p_perhaps bigint) returns bigint
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

-- Begins one, under a lease and the reserve's lock; the lease's token, or null while another is at hand or ducats are
-- fetched back.
create function begin_replenishment(
  p_at timestamptz, p_id text, p_kind text, p_millis bigint, p_payer text, p_lease interval
) returns bigint
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  select from reserve for update;
  insert into replenishments (id, kind, millis, payer, requested_by, leased_until, created_at)
  select p_id, p_kind, p_millis, p_payer, 'operator', p_at + p_lease, p_at
  where replenishment_at_hand() is null and not exists (select from recalls where state = 'asked')
  on conflict do nothing returning lease_token
$$;

grant execute on function recall_at_hand, begin_recall to cascade_app;
