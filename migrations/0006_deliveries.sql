-- The outbox to Venice. pending -> planned (an inert row, its Airtable record pinned here) -> active -> executed |
-- rejected (proved not credited: back in the wallet) | uncertain (a person decides, with the evidence).
-- Before a row is inert in Venice a delivery may be cancelled, and goes on (`resumed_at`) when its purchase is no longer being
-- taken back (0018). `to_void`: its record must not be paid any more, and was not seen cancelled yet.
-- A worker holds a lease; `lease_token` grows with each claim and fences a stale worker's late report.
create table deliveries (
  id text primary key check (id ~ '^dlv_[0-9a-z]{20}$'),
  account_id text not null references accounts,
  purchase_id text references purchases,
  citizen text not null check (citizen <> 'CASCADE_PAYMENT_PROCESSOR'),
  millis bigint not null check (millis > 0 and millis % 1000 = 0),
  status text not null default 'pending'
    check (status in ('pending', 'planned', 'active', 'executed', 'rejected', 'uncertain', 'cancelled')),
  attempt int not null default 1,
  record_id text constraint deliveries_record_unique unique,
  lease_token bigint not null default 0,
  leased_until timestamptz,
  next_at timestamptz not null,
  tries int not null default 0,
  last_error text,
  evidence jsonb,
  refused_at timestamptz,
  created_at timestamptz not null,
  resumed_at timestamptz,
  planned_at timestamptz,
  activated_at timestamptz,
  concluded_at timestamptz,
  to_void boolean not null default false
);
create index deliveries_to_void on deliveries (concluded_at) where to_void;
create index deliveries_to_send on deliveries (next_at) where status in ('pending', 'planned');
create index deliveries_leased on deliveries (leased_until) where leased_until is not null and status in ('pending', 'planned');
create index deliveries_under_way on deliveries (created_at) where status in ('pending', 'planned', 'active');
create index deliveries_of_account on deliveries (account_id, created_at desc);

-- The processor citizen's purse as last explained: one row. A delivery concludes only when the purse moved from here by
-- exactly what the deliveries concluded since then say; `version` makes a stale reader's conclusion void. While purse and
-- rows disagree, `mismatch_*` remember since when they have, and since when they have in the same way.
create table reserve (
  singleton boolean primary key default true check (singleton),
  purse_millis bigint not null,
  version bigint not null default 1,
  read_at timestamptz not null,
  mismatch_began timestamptz,
  mismatch_since timestamptz,
  mismatch_moved bigint,
  mismatch_said bigint
);

-- A citizen's purse as we last saw it, for showing. Never decides anything.
create table purses (
  citizen text primary key,
  millis bigint not null,
  read_at timestamptz not null
);

create function save_purse(p_at timestamptz, p_citizen text, p_millis bigint) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  insert into purses as p (citizen, millis, read_at) values (p_citizen, p_millis, p_at)
  on conflict (citizen) do update set millis = excluded.millis, read_at = excluded.read_at where p.read_at <= excluded.read_at
$$;

-- Internal. A purse's movement in words; p_moved as it is reckoned here: what it has paid.
create function fell_or_rose(p_moved bigint) returns text
language sql immutable set search_path = pg_catalog, public, pg_temp
as $$
  select case when p_moved = 0 then 'stood still' when p_moved > 0 then 'fell by ' || print_ducats(p_moved) || ' ducats'
    else 'rose by ' || print_ducats(-p_moved) || ' ducats' end
$$;

create function begin_reserve(p_at timestamptz, p_purse_millis bigint) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$ insert into reserve (purse_millis, read_at) values (p_purse_millis, p_at) on conflict do nothing $$;

-- Gives claimed deliveries back after a failure that certainly changed nothing: a minute's pause, twice as long with each
-- try, at most an hour, never shorter than p_pause, and spread, so that they don't all come back at once. A transfer that
-- the game refused is forgotten.
create function postpone_deliveries(p_at timestamptz, p_held jsonb, p_error text, p_pause interval)
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
  perform forget_try(p_at, d.id) from deliveries d join jsonb_to_recordset(p_held) as p (id text, token bigint)
    on d.id = p.id and d.lease_token = p.token and d.leased_until is null;
  select count(*) into v_parked from deliveries where parked_at is not null;
  if v_parked > 0 then
    perform open_alert(p_at, 'deliveries_parked', 'deliveries', format(
      '%s deliveries could not be sent in 24 tries and wait for a person: see dead-letters. The last error: %s',
      v_parked, p_error));
  end if;
end
$$;

-- Internal. Closes that alert once nothing is parked, whoever saw to it.
create function close_parked_alert(p_at timestamptz) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  if not exists (select from deliveries where parked_at is not null) then
    perform close_alert(p_at, 'deliveries_parked', 'deliveries');
  end if;
end
$$;

