-- A second way to Venice: the game's own route `try-create`, which makes a row and carries it out at once. It knows no
-- inert row and no id of ours, so the intent is written before the game is asked, and its row is found by what we gave
-- it as notes: `<delivery>-<attempt>`.

-- `transport`: how a delivery was begun; it ends the same way, whatever is configured by then. Null until it is begun, and
-- again when a transfer that was asked for is proved absent. `asked_at`: when the game was asked for it.
alter table deliveries
  add column transport text check (transport in ('rows', 'try_create')),
  add column asked_at timestamptz;
alter table deliveries
  add constraint deliveries_pinned check (
    status not in ('planned', 'active') or record_id is not null or (status = 'planned' and transport = 'try_create')),
  add constraint deliveries_asked check ((asked_at is not null) = (transport is not distinct from 'try_create'));

-- The game writes purses as absolute values: of two transfers at once one debit may be lost.
create unique index deliveries_tried_one_at_a_time on deliveries ((true))
  where transport = 'try_create' and status in ('planned', 'active');


-- Internal. What the purse is free to pay beside all that is under way, the claimed ones whose holders may be at work, too; null
-- before it was read.
create function payable_millis(p_at timestamptz, p_quiet interval) returns bigint
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select r.purse_millis - coalesce((
    select sum(u.millis) from deliveries u
    where u.status in ('planned', 'active') or (u.status = 'pending' and u.leased_until > p_at - p_quiet)), 0)::bigint
  from reserve r
$$;

-- For deliveries by rows, in order, and only what the purse can pay: the rest waits. Of two runs at once both reckon with the same
-- ones, and what the one has taken the other leaves out. One that failed twice is tried alone, so that it holds nobody else up.
-- New ones are begun only where p_begin says so.
create function claim_deliveries(p_at timestamptz, p_limit int, p_lease interval, p_quiet interval, p_begin boolean)
returns table (id text, lease_token bigint, citizen text, millis bigint, reference text, record_id text,
  purchase_id text, payment_intent text)
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  with due as materialized (
    select q.id, q.status, q.tries, q.next_at, q.millis from deliveries q
    where q.status in ('pending', 'planned') and q.parked_at is null and q.next_at <= p_at
      and (q.transport = 'rows' or (p_begin and q.transport is null))
      and (q.leased_until is null or q.leased_until + p_quiet <= p_at)
    order by q.next_at, q.id limit 10 * p_limit
  ), payable as materialized (
    select d.*, row_number() over (order by d.next_at, d.id) as turn,
      first_value(d.tries) over (order by d.next_at, d.id) as first_tries
    from (
      select due.*, coalesce(sum(due.millis) filter (where due.status = 'pending') over (order by due.next_at, due.id), 0)
        as running from due) d
    where d.status = 'planned' or d.running <= coalesce((select payable_millis(p_at, p_quiet)), d.running)
  ), chosen as materialized (
    select q.id from deliveries q join payable p on p.id = q.id
    where (p.turn = 1 or (p.first_tries < 2 and p.tries < 2))
      and q.status in ('pending', 'planned') and (q.transport = 'rows' or (p_begin and q.transport is null))
      and (q.leased_until is null or q.leased_until + p_quiet <= p_at)
    order by q.next_at, q.id limit p_limit for update of q skip locked
  )
  update deliveries d set lease_token = d.lease_token + 1, leased_until = p_at + p_lease, transport = 'rows'
  from chosen where d.id = chosen.id
  returning d.id, d.lease_token, d.citizen, d.millis, d.id || '-' || d.attempt, d.record_id, d.purchase_id,
    (select p.payment_intent from purchases p where p.id = d.purchase_id)
$$;

-- The intent, before the game is asked: the oldest delivery that is due, if the purse can pay it. From here on it may be paid.
-- None while another is under way by this route, or ducats are fetched back: what moves the purse alone is begun under the
-- reserve's lock, so that of two that begin at once the later one sees the other.
create function begin_try(p_at timestamptz, p_lease interval, p_quiet interval)
returns table (id text, lease_token bigint, citizen text, millis bigint, reference text, record_id text,
  purchase_id text, payment_intent text)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_delivery deliveries;
  v_free bigint;
