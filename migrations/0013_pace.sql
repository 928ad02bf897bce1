-- Our share of Airtable's requests while Redis is away: one row, one turn after another. Redis keeps the same by an expiring
-- key (lib/redis/pace.ts).

create table pace (
  singleton boolean primary key default true check (singleton),
  next_at timestamptz not null
);
insert into pace (next_at) values ('-infinity');

-- Reserves the next turn and answers in how many milliseconds from p_at it is; one farther away than the patience is not
-- reserved. After a silence the first turn is an interval away: Redis may have given one this very moment. A next turn
-- farther away than any pause is of a clock that ran ahead: it is not believed.
create function take_turn(p_at timestamptz, p_interval_ms double precision, p_patience_ms double precision)
returns double precision
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_interval interval := p_interval_ms * interval '1 millisecond';
  v_next timestamptz;
  v_wait_ms double precision;
begin
  select next_at into strict v_next from pace for update;
  if v_next < p_at or v_next > p_at + interval '1 minute' then
    v_next := p_at + v_interval;
  end if;
  v_wait_ms := extract(epoch from v_next - p_at) * 1000;
  if v_wait_ms <= p_patience_ms then
    update pace set next_at = v_next + v_interval;
  end if;
  return v_wait_ms;
end
$$;

-- After Airtable's refusal: no turn for so long, whatever was said before.
create function pause_turns(p_at timestamptz, p_pause_ms double precision) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$ update pace set next_at = p_at + p_pause_ms * interval '1 millisecond' $$;

grant execute on function take_turn, pause_turns to cascade_app;