-- What there is to do. `deliveries`: those whose rows are due to be read by id: at once, then once an hour, and all of them
-- when purse and rows have disagreed in the same way for a while (a row may be gone). `asked`: transfers whose rows we
-- don't know. `rowsFrom`: since when changes of rows have not been read; no row is older than its delivery. `waiting`:
-- whether there is anything to send or to watch; once there is a reserve there always is, for an old row may be made active
-- again while nothing is under way. `isTurn`: whose turn it is to look, taken by the answer when the last look began
-- p_every ago. `isExplained`: purse and rows agreed within this half minute: only then anything new may be sent without a
-- look. `toVoid`: records that may have been paid and must not be paid again, until they have been cancelled.
-- A lease that is over, and p_quiet with it, ended without a word: that was a try, too.
create function delivery_work(p_at timestamptz, p_every interval, p_quiet interval) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_is_turn boolean;
  v_ended jsonb;
begin
  update reserve set watched_at = p_at
  where watched_at is null or watched_at > p_at or watched_at <= p_at - p_every;
  v_is_turn := found or not exists (select from reserve);
  select jsonb_agg(jsonb_build_object('id', id, 'token', lease_token)) into v_ended from (
    select id, lease_token from deliveries
    where status in ('pending', 'planned') and transport = 'rows' and leased_until <= p_at - p_quiet
    for update skip locked) leases;
  if v_ended is not null then
    perform postpone_deliveries(p_at, v_ended, 'Venice gave no answer', '0');
  end if;
  return jsonb_build_object(
    'isTurn', v_is_turn,
    'isExplained', exists (
      select from reserve
      where mismatch_began is null and explained_at between p_at - interval '30 seconds' and p_at),
    'reserve', (select jsonb_build_object('purseMillis', purse_millis, 'version', version) from reserve),
    'rowsFrom', iso(coalesce((select rows_to from reserve),
      (select min(created_at) - interval '1 day' from deliveries where status in ('planned', 'active')))),
    'deliveries', case when v_is_turn then coalesce((
      select jsonb_agg(watched_delivery(d) order by d.looked_at nulls first, d.id) from (
        select q.* from deliveries q
        where q.status in ('planned', 'active') and q.record_id is not null
          and (q.looked_at is null or q.looked_at <= p_at - interval '1 hour'
            or q.looked_at < (select mismatch_since from reserve where mismatch_since <= p_at - interval '90 seconds'))
        order by q.looked_at nulls first, q.id limit 1000) d), '[]') else '[]' end,
    'asked', case when v_is_turn then coalesce((
      select jsonb_agg(asked_delivery(d)) from deliveries d where d.status = 'planned' and d.record_id is null), '[]')
      else '[]' end,
    'toVoid', case when v_is_turn then coalesce((
      select jsonb_agg(record_id order by concluded_at) from deliveries where to_void), '[]') else '[]' end,
    'underWay', exists (select from deliveries where status in ('planned', 'active')),
    'waiting', exists (select from reserve)
      or exists (select from deliveries where status = 'pending' and parked_at is null and next_at <= p_at));
end
$$;

-- These records were read, and are not active any more.
create function rows_voided(p_records jsonb) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$ update deliveries set to_void = false where to_void and record_id in (select jsonb_array_elements_text(p_records)) $$;