begin
  perform from reserve for update;
  v_free := payable_millis(p_at, p_quiet);
  select * into v_delivery from deliveries q
  where q.status = 'pending' and q.transport is null and q.parked_at is null and q.next_at <= p_at
  order by q.next_at, q.id limit 1 for update skip locked;
  if not found or exists (select from recalls where state = 'asked') or v_free is null or v_delivery.millis > v_free then
    return;
  end if;
  return query
    update deliveries d set status = 'planned', transport = 'try_create', asked_at = p_at,
      planned_at = coalesce(d.planned_at, p_at), lease_token = d.lease_token + 1, leased_until = p_at + p_lease
    where d.id = v_delivery.id
    returning d.id, d.lease_token, d.citizen, d.millis, d.id || '-' || d.attempt, d.record_id, d.purchase_id,
      (select p.payment_intent from purchases p where p.id = d.purchase_id);
exception
  when unique_violation then
    return;
end
$$;

-- Internal. A transfer that certainly was not made: the delivery is free to be begun again, either way. Another attempt is
-- another id, so that a row of this one that turns up after all is known for what it is.
create function forget_try(p_at timestamptz, p_delivery text) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_delivery deliveries;
begin
  update deliveries set status = 'pending', attempt = attempt + 1, transport = null, asked_at = null, leased_until = null,
    verdict = null, refused_at = null, looked_at = null
  where id = p_delivery and status = 'planned' and transport = 'try_create' and record_id is null
  returning * into v_delivery;
  -- Begun before its purchase was refunded or disputed: not to be sent, and a person gives it back.
  if exists (
    select from purchases p where p.id = v_delivery.purchase_id and p.frozen_millis + p.burned_millis + p.at_risk_millis > 0
  ) then
    update deliveries set status = 'uncertain', concluded_at = p_at where id = p_delivery;
    perform open_alert(p_at, 'delivery_uncertain', p_delivery, format(
      'Delivery %s of %s ducats was not made, and its payment is going back: return it.', p_delivery,
      print_ducats(v_delivery.millis)));
  end if;
end
$$;

-- Internal. What a row under way is compared with, and the way it went: `reference` is a row's StratagemId, or a part of
-- its notes.
create function watched_delivery(d deliveries) returns jsonb
language sql stable set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object('id', d.id, 'transport', d.transport, 'reference', d.id || '-' || d.attempt,
    'recordId', d.record_id, 'citizen', d.citizen, 'millis', d.millis, 'inertAt', iso(d.inert_at),
    'touchedAt', iso(d.touched_at), 'underWay', d.status in ('planned', 'active'),
    'seenAt', d.evidence -> 'row' ->> 'updatedAt')
$$;

-- Internal. A transfer that the game was asked for, and whose row we don't know.
create function asked_delivery(d deliveries) returns jsonb
language sql stable set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object('id', d.id, 'reference', d.id || '-' || d.attempt, 'citizen', d.citizen, 'millis', d.millis,
    'askedAt', iso(d.asked_at), 'leasedUntil', iso(d.leased_until))
$$;
create function deliveries_of_rows(p_records jsonb, p_references jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object(
    'deliveries', coalesce((
      select jsonb_agg(watched_delivery(d)) from deliveries d
      where d.record_id in (select jsonb_array_elements_text(p_records))), '[]'),
    'asked', coalesce((
      select jsonb_agg(asked_delivery(d)) from deliveries d
      where d.status = 'planned' and d.record_id is null
        and d.id || '-' || d.attempt in (select jsonb_array_elements_text(p_references))), '[]'))
$$;

-- Pins the rows that were found for transfers that were asked for; p_found: [{id, reference, recordId}]. From then on they are
-- watched like any other. The deliveries as they are then.
create function adopt_rows(p_at timestamptz, p_found jsonb) returns jsonb
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  with adopted as (
    update deliveries d set record_id = p."recordId", status = 'active', activated_at = p_at, leased_until = null
    from jsonb_to_recordset(p_found) as p (id text, reference text, "recordId" text)
    where d.id = p.id and d.id || '-' || d.attempt = p.reference and d.status = 'planned' and d.record_id is null
      and not exists (select from deliveries other where other.record_id = p."recordId")
    returning d.*
  )
  select coalesce(jsonb_agg(watched_delivery(adopted::deliveries)), '[]') from adopted
$$;

grant execute on function begin_try, deliveries_of_rows, adopt_rows, claim_deliveries to cascade_app;
