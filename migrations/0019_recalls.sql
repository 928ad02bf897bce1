-- Refunded ducats that had arrived in Venice are fetched back from the citizen who got them: a transfer by the game's
-- `try-create`, from him to the processor, one at a time and alone in its time, so that the purse tells whether it came.

-- asked (written before the game is asked; its ducats in `recall`, on their way back) -> done (the purse rose by it: credited
-- to the account, whose debt it repays first) | failed (it did not come). Once for each purchase: what doesn't come stays debt.
create table recalls (
  id text primary key check (id ~ '^rcl_[0-9a-z]{20}$'),
  purchase_id text not null constraint recalls_once unique references purchases,
  account_id text not null references accounts,
  citizen text not null,
  millis bigint not null check (millis > 0 and millis % 1000 = 0),
  state text not null default 'asked' check (state in ('asked', 'done', 'failed')),
  error text,
  asked_at timestamptz not null,
  ended_at timestamptz
);
create unique index recalls_one_at_a_time on recalls ((true)) where state = 'asked';

-- What could be fetched back now: the purchase that has waited longest. Null while anything else may move the purse: a transfer
-- by try-create, a top-up, a disagreement, or rows of ours around the time of the game's own run.
create function recall_at_hand(p_at timestamptz) returns jsonb
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

-- Writes the intent; p_millis at most what recall_at_hand said, and 0 when the citizen has nothing left. False when it is too
-- late for it.
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

-- Ends one whose time is over: the purse, which has just been explained, does not show it.
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
  end loop;
end
$$;

-- Internal. As in 0015, and the recall under way; what comes back repays the debt that it was fetched for.
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

-- As in 0015, under the reserve's lock, and not while ducats are fetched back.
create or replace function begin_replenishment(
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

grant execute on function recall_at_hand, begin_recall, fail_recalls to cascade_app;
