-- The claim of an event id, for ever the same event: its body's SHA-256 and what it was charged. Kept apart from the
-- events, so that old events can go and the claim still says no. (No foreign keys on the two event tables: the only
-- writer has just locked the account's balance.)
create table usage_claims (
  account_id text not null,
  event_id text not null,
  body_hash bytea not null check (length(body_hash) = 32),
  charged_millis bigint not null check (charged_millis >= 0),
  claimed_at timestamptz not null,
  primary key (account_id, event_id)
);

-- What was used. `units` as reported on the meter, `charged_millis` as posted under `transaction_id` (null: free).
create table usage_events (
  account_id text not null,
  event_id text not null,
  meter text not null,
  units bigint not null check (units > 0),
  charged_millis bigint not null check (charged_millis >= 0),
  occurred_at timestamptz not null,
  received_at timestamptz not null,
  api_key_id text,
  transaction_id bigint
);
create index usage_events_of_account on usage_events (account_id, received_at);

-- The report's rollup: a row per account, UTC day and meter.
create table usage_days (
  account_id text not null references accounts,
  day date not null,
  meter text not null,
  events bigint not null,
  units bigint not null,
  charged_millis bigint not null,
  primary key (account_id, day, meter)
);

-- Charges a batch in one call: claims, events, rollup and one transaction in the books, or nothing.
-- p_events: [{id, meter, units, weighted, at, hash}], `weighted` = units times the meter's weight; p_prices: millis per
-- weighted unit, by tier. In order; from the first new event that doesn't fit, later new ones are insufficient. A wallet
-- that falls below p_low_millis is told of, once a day at most. p_tiers: {<tier>: {millisPerUnit, requestsPerMinute}}, by
-- the tier of this moment; p_calls: this minute's, this one too.
-- Outcome: {kind: 'unauthorised' | 'forbidden'}, {kind: 'too_many', requestsPerMinute} or {kind: 'judged', accountId,
-- walletMillis, requestsPerMinute, keySeenLongAgo, results: [{id, outcome: charged | duplicate | conflict | insufficient,
-- chargedMillis}]}; a duplicate shows what its event was charged once.
create function charge_usage(p_at timestamptz, p_key_hash bytea, p_session text, p_tiers jsonb, p_low_millis bigint,
  p_events jsonb, p_calls int) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_caller record;
  v_price bigint;
  v_calls int;
  v_wallet bigint;
  v_transaction bigint := nextval(pg_get_serial_sequence('transactions', 'id'));
  v_total bigint;
  v_first text;
  v_results jsonb;
begin
  v_caller := who_calls(p_at, p_key_hash, p_session, 'usage:write');
  if v_caller.kind <> 'ok' then
    return jsonb_build_object('kind', v_caller.kind);
  end if;
  v_price := (p_tiers -> v_caller.tier ->> 'millisPerUnit')::bigint;
  v_calls := (p_tiers -> v_caller.tier ->> 'requestsPerMinute')::int;
  if v_price is null or v_calls is null then
    raise exception 'nothing is known of tier %', v_caller.tier;
  elsif p_calls > v_calls then
    return jsonb_build_object('kind', 'too_many', 'requestsPerMinute', v_calls);
  end if;
  -- The balance's row is the lock: charges of one account are judged one after the other.
  select wallet into strict v_wallet from balances where account_id = v_caller.account_id for update;

  with offered as materialized (
    select e.ordinal, e.id, e.meter, e.units, e.at, decode(e.hash, 'hex') as hash, e.weighted * v_price as cost,
      row_number() over (partition by e.id order by e.ordinal) as turn,
      first_value(decode(e.hash, 'hex')) over (partition by e.id order by e.ordinal) as first_hash
    from rows from (jsonb_to_recordset(p_events) as
      (id text, meter text, units bigint, weighted bigint, at timestamptz, hash text)) with ordinality
      as e (id, meter, units, weighted, at, hash, ordinal)
  ), known as materialized (
    select o.*, c.body_hash as claimed_hash, c.charged_millis as claimed_millis,
      sum(o.cost) filter (where c.event_id is null and o.turn = 1) over (order by o.ordinal) as running
    from offered o left join usage_claims c on c.account_id = v_caller.account_id and c.event_id = o.id
  ), judged as materialized (
    select k.*, case
      when claimed_hash is not null then case when claimed_hash = hash then 'duplicate' else 'conflict' end
      when turn = 1 then case when running <= v_wallet then 'charged' else 'insufficient' end
    end as outcome
    from known k
  ), repeated as materialized (
    -- The same id again in one batch: it shares its first one's fate.
    select j.ordinal, j.id, j.meter, j.units, j.at, j.hash, j.cost,
      case when j.outcome is not null then j.outcome
           when f.outcome = 'insufficient' then 'insufficient'
           when j.hash = j.first_hash then 'duplicate' else 'conflict' end as outcome,
      case when j.outcome = 'charged' then j.cost
           when j.outcome = 'duplicate' then j.claimed_millis
           when j.outcome is null and f.outcome = 'charged' and j.hash = j.first_hash then f.cost
           else 0 end as charged_millis
    from judged j left join judged f on j.outcome is null and f.id = j.id and f.turn = 1
  ), claimed as (
    insert into usage_claims (account_id, event_id, body_hash, charged_millis, claimed_at)
    select v_caller.account_id, id, hash, cost, p_at from repeated where outcome = 'charged'
  ), recorded as (
    insert into usage_events (account_id, event_id, meter, units, charged_millis, occurred_at, received_at,
      api_key_id, transaction_id)
    select v_caller.account_id, id, meter, units, cost, at, p_at, v_caller.api_key_id,
      case when cost > 0 then v_transaction end
    from repeated where outcome = 'charged'
  ), rolled as (
    insert into usage_days as d (account_id, day, meter, events, units, charged_millis)
    select v_caller.account_id, (at at time zone 'UTC')::date, meter, count(*), sum(units), sum(cost)
    from repeated where outcome = 'charged' group by 2, 3 order by 2, 3
    on conflict (account_id, day, meter) do update set
      events = d.events + excluded.events,
      units = d.units + excluded.units,
      charged_millis = d.charged_millis + excluded.charged_millis
  )
  select coalesce(sum(cost) filter (where outcome = 'charged'), 0),
    (array_agg(id order by ordinal) filter (where outcome = 'charged' and cost > 0))[1],
    coalesce(jsonb_agg(jsonb_build_object('id', id, 'outcome', outcome, 'chargedMillis', charged_millis)
      order by ordinal), '[]')
  into v_total, v_first, v_results from repeated;

  if v_total > 0 then
    perform post(p_at, 'usage:' || v_caller.account_id || ':' || v_first, 'usage', array[
      ('wallet', v_caller.account_id, -v_total)::leg, ('spent', null, v_total)::leg], v_transaction);
    if v_wallet >= p_low_millis and v_wallet - v_total < p_low_millis then
      perform queue_letter(p_at, 'low_balance', v_caller.account_id || ':' || (p_at at time zone 'UTC')::date,
        v_caller.account_id, jsonb_build_object('walletMillis', v_wallet - v_total));
    end if;
  end if;
  return jsonb_build_object('kind', 'judged', 'accountId', v_caller.account_id,
    'walletMillis', v_wallet - v_total, 'requestsPerMinute', v_calls, 'keySeenLongAgo', v_caller.key_seen_long_ago, 'results', v_results);
end
$$;

-- Something we record ourselves, free of charge (buying ducats). Internal.
create function record_usage(p_at timestamptz, p_account text, p_event text, p_meter text, p_units bigint) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  insert into usage_events (account_id, event_id, meter, units, charged_millis, occurred_at, received_at)
  values (p_account, p_event, p_meter, p_units, 0, p_at, p_at);
  insert into usage_days as d (account_id, day, meter, events, units, charged_millis)
  values (p_account, (p_at at time zone 'UTC')::date, p_meter, 1, p_units, 0)
  on conflict (account_id, day, meter) do update set events = d.events + 1, units = d.units + excluded.units;
$$;

-- Usage by UTC day and meter, both days included. Outcome like charge_usage's: {kind: 'reported', keySeenLongAgo, days: […]}.
create function report_usage(p_at timestamptz, p_key_hash bytea, p_session text, p_from date, p_to date) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_caller record;
begin
  v_caller := who_calls(p_at, p_key_hash, p_session, 'usage:read');
  if v_caller.kind <> 'ok' then
    return jsonb_build_object('kind', v_caller.kind);
  end if;
  return jsonb_build_object('kind', 'reported', 'keySeenLongAgo', v_caller.key_seen_long_ago, 'days', coalesce((
    select jsonb_agg(jsonb_build_object('day', day, 'meter', meter, 'events', events, 'units', units,
      'chargedMillis', charged_millis) order by day, meter)
    from usage_days where account_id = v_caller.account_id and day between p_from and p_to), '[]'));
end
$$;

grant execute on function charge_usage, report_usage to cascade_app;
