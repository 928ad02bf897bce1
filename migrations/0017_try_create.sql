-- A second way to Venice: the game's own route `try-create`, which makes a row and carries it out at once. It knows no
-- inert row and no id of ours, so the intent is written before the game is asked, and its row is found by what we gave
-- it as notes: `<delivery>-<attempt>`.

-- `transport`: how a delivery was begun; it ends the same way, whatever is configured by then. Null until it is begun, and
-- again when a transfer that was asked for is proved absent. `asked_at`: when the game was asked for it.
alter table deliveries
  add column transport text check (transport in ('rows', 'try_create')),
  add column asked_at timestamptz;
update deliveries set transport = 'rows' where lease_token > 0;
alter table deliveries drop constraint deliveries_pinned,
  add constraint deliveries_pinned check (
    status not in ('planned', 'active') or record_id is not null or (status = 'planned' and transport = 'try_create')),
  add constraint deliveries_asked check ((asked_at is not null) = (transport is not distinct from 'try_create'));

-- The game writes purses as absolute values: of two transfers at once one debit may be lost.
create unique index deliveries_tried_one_at_a_time on deliveries ((true))
  where transport = 'try_create' and status in ('planned', 'active');

-- As before, but a delivery that is given back to wait is no new step of its story.
drop trigger note_delivery_status on deliveries;
create trigger note_delivery_status after update of status on deliveries for each row
  when (new.status is distinct from old.status and new.status <> 'pending') execute function note_delivery_status();

-- As in 0012, for deliveries by rows; new ones are begun only where p_begin says so.
drop function claim_deliveries(timestamptz, int, interval, interval);
create function claim_deliveries(p_at timestamptz, p_limit int, p_lease interval, p_quiet interval, p_begin boolean)
returns table (id text, lease_token bigint, citizen text, millis bigint, reference text, record_id text,
  purchase_id text, payment_intent text, created_at text)
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
    where d.status = 'planned' or d.running <= coalesce((
      select r.purse_millis - coalesce((
        select sum(u.millis) from deliveries u where u.status in ('planned', 'active')), 0)
      from reserve r), d.running)
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
    (select p.payment_intent from purchases p where p.id = d.purchase_id), iso(d.created_at)
$$;

-- The intent, before the game is asked: the oldest delivery that is due, if the purse can pay it beside all that is under
-- way. From here on it may be paid. None while another is under way by this route.
create function begin_try(p_at timestamptz, p_lease interval)
returns table (id text, lease_token bigint, citizen text, millis bigint, reference text, record_id text,
  purchase_id text, payment_intent text, created_at text)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_delivery deliveries;
  v_free bigint;
begin
  select r.purse_millis - coalesce((
    select sum(u.millis) from deliveries u where u.status in ('planned', 'active')), 0)
  into v_free from reserve r;
  select * into v_delivery from deliveries q
  where q.status = 'pending' and q.transport is null and q.parked_at is null and q.next_at <= p_at
  order by q.next_at, q.id limit 1 for update skip locked;
  if not found or v_free is null or v_delivery.millis > v_free then
    return;
  end if;
  return query
    update deliveries d set status = 'planned', transport = 'try_create', asked_at = p_at,
      planned_at = coalesce(d.planned_at, p_at), lease_token = d.lease_token + 1, leased_until = p_at + p_lease
    where d.id = v_delivery.id
    returning d.id, d.lease_token, d.citizen, d.millis, d.id || '-' || d.attempt, d.record_id, d.purchase_id,
      (select p.payment_intent from purchases p where p.id = d.purchase_id), iso(d.created_at);
exception
  when unique_violation then
    return;
end
$$;

-- Internal. A transfer that certainly was not made: the delivery is free to be begun again, either way. Another attempt is
-- another id, so that a row of this one that turns up after all is known for what it is.
create function forget_try(p_delivery text) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update deliveries set status = 'pending', attempt = attempt + 1, transport = null, asked_at = null, leased_until = null,
    verdict = null, refused_at = null, looked_at = null
  where id = p_delivery and status = 'planned' and transport = 'try_create' and record_id is null
$$;

-- As in 0012, and a transfer that the game refused is forgotten.
create or replace function postpone_deliveries(p_at timestamptz, p_held jsonb, p_error text, p_pause interval)
returns setof text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_parked bigint;
begin
  return query
    update deliveries d set leased_until = null, tries = d.tries + 1, last_error = p_error,
      next_at = p_at + greatest(p_pause, least(interval '1 minute' * 2 ^ least(d.tries, 6), interval '1 hour'))
        * (0.75 + random() / 2),
      parked_at = case when d.tries + 1 >= 24 then p_at end
    from jsonb_to_recordset(p_held) as p (id text, token bigint)
    where d.id = p.id and d.lease_token = p.token and d.status in ('pending', 'planned')
    returning d.id;
  perform forget_try(d.id) from deliveries d join jsonb_to_recordset(p_held) as p (id text, token bigint)
    on d.id = p.id and d.lease_token = p.token and d.leased_until is null;
  select count(*) into v_parked from deliveries where parked_at is not null;
  if v_parked > 0 then
    perform open_alert(p_at, 'deliveries_parked', 'deliveries', format(
      '%s deliveries could not be sent in 24 tries and wait for a person: see dead-letters. The last error: %s',
      v_parked, p_error));
  end if;
