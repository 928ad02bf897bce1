-- A run of the game that dies after a credit and before the status leaves the row active: its next run pays it once more.

-- When purse and rows agreed last.
alter table reserve add column explained_at timestamptz;

-- Rows that pay from the processor's purse, say that they have, and are pinned to no delivery: a second row that Airtable made of one
-- request, say, run by hand. What such a row took is not there to bear out a delivery's claim.
create table stray_payments (
  record_id text primary key,
  millis bigint not null check (millis > 0),
  seen_at timestamptz not null
);

-- As in 0016; p_seen names each row by its recordId, null where the game was asked for one that we don't know. p_strays:
-- [{recordId, millis}], each counting in the interval in which it was first seen. A transfer that left no row, while the purse stood
-- still as long as a refusal has to wait, is begun again. When a disagreement is given up, each delivery that still waits and is of
-- exactly the amount that nothing explains becomes uncertain: a dead run leaves one such row. `halted`: their records, to be cancelled.
drop function conclude_deliveries;
create function conclude_deliveries(
  p_at timestamptz, p_version bigint, p_purse_millis bigint, p_seen jsonb,
  p_patience interval, p_limit interval, p_hold interval,
  p_complete boolean default true, p_rows_to timestamptz default null, p_strays jsonb default '[]'
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
  v_halted jsonb := '[]';
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
  insert into stray_payments (record_id, millis, seen_at)
  select "recordId", millis, p_at from jsonb_to_recordset(p_strays) as r ("recordId" text, millis bigint)
  on conflict do nothing;
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
    if not v_agrees then
      for v_delivery in
        select id, millis, record_id from deliveries
        where status in ('planned', 'active') and verdict is null and record_id is not null
          and millis in (v_moved - v_said, v_moved - v_said - v_perhaps)
        order by account_id, id for update
      loop
        perform open_alert(p_at, 'delivery_uncertain', v_delivery.id, format(
          'Delivery %s of %s ducats: its row says nothing, and the purse moved by as much without an explanation. A run of the '
          'game may have died after it had paid: the next one would pay again, so the row is cancelled. Compare both purses, '
          'then decide.', v_delivery.id, print_ducats(v_delivery.millis)));
        update deliveries set status = 'uncertain', concluded_at = p_at, leased_until = null,
          evidence = jsonb_build_object('row', jsonb_build_object('recordId', record_id), 'movedMillis', v_moved, 'saidMillis', v_said)
        where id = v_delivery.id;
        v_uncertain := v_uncertain || to_jsonb(v_delivery.id);
        v_halted := v_halted || to_jsonb(v_delivery.record_id);
      end loop;
    end if;
  end if;
  select coalesce(sum(millis), 0) into v_doubtful
  from deliveries
  where millis <= v_moved and ((status in ('planned', 'active') and verdict in ('refused', 'unknown'))
    or frozen_at >= coalesce(v_reserve.mismatch_began, p_at));
  select v_doubtful + coalesce(sum(millis), 0) into v_doubtful
  from stray_payments where millis <= v_moved and seen_at >= coalesce(v_reserve.mismatch_began, p_at);

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
      perform forget_try(p_at, v_delivery.id);
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
  update reserve set explained_at = p_at;
  return jsonb_build_object('kind', 'concluded', 'executed', v_executed, 'rejected', v_rejected,
    'uncertain', v_uncertain, 'halted', v_halted);
end
$$;

grant execute on function conclude_deliveries to cascade_app;
