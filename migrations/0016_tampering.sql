-- Rows that somebody touched after us. Airtable writes a row's UpdatedAt itself: nobody can set it, and a write that changes
-- nothing leaves it.

-- `inert_at`: the row's UpdatedAt when it was pinned, inert. `touched_at`: as our activation left it. `verdict`: what the row said when it was last read and did not
-- only wait. `looked_at`: when it was last read by its id, for a deleted row shows in nothing else. `frozen_at`: when tampering
-- was seen.
alter table deliveries
  add column inert_at timestamptz,
  add column touched_at timestamptz,
  add column verdict text check (verdict in ('executed', 'refused', 'unknown', 'tampered')),
  add column looked_at timestamptz,
  add column frozen_at timestamptz;
create index deliveries_with_verdict on deliveries (verdict) where verdict is not null and status in ('planned', 'active');
create index deliveries_to_look_at on deliveries (looked_at nulls first) where status in ('planned', 'active');
create index deliveries_frozen on deliveries (frozen_at) where frozen_at is not null;

-- Airtable's time up to which every change of the processor's rows has been read.
alter table reserve add column rows_to timestamptz;

-- Pins one Airtable record per delivery; p_pins: [{id, token, recordId, inertAt, isInert}]. Answers those whose lease still holds and
-- whose pinned record is this one: only what is `pinned` may be activated. An inert row is activated only as it was pinned: one that
-- was written to since may have been activated, paid and made inert again. To the second: Airtable may show no more. `cancelled`: seen
-- inert (`isInert`) when its purchase's money had gone back, or was on its way.
-- Needs the reserve: without a purse to compare with, nothing may move. Locks as in 0018: the purchases first.
create function pin_records(p_at timestamptz, p_pins jsonb) returns table (id text, outcome text)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_taken_back text[];
  v_pinned record;
begin
  if not exists (select from reserve) then
    raise exception 'the reserve has no purse reading yet';
  end if;
  v_taken_back := array(
    select p.id from purchases p
    where p.frozen_millis + p.burned_millis + p.at_risk_millis > 0
      and p.id in (select d.purchase_id from deliveries d join jsonb_to_recordset(p_pins) as n (id text) on n.id = d.id)
    order by p.id for update);
  for v_pinned in
    update deliveries d
    set record_id = p."recordId", status = 'planned', planned_at = coalesce(d.planned_at, p_at),
      inert_at = coalesce(d.inert_at, p."inertAt")
    from jsonb_to_recordset(p_pins) as p (id text, token bigint, "recordId" text, "inertAt" timestamptz, "isInert" boolean)
    where d.id = p.id and d.lease_token = p.token and d.leased_until > p_at
      and d.status in ('pending', 'planned') and coalesce(d.record_id, p."recordId") = p."recordId"
      and date_trunc('second', coalesce(d.inert_at, p."inertAt")) is not distinct from
        date_trunc('second', coalesce(p."inertAt", d.inert_at))
      -- A row that pays another delivery, whatever id somebody has written into it.
      and not exists (select from deliveries other where other.record_id = p."recordId" and other.id <> d.id)
    returning d.id, d.purchase_id = any (v_taken_back) and p."isInert" and d.verdict is null as is_cancelled
  loop
    id := v_pinned.id;
    outcome := 'pinned';
    if v_pinned.is_cancelled then
      perform cancel_inert_delivery(p_at, id);
      outcome := 'cancelled';
    end if;
    return next;
  end loop;
end
$$;

-- As in 0006, with the row's UpdatedAt from then on, when it was seen; p_done: [{id, token, touchedAt}].
create or replace function mark_active(p_at timestamptz, p_done jsonb) returns setof text
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update deliveries d set status = 'active', activated_at = p_at, leased_until = null, last_error = null,
    touched_at = coalesce(d.touched_at, p."touchedAt")
  from jsonb_to_recordset(p_done) as p (id text, token bigint, "touchedAt" timestamptz)
  where d.id = p.id and d.lease_token = p.token and d.status = 'planned'
  returning d.id
$$;

