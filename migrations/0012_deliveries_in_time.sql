-- Deliveries by the game's own clock, asked for by the customer, and told step by step.

-- Internal. The game's next scheduled run: 03:05, 11:05 and 19:05 in Rome, summer time included.
create function venice_run_after(p_at timestamptz) returns timestamptz
language sql stable set search_path = pg_catalog, public, pg_temp
as $$
  select min(run)
  from generate_series(0, 1) day, (values (time '03:05'), (time '11:05'), (time '19:05')) hours (hour),
    lateral (select ((p_at at time zone 'Europe/Rome')::date + day + hour) at time zone 'Europe/Rome' as run) runs
  where run > p_at
$$;

-- Internal. When a delivery should have arrived: half an hour to be sent in, the game's next run, and an hour for that run.
create function delivery_due(p_since timestamptz) returns timestamptz
language sql stable set search_path = pg_catalog, public, pg_temp
as $$ select venice_run_after(p_since + interval '30 minutes') + interval '1 hour' $$;

create function late_deliveries(p_at timestamptz) returns setof text
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select id from deliveries
  where status in ('pending', 'planned', 'active') and created_at < p_at - interval '90 minutes'
    and delivery_due(coalesce(resumed_at, created_at)) < p_at
$$;

-- Every state a delivery was in, and since when; append-only. `note`: what kept it, or who decided and why.
create table delivery_events (
  id bigint generated always as identity primary key,
  delivery_id text not null references deliveries,
  at timestamptz not null,
  status text not null,
  note text
);
create index delivery_events_of_delivery on delivery_events (delivery_id, id);
create trigger delivery_events_append_only before update or delete or truncate on delivery_events
  for each statement execute function append_only();

-- Internal. Written with every change of state, whoever makes it.
create function note_delivery_status() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  insert into delivery_events (delivery_id, at, status, note)
  values (new.id, case new.status
      when 'pending' then coalesce(new.resumed_at, new.created_at)
      when 'planned' then coalesce(new.asked_at, new.planned_at)
      when 'active' then new.activated_at
      else new.concluded_at end,
    new.status, new.evidence ->> 'reason');
  return null;
end
$$;
create trigger note_new_delivery after insert on deliveries for each row execute function note_delivery_status();
-- One that is given back to wait is no new step of its story; one that was cancelled and goes on is.
create trigger note_delivery_status after update of status on deliveries for each row
  when (new.status is distinct from old.status and (new.status <> 'pending' or old.status = 'cancelled'))
  execute function note_delivery_status();

-- A withdrawal is a delivery without a purchase, once per key of the client's.
alter table deliveries
  add column idempotency_key text,
  add constraint deliveries_key_unique unique (account_id, idempotency_key);

-- Internal. One delivery as its owner sees it.
create function delivery_view(p_delivery deliveries) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object('id', p_delivery.id, 'status', p_delivery.status, 'millis', p_delivery.millis,
    'citizen', p_delivery.citizen, 'purchaseId', p_delivery.purchase_id, 'createdAt', iso(p_delivery.created_at),
    'activeSince', iso(p_delivery.activated_at), 'dueAt', iso(delivery_due(coalesce(p_delivery.resumed_at, p_delivery.created_at))),
    'concludedAt', iso(p_delivery.concluded_at))
$$;

-- Who calls, and where his ducats go: before Venice is asked whether the citizen is there. `isRetry`: the key has been used.
-- {kind: 'unauthorised' | 'forbidden'} | {kind: 'ok', accountId, citizen, isRetry, keySeenLongAgo}.
create function delivery_address(p_at timestamptz, p_key_hash bytea, p_session text, p_key text) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_caller record;
begin
  v_caller := who_calls(p_at, p_key_hash, p_session, 'deliveries:write');
  return jsonb_build_object('kind', v_caller.kind, 'accountId', v_caller.account_id,
    'keySeenLongAgo', v_caller.key_seen_long_ago,
    'citizen', (select citizen from accounts where id = v_caller.account_id),
    'isRetry', exists (select from deliveries where account_id = v_caller.account_id and idempotency_key = p_key));
end
$$;

