-- The processor's purse: how fast it goes, how long it lasts, and the operator's top-ups of it.

-- The purse each hour, as replenishment-check read it. `burn_millis`: a day's.
create table reserve_readings (
  hour timestamptz primary key,
  read_at timestamptz not null,
  purse_millis bigint not null,
  promised_millis bigint not null,
  free_millis bigint not null,
  burn_millis bigint not null
);

-- What has gone to Venice or is promised to it; a posting from the one to the other changes neither.
create index entries_towards_venice on entries (transaction_id) where ledger in ('transit', 'venice');

-- Internal. Ducats a day that were promised to Venice and not taken back, over the last seven days: the newest day counts
-- seven times, the oldest once. A shop younger than that is measured over its own days.
create function burn_millis(p_at timestamptz) returns bigint
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  with towards_venice as (
    select greatest(floor(extract(epoch from p_at - t.posted_at) / 86400), 0)::int as age, e.amount
    from entries e join transactions t on t.id = e.transaction_id
    where e.ledger in ('transit', 'venice')
  ), days as (
    select day, 7 - day as weight, coalesce((select sum(amount) from towards_venice where age = day), 0) as millis
    from generate_series(0, least(6, (select max(age) from towards_venice))) day
  )
  select greatest(coalesce(round(sum(weight * millis) / sum(weight)), 0), 0)::bigint from days
$$;

-- The purse against what is promised, the floor and the days to come; keeps the hour's reading. One alert while the free
-- purse is below the floor, or will be within two days. floorAt, dryAt: null when nothing goes, or not for ten years.
-- Outcome: {promisedMillis, freeMillis, floorMillis, targetMillis, burnMillisPerDay, floorAt, dryAt, topUpMillis (whole
-- ducats up to the target, or to a week above the floor where that is more), alert: 'opened' | 'still_open' | 'closed' | 'none'}.
create function judge_reserve(p_at timestamptz, p_purse_millis bigint, p_floor_millis bigint, p_target_millis bigint)
returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_promised bigint := promised_millis();
  v_free bigint := p_purse_millis - v_promised;
  v_burn bigint := burn_millis(p_at);
  v_enough bigint := greatest(p_target_millis, p_floor_millis + 7 * v_burn);
  v_top_up bigint := ceil(greatest(v_enough - v_free, 0) / 1000.0) * 1000;
  v_floor_at timestamptz;
  v_dry_at timestamptz;
  v_alert text;