-- Internal. What a row under way is compared with.
create function watched_delivery(d deliveries) returns jsonb
language sql stable set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object('id', d.id, 'stratagemId', d.id || '-' || d.attempt, 'recordId', d.record_id,
    'citizen', d.citizen, 'millis', d.millis, 'inertAt', iso(d.inert_at), 'touchedAt', iso(d.touched_at),
    'underWay', d.status in ('planned', 'active'), 'seenAt', d.evidence -> 'row' ->> 'updatedAt')
$$;

-- What there is to do. `deliveries`: those whose rows are due to be read by id: at once, then once an hour, and all of
-- them when purse and rows have disagreed in the same way for a while (a row may be gone). `rowsFrom`: since when changes of rows have not been
-- read; no row is older than its delivery. `waiting`: whether there is anything to send or to watch;
-- once there is a reserve there always is, for an old row may be made active again while nothing is under way.
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
        where q.status in ('planned', 'active') and (q.looked_at is null or q.looked_at <= p_at - interval '1 hour'
          or q.looked_at < (select mismatch_since from reserve where mismatch_since <= p_at - interval '90 seconds'))
        order by q.looked_at nulls first, q.id limit 1000) d), '[]'),
    'underWay', exists (select from deliveries where status in ('planned', 'active')),
    'waiting', exists (select from reserve)
      or exists (select from deliveries where status = 'pending' and parked_at is null and next_at <= p_at))
$$;

-- The deliveries that rows are pinned to, ended ones too.
create function deliveries_of_records(p_records jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select coalesce(jsonb_agg(watched_delivery(d)), '[]')
  from deliveries d where d.record_id in (select jsonb_array_elements_text(p_records))
$$;

-- As in 0015, but what the rows say is kept, so that p_seen names only rows that changed or were read by id: [{id, verdict:
-- executed | refused | unknown | tampered | waiting, evidence, touchedAt (first sight of a row without a baseline), looked}].
-- p_complete: all changes were read; if not, nothing is concluded. p_rows_to: up to where they were read.
--   Tampered: frozen at once, whatever the purse says. Like an unknown one it may have been paid, now and until the
--   disagreement that it was seen in is over.
--   Agreed: the purse moved by what the executed ones say, or by that and all that may have been paid besides; after
--   p_patience anything between the two will do.
--   Each executed one is proved only if the purse could not have moved so far without it, had all of the doubtful ones
--   (refused, unknown, tampered, as far as the movement covers them) been paid; else it is uncertain.
create function conclude_deliveries(
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
  from jsonb_to_recordset(p_seen) as s (id text, verdict text, evidence jsonb, "touchedAt" timestamptz, looked boolean)
  where d.id = s.id and d.status in ('planned', 'active');
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
    select id, account_id, millis, refused_at, verdict from deliveries
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
drop function conclude_deliveries(timestamptz, bigint, bigint, jsonb, interval, interval, interval);

-- As in 0006, and it closes the alert on tampering, too.
create or replace function resolve_delivery(p_at timestamptz, p_delivery text, p_outcome text, p_reason text) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_delivery deliveries;
  v_end text := case p_outcome when 'arrived' then 'executed' when 'returned' then 'rejected' end;
begin
  select * into v_delivery from deliveries where id = p_delivery for update;
  if v_end is null or coalesce(p_reason, '') = '' then
    raise exception 'give arrived or returned, and a reason';
  elsif v_delivery.status is distinct from 'uncertain' then
    raise exception 'delivery % is not uncertain', p_delivery;
  end if;
  perform post_delivery_end(p_at, v_delivery.id, v_delivery.account_id, v_delivery.millis, v_end);
  update deliveries set status = v_end, concluded_at = p_at,
    evidence = coalesce(evidence, '{}') || jsonb_build_object('resolved', p_outcome, 'reason', p_reason)
  where id = p_delivery;
  perform close_alert(p_at, 'delivery_uncertain', p_delivery);
  perform close_alert(p_at, 'delivery_tampered', p_delivery);
end
$$;

grant execute on function pin_records, deliveries_of_records, conclude_deliveries to cascade_app;