-- Wallet to Venice: the ducats move to `transit` and the delivery waits in the outbox, once per key; not while a payment of
-- the account is disputed. {kind: 'unauthorised' | 'forbidden' | 'key_reused' | 'citizen_changed' | 'disputed'} | {kind:
-- 'insufficient', walletMillis} | {kind: 'queued', walletMillis, delivery}.
create function withdraw(
  p_at timestamptz, p_visit jsonb, p_key_hash bytea, p_session text, p_id text, p_key text, p_citizen text, p_millis bigint
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_caller record;
  v_wallet bigint;
  v_delivery deliveries;
begin
  v_caller := who_calls(p_at, p_key_hash, p_session, 'deliveries:write');
  if v_caller.kind <> 'ok' then
    return jsonb_build_object('kind', v_caller.kind);
  end if;
  -- The balance's row is the lock: the same key twice at once is one withdrawal.
  select wallet into strict v_wallet from balances where account_id = v_caller.account_id for update;
  select * into v_delivery from deliveries where account_id = v_caller.account_id and idempotency_key = p_key;
  if found then
    if v_delivery.millis <> p_millis then
      return jsonb_build_object('kind', 'key_reused');
    end if;
    return jsonb_build_object('kind', 'queued', 'walletMillis', v_wallet, 'delivery', delivery_view(v_delivery));
  elsif p_citizen is distinct from (select citizen from accounts where id = v_caller.account_id) then
    return jsonb_build_object('kind', 'citizen_changed');
  elsif is_disputed(v_caller.account_id) then
    return jsonb_build_object('kind', 'disputed');
  elsif v_wallet < p_millis then
    return jsonb_build_object('kind', 'insufficient', 'walletMillis', v_wallet);
  end if;
  perform post(p_at, 'send:' || p_id, 'send', array[
    ('wallet', v_caller.account_id, -p_millis)::leg, ('transit', v_caller.account_id, p_millis)::leg]);
  insert into deliveries (id, account_id, citizen, millis, next_at, created_at, idempotency_key)
  values (p_id, v_caller.account_id, p_citizen, p_millis, p_at, p_at, p_key) returning * into v_delivery;
  perform audit(p_at, p_visit, v_caller.account_id, v_caller.account_id, 'delivery.asked',
    jsonb_build_object('delivery', p_id, 'millis', p_millis, 'citizen', p_citizen, 'key', v_caller.api_key_id));
  return jsonb_build_object('kind', 'queued', 'walletMillis', v_wallet - p_millis, 'delivery', delivery_view(v_delivery));
end
$$;

-- Internal. An account's deliveries, the newest first, created before p_before.
create function deliveries_page(p_account text, p_before timestamptz, p_limit int) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select coalesce(jsonb_agg(delivery_view(d) order by d.created_at desc, d.id), '[]')
  from deliveries d where d.id in (
    select id from deliveries
    where account_id = p_account and (p_before is null or created_at < p_before)
    order by created_at desc, id limit p_limit)
$$;

-- The caller's own. {kind: 'unauthorised' | 'forbidden'} | {kind: 'read',
-- keySeenLongAgo, deliveries}.
create function list_deliveries(p_at timestamptz, p_key_hash bytea, p_session text, p_before timestamptz, p_limit int)
returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_caller record;
begin
  v_caller := who_calls(p_at, p_key_hash, p_session, 'credits:read');
  if v_caller.kind <> 'ok' then
    return jsonb_build_object('kind', v_caller.kind);
  end if;
  return jsonb_build_object('kind', 'read', 'keySeenLongAgo', v_caller.key_seen_long_ago,
    'deliveries', deliveries_page(v_caller.account_id, p_before, p_limit));
end
$$;

-- One of the account's deliveries with its steps, the oldest first; {kind: 'not_found'} for any other.
create function read_delivery(p_at timestamptz, p_key_hash bytea, p_session text, p_delivery text) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_caller record;
  v_delivery deliveries;
begin
  v_caller := who_calls(p_at, p_key_hash, p_session, 'credits:read');
  if v_caller.kind <> 'ok' then
    return jsonb_build_object('kind', v_caller.kind);
  end if;
  select * into v_delivery from deliveries where id = p_delivery and account_id = v_caller.account_id;
  if not found then
    return jsonb_build_object('kind', 'not_found');
  end if;
  return jsonb_build_object('kind', 'read', 'keySeenLongAgo', v_caller.key_seen_long_ago,
    'delivery', delivery_view(v_delivery), 'steps', (
      select jsonb_agg(jsonb_build_object('at', iso(at), 'status', status) order by id)
      from delivery_events where delivery_id = p_delivery));
end
$$;

-- What can't be sent is tried again ever more rarely, and after 24 tries set aside for a person: parked.
alter table deliveries add column parked_at timestamptz;
create index deliveries_for_a_person on deliveries (created_at) where status = 'uncertain' or parked_at is not null;

-- Internal. Parked is what waits to be sent.
create function unpark_delivery() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  new.parked_at := null;
  return new;