end
$$;

-- As in 0016; by try-create with the record that the game named; p_done: [{id, token, touchedAt, recordId}].
create or replace function mark_active(p_at timestamptz, p_done jsonb) returns setof text
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update deliveries d set status = 'active', activated_at = p_at, leased_until = null, last_error = null,
    touched_at = coalesce(d.touched_at, p."touchedAt"), record_id = coalesce(d.record_id, p."recordId")
  from jsonb_to_recordset(p_done) as p (id text, token bigint, "touchedAt" timestamptz, "recordId" text)
  where d.id = p.id and d.lease_token = p.token and d.status = 'planned'
  returning d.id
$$;

-- Internal. As in 0016, with the way it went: `reference` is a row's StratagemId, or a part of its notes.
create or replace function watched_delivery(d deliveries) returns jsonb
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

-- As in 0016; `asked`: transfers whose rows we don't know.
create or replace function delivery_work(p_at timestamptz) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object(
    'reserve', (select jsonb_build_object('purseMillis', purse_millis, 'version', version) from reserve),
    'rowsFrom', iso(coalesce((select rows_to from reserve),
      (select min(created_at) - interval '1 day' from deliveries where status in ('planned', 'active')))),
    'deliveries', coalesce((
      select jsonb_agg(watched_delivery(d) order by d.looked_at nulls first, d.id) from (
        select q.* from deliveries q
        where q.status in ('planned', 'active') and q.record_id is not null
          and (q.looked_at is null or q.looked_at <= p_at - interval '1 hour'
            or q.looked_at < (select mismatch_since from reserve where mismatch_since <= p_at - interval '90 seconds'))
        order by q.looked_at nulls first, q.id limit 1000) d), '[]'),
    'asked', coalesce((
      select jsonb_agg(asked_delivery(d)) from deliveries d where d.status = 'planned' and d.record_id is null), '[]'),
    'underWay', exists (select from deliveries where status in ('planned', 'active')),
    'waiting', exists (select from reserve)
      or exists (select from deliveries where status = 'pending' and parked_at is null and next_at <= p_at))
$$;

-- What rows are about: the deliveries that they are pinned to, ended ones too, and the transfers that were asked for with
-- these references.
drop function deliveries_of_records(jsonb);
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

