-- The price of a ducat, with its history, and purchases at a rate that was promised in a signed quote.

-- The rate as one chain: each row is in force from `at` until the next one, and names the row before it, so that no row can
-- be put between two others and every step is measured against the rate it began from. opening: the first. step: the hourly
-- run moved it towards what its inputs say (target). held: that run left it, `reason` says why. override: an admin set it,
-- until `holds_until` or a release. `who`: an account's id, or system.
create table rates (
  nth int primary key,
  at timestamptz not null,
  micro_usd_per_ducat bigint not null,
  kind text not null check (kind in ('opening', 'step', 'held', 'override', 'release')),
  hour timestamptz constraint rates_one_step_an_hour unique,
  level_milli int check (level_milli between 0 and 10000),
  coherence_milli int check (coherence_milli between 0 and 100000),
  inputs_at timestamptz,
  target_micro_usd bigint,
  reason text,
  who text not null,
  holds_until timestamptz,
  previous_nth int,
  previous_at timestamptz,
  previous_micro_usd bigint,
  constraint rates_unchanged unique (nth, at, micro_usd_per_ducat),
  constraint rates_follow foreign key (previous_nth, previous_at, previous_micro_usd)
    references rates (nth, at, micro_usd_per_ducat),
  constraint rates_in_order check (nth = coalesce(previous_nth, 0) + 1 and at >= coalesce(previous_at, at)
    and num_nonnulls(previous_nth, previous_at, previous_micro_usd) = case kind when 'opening' then 0 else 3 end),
  constraint rates_within_bounds check (micro_usd_per_ducat between 50000 and 500000),
  -- 2 %.
  constraint rates_step_is_small check (kind <> 'step' or abs(micro_usd_per_ducat - previous_micro_usd) * 50 <= previous_micro_usd),
  constraint rates_held_is_still check (kind not in ('held', 'release') or micro_usd_per_ducat = previous_micro_usd),
  constraint rates_of_their_hour check ((hour is not null) = (kind in ('step', 'held'))
    and (hour is null or (extract(epoch from hour) % 3600 = 0 and at >= hour and at < hour + interval '1 hour'))),
  constraint rates_explained check (case kind
    when 'opening' then true
    when 'step' then num_nonnulls(level_milli, coherence_milli, inputs_at, target_micro_usd) = 4 and reason is null
    when 'held' then reason is not null and reason in ('stale', 'missing', 'unreadable', 'redis_away', 'override')
    when 'override' then reason is not null and btrim(reason) <> ''
    else true end),
  constraint rates_only_overrides_last check (holds_until is null or (kind = 'override' and holds_until > at))
);
create index rates_by_time on rates (at);
create index rates_overridden on rates (nth) where kind in ('override', 'release');
create trigger rates_append_only before update or delete or truncate on rates
  for each statement execute function append_only();

insert into rates (nth, at, micro_usd_per_ducat, kind, who)
values (1, '2026-11-01T00:00:00Z', 100000, 'opening', 'system');

-- Internal. The row in force at a time; before the first one, the first.
create function rate_at(p_at timestamptz) returns rates
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$ select * from rates where at <= p_at or nth = 1 order by nth desc limit 1 $$;

-- Internal. Whether a rate was in force at any time between the two, both included.
create function rate_was_in_force(p_micro_usd bigint, p_from timestamptz, p_to timestamptz) returns boolean
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select exists (select from rates
    where nth between (rate_at(p_from)).nth and (rate_at(p_to)).nth and micro_usd_per_ducat = p_micro_usd)
$$;

-- Internal. The override that holds at a time; a row of nulls when none does.
create function rate_override(p_at timestamptz) returns rates
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select r.* from (
    select * from rates where kind in ('override', 'release') and at <= p_at order by nth desc limit 1
  ) r where r.kind = 'override' and (r.holds_until is null or r.holds_until > p_at)
$$;

-- The rate now: {microUsdPerDucat, asOf}; asOf: since when it has been this one.
create function current_rate(p_at timestamptz) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_now rates := rate_at(p_at);
  v_since timestamptz;
begin
  select at into v_since from rates
  where nth > coalesce((select nth from rates where nth < v_now.nth and micro_usd_per_ducat <> v_now.micro_usd_per_ducat
    order by nth desc limit 1), 0)
  order by nth limit 1;
  return jsonb_build_object('microUsdPerDucat', v_now.micro_usd_per_ducat, 'asOf', iso(v_since));
end
$$;

