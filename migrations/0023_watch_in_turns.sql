-- A thousand payments in a minute start as many runs, and each would read the purse and the rows: our share of Airtable would go
-- into looking. One look in half a minute serves them all.
alter table reserve add column watched_at timestamptz;

-- As in 0016; `asked`: transfers whose rows we don't know; and whose turn it is to look: `isTurn`, taken by the answer when the last
-- one began so long ago (p_every). `isExplained`: purse and rows agreed within this half minute: only then anything new may be sent
-- without a look.
drop function delivery_work(timestamptz);
create function delivery_work(p_at timestamptz, p_every interval) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_is_turn boolean;
begin
  update reserve set watched_at = p_at
  where watched_at is null or watched_at > p_at or watched_at <= p_at - p_every;
  v_is_turn := found or not exists (select from reserve);
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
    'underWay', exists (select from deliveries where status in ('planned', 'active')),
    'waiting', exists (select from reserve)
      or exists (select from deliveries where status = 'pending' and parked_at is null and next_at <= p_at));
end
$$;

grant execute on function delivery_work to cascade_app;