end
$$;
create trigger unpark_delivery before update of status on deliveries for each row
  when (new.parked_at is not null and new.status not in ('pending', 'planned')) execute function unpark_delivery();

-- For support and admins: deliveries that wait for a person, with what is known of them. {kind: 'unauthorised' |
-- 'not_found'} | {kind: 'listed', deliveries}.
create function list_dead_letters(p_at timestamptz, p_session text, p_limit int) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  if session_account(p_at, p_session) is null then
    return jsonb_build_object('kind', 'unauthorised');
  elsif staff_account(p_at, p_session, 'support') is null then
    return jsonb_build_object('kind', 'not_found');
  end if;
  return jsonb_build_object('kind', 'listed', 'deliveries', coalesce((
    select jsonb_agg(delivery_view(d) || jsonb_build_object('accountId', d.account_id, 'recordId', d.record_id,
      'tries', d.tries, 'lastError', d.last_error, 'parkedAt', iso(d.parked_at), 'evidence', d.evidence)
      order by d.created_at, d.id)
    from deliveries d where d.id in (
      select id from deliveries where status = 'uncertain' or parked_at is not null order by created_at, id limit p_limit)),
    '[]'));
end
$$;

-- For admins, what a look again would read: {kind: 'unauthorised' | 'not_found'} | {kind: 'found', recordIds, citizen}: the pinned record,
-- or, where none was pinned, those that may be this delivery's.
create function dead_letter(p_at timestamptz, p_session text, p_delivery text) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_delivery deliveries;
begin
  if session_account(p_at, p_session) is null then
    return jsonb_build_object('kind', 'unauthorised');
  end if;
  select * into v_delivery from deliveries where id = p_delivery and (status = 'uncertain' or parked_at is not null);
  if not found or staff_account(p_at, p_session, 'admin') is null then
    return jsonb_build_object('kind', 'not_found');
  end if;
  return jsonb_build_object('kind', 'found', 'citizen', v_delivery.citizen, 'recordIds', case
    when v_delivery.record_id is not null then jsonb_build_array(v_delivery.record_id)
    else coalesce(jsonb_path_query_array(v_delivery.evidence, '$.rows[*].recordId'), '[]') end);
end
$$;

-- An admin's decision, with the reason, in the log. p_action:
--   look: keeps what was read just now (p_seen) beside the evidence; decides nothing.
--   resend: a parked delivery, which was never activated, is tried again from the beginning.
--   return: an uncertain one, or a parked one without a row in Venice, goes back to the wallet.
--   arrived: an uncertain one counts as delivered.
-- Outcome: done | not_possible | not_found | unauthorised.
create function decide_delivery(
  p_at timestamptz, p_visit jsonb, p_session text, p_delivery text, p_action text, p_reason text, p_seen jsonb
) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_admin text := staff_account(p_at, p_session, 'admin');
  v_delivery deliveries;
begin
  if session_account(p_at, p_session) is null then
    return 'unauthorised';
  end if;
  select * into v_delivery from deliveries where id = p_delivery for update;
  if not found or v_admin is null then
    return 'not_found';
  end if;
  if v_delivery.status = 'uncertain' and p_action in ('return', 'arrived') then
    perform resolve_delivery(p_at, p_delivery, case p_action when 'return' then 'returned' else 'arrived' end, p_reason);
  elsif v_delivery.parked_at is not null and p_action = 'return' and v_delivery.record_id is null then
    perform post_delivery_end(p_at, v_delivery.id, v_delivery.account_id, v_delivery.millis, 'rejected');
    update deliveries set status = 'rejected', concluded_at = p_at,
      evidence = coalesce(evidence, '{}') || jsonb_build_object('resolved', 'returned', 'reason', p_reason)
    where id = p_delivery;
  elsif v_delivery.parked_at is not null and p_action = 'resend' then
    update deliveries set parked_at = null, tries = 0, next_at = p_at, leased_until = null where id = p_delivery;
  elsif (v_delivery.status = 'uncertain' or v_delivery.parked_at is not null) and p_action = 'look' then
    update deliveries set evidence = coalesce(evidence, '{}') || jsonb_build_object('looked', p_seen)
    where id = p_delivery;
  else
    return 'not_possible';
  end if;
  perform close_parked_alert(p_at);
  perform audit(p_at, p_visit, v_admin, v_delivery.account_id, 'delivery.' || p_action,
    jsonb_build_object('delivery', p_delivery, 'reason', p_reason));
  return 'done';
end
$$;

grant execute on function delivery_address, list_deliveries, read_delivery, list_dead_letters, dead_letter,
  decide_delivery, withdraw to cascade_app;