-- As in 0016; p_seen names each row by its recordId, null where the game was asked for one that we don't know. A transfer that left no row, while the purse stood still as long as a refusal has to wait, is begun
-- again.
create or replace function conclude_deliveries(
  p_at timestamptz, p_version bigint, p_purse_millis bigint, p_seen jsonb,
  p_patience interval, p_limit interval, p_hold interval,
  p_complete boolean default true, p_rows_to timestamptz default null
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_reserve reserve;
  v_moved bigint;
  v_said bigint;
  v_perhaps bigint;
  v_frozen bigint;
  v_doubtful bigint;
  v_agrees boolean;
  v_unread boolean;
  v_delivery record;
  v_end text;
  v_executed jsonb := '[]';
  v_rejected jsonb := '[]';
  v_uncertain jsonb := '[]';
begin
  select * into v_reserve from reserve for update;
  if not found or v_reserve.version <> p_version then
    return jsonb_build_object('kind', 'stale');
  end if;
  update deliveries d set verdict = nullif(s.verdict, 'waiting'), evidence = coalesce(s.evidence, d.evidence),
    -- No longer refused at this look: its time begins anew.
    refused_at = case when s.verdict = 'refused' then d.refused_at end,
    touched_at = coalesce(d.touched_at, s."touchedAt"),
    looked_at = case when s.looked then p_at else d.looked_at end
  from jsonb_to_recordset(p_seen)
    as s (id text, "recordId" text, verdict text, evidence jsonb, "touchedAt" timestamptz, looked boolean)
  where d.id = s.id and d.record_id is not distinct from s."recordId" and d.status in ('planned', 'active');
  for v_delivery in
    select id, millis, evidence from deliveries where status in ('planned', 'active') and verdict = 'tampered'
    order by account_id, id for update
  loop
    perform open_alert(p_at, 'delivery_tampered', v_delivery.id, format(
      'Delivery %s of %s ducats: somebody wrote to its row, %s. It may have been paid or not: compare both purses, then decide.',
      v_delivery.id, print_ducats(v_delivery.millis), coalesce(v_delivery.evidence -> 'row' ->> 'recordId', 'which is gone')));
    update deliveries set status = 'uncertain', concluded_at = p_at, frozen_at = p_at, leased_until = null
    where id = v_delivery.id;
    v_uncertain := v_uncertain || to_jsonb(v_delivery.id);
  end loop;
  v_moved := v_reserve.purse_millis - p_purse_millis;
  if not p_complete then
    update reserve set rows_to = greatest(rows_to, p_rows_to), version = version + 1;
    return jsonb_build_object('kind', 'waiting', 'saidMillis', 0, 'movedMillis', v_moved);
  end if;
  select coalesce(sum(millis) filter (where verdict = 'executed'), 0),
    coalesce(sum(millis) filter (where verdict = 'unknown'), 0)
  into v_said, v_perhaps
  from deliveries where status in ('planned', 'active') and verdict is not null;
  select coalesce(sum(millis), 0) into v_frozen
  from deliveries where frozen_at >= coalesce(v_reserve.mismatch_began, p_at);
  v_perhaps := v_perhaps + v_frozen;
  v_moved := v_moved + explained_top_up(p_at, v_moved, v_said, v_perhaps);
  v_agrees := v_moved in (v_said, v_said + v_perhaps);

  if not v_agrees and exists (select from deliveries where status in ('planned', 'active')) then
    if (v_moved, v_said) is distinct from (v_reserve.mismatch_moved, v_reserve.mismatch_said) then
      v_reserve.mismatch_since := p_at;
    end if;
    v_reserve.mismatch_began := coalesce(v_reserve.mismatch_began, p_at);
    -- A row may be gone: before a disagreement is given up, each row has been read by its id since it began.
    v_unread := exists (select from deliveries where status in ('planned', 'active')
      and coalesce(looked_at, '-infinity') < v_reserve.mismatch_since);
    if p_at < v_reserve.mismatch_began + p_limit
      and (v_unread or p_at < v_reserve.mismatch_since + p_patience)
    then
      update reserve set mismatch_began = v_reserve.mismatch_began, mismatch_since = v_reserve.mismatch_since,
        mismatch_moved = v_moved, mismatch_said = v_said, rows_to = greatest(rows_to, p_rows_to), version = version + 1;
      return jsonb_build_object('kind', 'waiting', 'saidMillis', v_said, 'movedMillis', v_moved);
    end if;
    v_agrees := v_moved between v_said and v_said + v_perhaps;
  end if;
  select coalesce(sum(millis), 0) into v_doubtful
  from deliveries
  where millis <= v_moved and ((status in ('planned', 'active') and verdict in ('refused', 'unknown'))
    or frozen_at >= coalesce(v_reserve.mismatch_began, p_at));

  for v_delivery in
    select id, account_id, millis, refused_at, verdict, record_id from deliveries
    where status in ('planned', 'active') and verdict is not null order by account_id, id for update
  loop
    v_end := case
      when not v_agrees or v_delivery.verdict = 'unknown' then 'uncertain'
      when v_delivery.verdict = 'executed' then
        case when v_moved > v_said + v_doubtful - v_delivery.millis then 'executed' else 'uncertain' end
      when v_moved <> 0 then 'uncertain'
      when v_delivery.refused_at is null then 'refused'
      when p_at >= v_delivery.refused_at + p_hold then 'rejected'
      else 'held'
    end;
    continue when v_end = 'held';
    if v_end = 'rejected' and v_delivery.record_id is null then
      perform forget_try(v_delivery.id);
      continue;
    end if;
    if v_end = 'refused' then
      update deliveries set refused_at = p_at where id = v_delivery.id;
      continue;
    end if;
    if v_end = 'uncertain' then
      perform open_alert(p_at, 'delivery_uncertain', v_delivery.id, format(
        'Delivery %s of %s ducats: its row says %s, the purse moved by %s while the rows account for %s and for %s in doubt. '
        'Compare the row, its notes and both purses, then decide.',
        v_delivery.id, print_ducats(v_delivery.millis), v_delivery.verdict, print_ducats(v_moved), print_ducats(v_said),
        print_ducats(v_doubtful)));
    else
      perform post_delivery_end(p_at, v_delivery.id, v_delivery.account_id, v_delivery.millis, v_end);
    end if;
    update deliveries set status = v_end, concluded_at = p_at, leased_until = null where id = v_delivery.id;
    case v_end
      when 'executed' then v_executed := v_executed || to_jsonb(v_delivery.id);
      when 'rejected' then v_rejected := v_rejected || to_jsonb(v_delivery.id);
      else v_uncertain := v_uncertain || to_jsonb(v_delivery.id);
    end case;
  end loop;
  if not v_agrees then
    perform open_alert(p_at, 'purse_unexplained', 'version ' || v_reserve.version, format(
      'The processor citizen''s purse moved by %s ducats since %s; our deliveries account for %s.',
      print_ducats(v_moved), iso(v_reserve.read_at), print_ducats(v_said)));
  end if;
  update reserve set purse_millis = p_purse_millis, version = version + 1, read_at = p_at,
      rows_to = greatest(rows_to, p_rows_to),
      mismatch_began = null, mismatch_since = null, mismatch_moved = null, mismatch_said = null
    where p_purse_millis <> purse_millis or mismatch_began is not null or p_rows_to > coalesce(rows_to, '-infinity')
      or jsonb_array_length(p_seen) > 0;
  return jsonb_build_object('kind', 'concluded', 'executed', v_executed, 'rejected', v_rejected,
    'uncertain', v_uncertain);
end
$$;

grant execute on function claim_deliveries, begin_try, deliveries_of_rows, adopt_rows to cascade_app;