begin
  if v_burn > 0 and (v_free - p_floor_millis) / v_burn < 3650 then
    v_floor_at := p_at + greatest(v_free - p_floor_millis, 0)::float8 / v_burn * interval '1 day';
  end if;
  if v_burn > 0 and v_free / v_burn < 3650 then
    v_dry_at := p_at + greatest(v_free, 0)::float8 / v_burn * interval '1 day';
  end if;
  insert into reserve_readings as r (hour, read_at, purse_millis, promised_millis, free_millis, burn_millis)
  values (date_trunc('hour', p_at, 'UTC'), p_at, p_purse_millis, v_promised, v_free, v_burn)
  on conflict (hour) do update set read_at = excluded.read_at, purse_millis = excluded.purse_millis,
    promised_millis = excluded.promised_millis, free_millis = excluded.free_millis, burn_millis = excluded.burn_millis
  where r.read_at <= excluded.read_at;
  if v_free < p_floor_millis or v_floor_at < p_at + interval '48 hours' then
    v_alert := case when open_alert(p_at, 'reserve_low', 'processor', format(
      'The processor citizen holds %s ducats, %s of them promised: %s are free, the floor is %s. %s Top it up by %s ducats, '
      'so that %s are free.',
      print_ducats(p_purse_millis), print_ducats(v_promised), print_ducats(v_free), print_ducats(p_floor_millis),
      case when v_free < p_floor_millis then 'It is below the floor.'
        else format('At %s ducats a day it is below the floor by %s UTC.', print_ducats(v_burn),
          to_char(v_floor_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI')) end,
      print_ducats(v_top_up), print_ducats(v_free + v_top_up))) then 'opened' else 'still_open' end;
  else
    v_alert := case when close_alert(p_at, 'reserve_low', 'processor') then 'closed' else 'none' end;
  end if;
  return jsonb_build_object('promisedMillis', v_promised, 'freeMillis', v_free, 'floorMillis', p_floor_millis,
    'targetMillis', p_target_millis, 'burnMillisPerDay', v_burn, 'floorAt', iso(v_floor_at), 'dryAt', iso(v_dry_at),
    'topUpMillis', v_top_up, 'alert', v_alert);
end
$$;

-- The operator's top-ups, the outbox of each: `transfer` by a stratagem of the treasury citizen (`payer`), `mint` by writing
-- the purse (from purse_before to purse_after). planned -> active (its foreign write was sent) -> done (the purse moved by
-- it) | failed (nothing was credited) | unclear (a person decides). `told_at`: when the command said that it was sent;
-- before that, a command that is run again goes on with this one.
create table replenishments (
  id text primary key check (id ~ '^rpl_[0-9a-z]{20}$'),
  kind text not null check (kind in ('transfer', 'mint')),
  millis bigint not null check (millis > 0 and millis % 1000 = 0),
  payer text check ((kind = 'transfer') = (payer is not null)),
  state text not null default 'planned' check (state in ('planned', 'active', 'done', 'failed', 'unclear')),
  record_id text,
  purse_before bigint,
  purse_after bigint,
  requested_by text not null,
  lease_token bigint not null default 1,
  leased_until timestamptz,
  evidence jsonb,
  created_at timestamptz not null,
  activated_at timestamptz,
  told_at timestamptz,
  concluded_at timestamptz
);
-- One after the other, so that the purse can tell.
create unique index replenishments_one_at_a_time on replenishments ((true)) where state in ('planned', 'active', 'unclear');

-- Internal. The act in the log, once, when it is done to Venice or seen there.
create function note_replenished() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  perform audit(new.activated_at, '{}', new.requested_by, null, 'reserve.replenished', jsonb_build_object(
    'replenishment', new.id, 'kind', new.kind, 'millis', new.millis, 'payer', new.payer, 'record', new.record_id));
  return null;
end
$$;
create trigger note_replenished after update of activated_at on replenishments for each row
  when (old.activated_at is null and new.activated_at is not null) execute function note_replenished();

-- For the owner, as all that acts on a replenishment: no function of the site tops the purse up.
create function read_replenishment(p_id text) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object('id', id, 'kind', kind, 'millis', millis, 'payer', payer, 'state', state, 'recordId', record_id,
    'purseBefore', purse_before, 'purseAfter', purse_after, 'createdAt', iso(created_at))
  from replenishments where id = p_id
$$;

-- The one to go on with: under way, or never told of. Null when there is none.
create function replenishment_at_hand() returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select read_replenishment(id) from replenishments
  where state in ('planned', 'active', 'unclear') or told_at is null
  order by state in ('planned', 'active', 'unclear') desc, created_at desc limit 1
$$;

-- What the operator is shown before he decides.
create function replenishment_outlook() returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  return jsonb_build_object('promisedMillis', promised_millis(),
    'underWay', (select count(*) from deliveries where status in ('planned', 'active')),
    'isRecalling', exists (select from recalls where state = 'asked'),
    'last', (select read_replenishment(id) from replenishments order by created_at desc limit 1));
end
$$;

-- Takes it over from a command that ended; its token, or null while that may still be at work.
create function claim_replenishment(p_at timestamptz, p_id text, p_lease interval, p_quiet interval) returns bigint
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update replenishments set lease_token = lease_token + 1, leased_until = p_at + p_lease
  where id = p_id and (leased_until is null or leased_until + p_quiet <= p_at) returning lease_token
$$;

-- Pins its one Airtable record: only this may be activated. False when the lease is lost.
create function pin_replenishment(p_at timestamptz, p_id text, p_token bigint, p_record text) returns boolean
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  update replenishments set record_id = p_record
  where id = p_id and lease_token = p_token and leased_until > p_at and state = 'planned'
    and coalesce(record_id, p_record) = p_record;
  return found;
end
$$;

-- A transfer: after its one activation, seen or read back. A mint: before its one write, with what it writes.
create function mark_replenishment_active(
  p_at timestamptz, p_id text, p_token bigint, p_record text, p_before bigint, p_after bigint
) returns boolean
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  update replenishments
  set state = 'active', activated_at = p_at, record_id = p_record, purse_before = p_before, purse_after = p_after
  where id = p_id and lease_token = p_token and leased_until > p_at and state = 'planned'
    and coalesce(record_id, p_record) = p_record;
  return found;
end
$$;

-- p_state: failed (certainly nothing was credited) or unclear. One that the purse has shown in the meantime stays done.
create function end_replenishment(p_at timestamptz, p_id text, p_token bigint, p_state text, p_evidence jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_millis bigint;
begin
  update replenishments set state = p_state, evidence = p_evidence,
    concluded_at = case when p_state = 'failed' then p_at end
  where id = p_id and lease_token = p_token and state in ('planned', 'active') returning millis into v_millis;
  if found and p_state = 'unclear' then
    perform open_alert(p_at, 'replenishment_unclear', p_id, format(
      'The top-up %s of %s ducats: what Venice shows proves neither that it came nor that it did not. Compare its row and '
      'the purses, then decide.', p_id, print_ducats(v_millis)));
  end if;
end
$$;

-- The command has said what became of it so far, and gives it back.
create function tell_replenishment(p_at timestamptz, p_id text, p_token bigint) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update replenishments set told_at = coalesce(told_at, p_at), leased_until = null
  where id = p_id and lease_token = p_token
$$;

-- A person's decision, `done` or `failed`, with the reason kept.
create function resolve_replenishment(p_at timestamptz, p_id text, p_state text, p_reason text) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  if p_state is null or p_state not in ('done', 'failed') or coalesce(p_reason, '') = '' then
    raise exception 'give done or failed, and a reason';
  end if;
  update replenishments set state = p_state, concluded_at = p_at, leased_until = null, told_at = coalesce(told_at, p_at),
    evidence = coalesce(evidence, '{}') || jsonb_build_object('resolved', p_state, 'reason', p_reason)
  where id = p_id and state in ('planned', 'active', 'unclear');
  if not found then
    raise exception 'replenishment % is not under way', p_id;
  end if;
  perform close_alert(p_at, 'replenishment_unclear', p_id);
  perform audit(p_at, '{}', 'operator', null, 'reserve.replenishment_resolved',
    jsonb_build_object('replenishment', p_id, 'state', p_state, 'reason', p_reason));
end
$$;

grant execute on function judge_reserve to cascade_app;