-- One hour's step towards p_target, at most 2 % of the rate before, within the bounds; p_held (why the inputs are not to be
-- used) or an override leaves the rate where it is. Who comes second in an hour finds it done. p_inputs: {levelMilli,
-- coherenceMilli, updatedAt}. Outcome: {kind: 'stepped' | 'held' | 'done_before', microUsdPerDucat, because}.
create function step_rate(p_at timestamptz, p_inputs jsonb, p_target bigint, p_held text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_last rates;
  v_at timestamptz;
  v_hour timestamptz;
  v_why text;
  v_step bigint;
  v_rate bigint;
begin
  -- Writers wait for each other; nobody who reads does.
  lock table rates in share row exclusive mode;
  select * into strict v_last from rates order by nth desc limit 1;
  v_at := greatest(p_at, v_last.at);
  v_hour := date_trunc('hour', v_at, 'UTC');
  if exists (select from rates where hour = v_hour) then
    return jsonb_build_object('kind', 'done_before', 'microUsdPerDucat', v_last.micro_usd_per_ducat, 'because', null);
  end if;
  v_why := case when (rate_override(v_at)).nth is not null then 'override' else p_held end;
  v_rate := v_last.micro_usd_per_ducat;
  if v_why is null then
    v_step := v_rate / 50;
    v_rate := least(greatest(p_target, v_rate - v_step, 50000), v_rate + v_step, 500000);
  end if;
  insert into rates (nth, at, micro_usd_per_ducat, kind, hour, level_milli, coherence_milli, inputs_at, target_micro_usd,
    reason, who, previous_nth, previous_at, previous_micro_usd)
  values (v_last.nth + 1, v_at, v_rate, case when v_why is null then 'step' else 'held' end, v_hour,
    (p_inputs ->> 'levelMilli')::int, (p_inputs ->> 'coherenceMilli')::int, (p_inputs ->> 'updatedAt')::timestamptz,
    p_target, v_why, 'system', v_last.nth, v_last.at, v_last.micro_usd_per_ducat);
  return jsonb_build_object('kind', case when v_why is null then 'stepped' else 'held' end, 'microUsdPerDucat', v_rate,
    'because', v_why);
end
$$;

-- For admins: sets the rate at once, within the bounds, until p_until or, when that is null, until a release. In the log.
-- Outcome: done | not_found | unauthorised.
create function override_rate(
  p_at timestamptz, p_visit jsonb, p_session text, p_micro_usd bigint, p_reason text, p_until timestamptz
) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_admin text := staff_account(p_at, p_session, 'admin');
  v_last rates;
begin
  if session_account(p_at, p_session) is null then
    return 'unauthorised';
  elsif v_admin is null then
    return 'not_found';
  end if;
  lock table rates in share row exclusive mode;
  select * into strict v_last from rates order by nth desc limit 1;
  insert into rates (nth, at, micro_usd_per_ducat, kind, reason, who, holds_until, previous_nth, previous_at, previous_micro_usd)
  values (v_last.nth + 1, greatest(p_at, v_last.at), p_micro_usd, 'override', p_reason, v_admin, p_until, v_last.nth,
    v_last.at, v_last.micro_usd_per_ducat);
  perform audit(p_at, p_visit, v_admin, null, 'rate.overridden', jsonb_build_object('from', v_last.micro_usd_per_ducat,
    'to', p_micro_usd, 'until', iso(p_until), 'reason', p_reason));
  return 'done';
end
$$;

-- For admins: ends the override that holds; the rate moves on from there, step by step. Nothing is written when none holds.
-- Outcome: done | not_found | unauthorised.
create function release_rate(p_at timestamptz, p_visit jsonb, p_session text) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_admin text := staff_account(p_at, p_session, 'admin');
  v_last rates;
begin
  if session_account(p_at, p_session) is null then
    return 'unauthorised';
  elsif v_admin is null then
    return 'not_found';
  end if;
  lock table rates in share row exclusive mode;
  select * into strict v_last from rates order by nth desc limit 1;
  if (rate_override(greatest(p_at, v_last.at))).nth is null then
    return 'done';
  end if;
  insert into rates (nth, at, micro_usd_per_ducat, kind, who, previous_nth, previous_at, previous_micro_usd)
  values (v_last.nth + 1, greatest(p_at, v_last.at), v_last.micro_usd_per_ducat, 'release', v_admin, v_last.nth, v_last.at,
    v_last.micro_usd_per_ducat);
  perform audit(p_at, p_visit, v_admin, null, 'rate.released', jsonb_build_object('at', v_last.micro_usd_per_ducat));
  return 'done';
end
$$;

-- Internal. Why the rate doesn't follow its inputs: null while it does. not_run: the hourly run is late, or never was.
create function rate_held(p_at timestamptz) returns text
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select case
    when (rate_override(p_at)).nth is not null then 'override'
    when run.at is null or run.at <= p_at - interval '2 hours' then 'not_run'
    else run.reason end
  from (values (true)) always left join lateral (
    select at, reason from rates where hour is not null and at <= p_at order by nth desc limit 1) run on true
$$;

-- Internal. The rate so long ago; null before the first.
create function rate_before(p_at timestamptz, p_ago interval) returns bigint
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$ select micro_usd_per_ducat from rates where at <= p_at - p_ago order by nth desc limit 1 $$;

-- What anybody may know of the rate. Changes: the rate now less the rate a day, or a week, ago; null when there was none
-- yet. history: the moves of the last 30 days, each in force until the next, at most 200 points, the newest among them.
create function read_rate(p_at timestamptz) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_now rates := rate_at(p_at);
  v_from timestamptz := greatest(p_at - interval '30 days', (select at from rates where nth = 1));
  v_first rates := rate_at(v_from);
  v_inputs record;
begin
  select level_milli, coherence_milli, inputs_at into v_inputs from rates
  where inputs_at is not null and nth <= v_now.nth order by nth desc limit 1;
  return current_rate(p_at) || jsonb_build_object(
    'held', rate_held(p_at),
    'holdsUntil', iso((rate_override(p_at)).holds_until),
    'inputs', case when v_inputs.inputs_at is not null then jsonb_build_object('levelMilli', v_inputs.level_milli,
      'coherenceMilli', v_inputs.coherence_milli, 'updatedAt', iso(v_inputs.inputs_at)) end,
    'dayChangeMicroUsd', v_now.micro_usd_per_ducat - rate_before(p_at, interval '24 hours'),
    'weekChangeMicroUsd', v_now.micro_usd_per_ducat - rate_before(p_at, interval '7 days'),
    'nextStepAt', iso(date_trunc('hour', p_at, 'UTC') + interval '1 hour'),
    'history', (
      with moves as (
        -- Of each of 198 equal times the last move is kept. The first point is in a time of its own, bucket 0.
        select nth, at, micro_usd_per_ducat as rate, micro_usd_per_ducat is distinct from previous_micro_usd as moved,
          width_bucket(extract(epoch from at), extract(epoch from v_from), extract(epoch from p_at) + 1, 198) as bucket
        from rates where nth > v_first.nth and nth <= v_now.nth
        union all
        select v_first.nth, v_from, v_first.micro_usd_per_ducat, true, 0
      ), thinned as (
        select distinct on (bucket) nth, at, rate from moves where moved order by bucket, nth desc
      )
      select jsonb_agg(jsonb_build_object('at', iso(at), 'microUsdPerDucat', rate) order by nth) from thinned));
end
$$;

-- A pack's price, half a cent up, and what a custom amount buys, rounded down (lib/purchase/quote.ts says the same).
create function price_cents(p_base_millis bigint, p_micro_usd bigint) returns bigint
language sql immutable
as $$ select (p_base_millis * p_micro_usd + 5000000) / 10000000 $$;

create function bought_millis(p_cents bigint, p_micro_usd bigint) returns bigint
language sql immutable
as $$ select p_cents * 10000000 / p_micro_usd $$;

-- `quote_id`: the signed quote that the figures come from, used once. Whatever pins a purchase, its figures follow from its
-- rate, and its rate was in force no longer ago than a quote lives, and five minutes for clocks that differ.
alter table purchases
  add column quote_id text check (quote_id ~ '^quo_[0-9a-z]{20}$') constraint purchases_quote_unique unique,
  add constraint purchases_price_at_rate check (case
    when pack is null then base_millis = bought_millis(amount_cents + discount_cents, micro_usd_per_ducat)
    else amount_cents + discount_cents = price_cents(base_millis, micro_usd_per_ducat) end);

create function purchases_rate_in_force() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  if not rate_was_in_force(new.micro_usd_per_ducat, new.opened_at - interval '20 minutes', new.opened_at) then
    raise exception 'no rate of % was in force at %', new.micro_usd_per_ducat, new.opened_at
      using errcode = 'check_violation', constraint = 'purchases_rate_in_force';
  end if;
  return new;
end
$$;
create trigger purchases_rate_in_force before insert on purchases
  for each row execute function purchases_rate_in_force();

grant execute on function current_rate, step_rate, override_rate, release_rate, rate_held, read_rate to cascade_app;
