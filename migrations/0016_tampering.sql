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
-- When purse and rows agreed last.
alter table reserve add column explained_at timestamptz;
-- A thousand payments in a minute start as many runs, and each would read the purse and the rows: our share of Airtable would go
-- into looking. One look in half a minute serves them all.
alter table reserve add column watched_at timestamptz;

-- Rows that pay from the processor's purse, say that they have, and are pinned to no delivery: a second row that Airtable made of one
-- request, say, run by hand. What such a row took is not there to bear out a delivery's claim.
create table stray_payments (
  record_id text primary key,
  millis bigint not null check (millis > 0),
  seen_at timestamptz not null
);

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

-- After the one activation, seen or read back, with the row's UpdatedAt from then on, when it was seen; by try-create with
-- the record that the game named. p_done: [{id, token, touchedAt, recordId}].
create function mark_active(p_at timestamptz, p_done jsonb) returns setof text
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update deliveries d set status = 'active', activated_at = p_at, leased_until = null, last_error = null,
    touched_at = coalesce(d.touched_at, p."touchedAt"), record_id = coalesce(d.record_id, p."recordId")
  from jsonb_to_recordset(p_done) as p (id text, token bigint, "touchedAt" timestamptz, "recordId" text)
  where d.id = p.id and d.lease_token = p.token and d.status = 'planned'
  returning d.id
$$;

grant execute on function pin_records, mark_active to cascade_app;