-- Concludes what the rows say, if the purse agrees. What they say is kept, so that p_seen names only rows that changed or
-- were read by id: [{id, recordId (null where the game was asked for one that we don't know), verdict: executed | refused |
-- unknown | tampered | waiting, evidence, touchedAt (first sight of a row without a baseline), looked}]. p_complete: all
-- changes were read; if not, nothing is concluded. p_rows_to: up to where they were read. p_strays: [{recordId, millis}],
-- rows of others that took from the purse, each counting in the interval in which it was first seen.
--   Tampered: frozen at once, whatever the purse says. Like an unknown one it may have been paid, now and until the
--   disagreement that it was seen in is over.
--   Agreed: the purse moved by what the executed ones say, or by that and all that may have been paid besides; after
--   p_patience anything between the two will do. They conclude, and the purse becomes the new base.
--   Each executed one is proved only if the purse could not have moved so far without it, had all of the doubtful ones
--   (refused, unknown, tampered, as far as the movement covers them) been paid; else it is uncertain.
--   Not agreed: the game is in the middle of its writes, or somebody lies. While it stays the same for p_patience, or
--   changes for p_limit, wait; then all with a verdict become uncertain, and so does each delivery that still waits and
--   is of exactly the amount that nothing explains: a run of the game that died leaves one such row. `halted`: their
--   records, to be cancelled. With nothing under way no movement is ours: it is alerted at once, and the new purse is the
--   base.
--   A refusal returns ducats, so it proves more: from its first sight for p_hold (a run of the game may have read the row
--   before) it was refused at every look and the purse stood still. Any movement could have been its own, others' rows
--   forged to account for it: then it is uncertain, and so is an executed one of the same amount. A transfer that left no
--   row, while the purse stood still for as long, is begun again, as after any failed try.
--   A recall whose time is over is ended by a purse that agrees without it.
-- Outcome: {kind: 'stale'} | {kind: 'waiting', saidMillis, movedMillis} | {kind: 'concluded', executed: [id], rejected:
-- [id], uncertain: [id], halted: [recordId]}.
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
        update deliveries set status = 'uncertain', concluded_at = p_at, leased_until = null, to_void = true,
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
    select id, account_id, millis, refused_at, verdict, record_id, lease_token from deliveries
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
      perform postpone_deliveries(p_at, jsonb_build_array(
        jsonb_build_object('id', v_delivery.id, 'token', v_delivery.lease_token)), 'the game was asked, and made nothing of it', '0');
      continue;
    end if;
    if v_end = 'refused' then
      update deliveries set refused_at = p_at where id = v_delivery.id;
      continue;
    end if;
    if v_end = 'uncertain' then
      perform open_alert(p_at, 'delivery_uncertain', v_delivery.id, format(
        'Delivery %s of %s ducats: its row says %s, the purse %s while the rows account for %s and for %s in doubt. '
        'Compare the row, its notes and both purses, then decide.',
        v_delivery.id, print_ducats(v_delivery.millis), v_delivery.verdict, fell_or_rose(v_moved), print_ducats(v_said),
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
      'The processor citizen''s purse %s since %s; our deliveries account for %s.',
      fell_or_rose(v_moved), iso(v_reserve.read_at), print_ducats(v_said)));
  else
    perform fail_recalls(p_at);
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

-- Internal. Takes a delivery's ducats out of transit: to Venice when it was executed, back to the wallet when rejected.
create function post_delivery_end(p_at timestamptz, p_delivery text, p_account text, p_millis bigint, p_end text)
returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  if p_end = 'executed' then
    perform post(p_at, 'delivery:' || p_delivery, 'delivery', array[
      ('transit', p_account, -p_millis)::leg, ('venice', null, p_millis)::leg]);
  else
    perform post(p_at, 'return:' || p_delivery, 'return',
      credit_legs(p_account, p_millis) || ('transit', p_account, -p_millis)::leg);
  end if;
end
$$;

-- For the owner: ends an uncertain delivery by a person's decision, `arrived` or `returned`, with the reason kept, and
-- closes the alert on tampering.
create function resolve_delivery(p_at timestamptz, p_delivery text, p_outcome text, p_reason text) returns void
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

-- One alert while any delivery is late, each late delivery's customer told once; and no alert on parked ones where there are none.
create function check_lateness(p_at timestamptz) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_late bigint := (select count(*) from late_deliveries(p_at));
begin
  if v_late > 0 then
    perform queue_letter(p_at, 'delivery_late', d.id, d.account_id, jsonb_build_object('deliveryId', d.id,
      'purchaseId', d.purchase_id, 'millis', d.millis, 'citizen', d.citizen, 'createdAt', iso(d.created_at)))
    from deliveries d where d.id in (select late_deliveries(p_at)) order by d.id;
    perform open_alert(p_at, 'deliveries_late', 'deliveries', format(
      '%s deliveries have not arrived an hour after the game''s run that should have brought them: does the game run, do '
      'their rows expire, is the processor''s purse filled?', v_late));
  else
    perform close_alert(p_at, 'deliveries_late', 'deliveries');
  end if;
  perform close_parked_alert(p_at);
end
$$;

-- Everything a customer sees of their ducats, in one answer. {kind: 'unauthorised' | 'forbidden'} or {kind: 'read',
-- keySeenLongAgo, status}. `purse` is the last sight of the citizen's purse, however old.
create function credit_status(p_at timestamptz, p_key_hash bytea, p_session text) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_caller record;
begin
  v_caller := who_calls(p_at, p_key_hash, p_session, 'credits:read');
  if v_caller.kind <> 'ok' then
    return jsonb_build_object('kind', v_caller.kind);
  end if;
  return jsonb_build_object('kind', 'read', 'keySeenLongAgo', v_caller.key_seen_long_ago, 'status', (
    select jsonb_build_object(
      'citizen', a.citizen,
      'walletMillis', b.wallet, 'transitMillis', b.transit, 'frozenMillis', b.frozen, 'heldMillis', b.held,
      'debtMillis', -b.debt,
      'purse', (select jsonb_build_object('millis', s.millis, 'readAt', iso(s.read_at))
        from purses s where s.citizen = a.citizen),
      'purchases', purchases_page(a.id, null, 20), 'deliveries', deliveries_page(a.id, null, 20))
    from accounts a join balances b on b.account_id = a.id where a.id = v_caller.account_id));
end
$$;

grant execute on function save_purse, begin_reserve, postpone_deliveries, delivery_work, rows_voided, conclude_deliveries,
  check_lateness, credit_status to cascade_app;
