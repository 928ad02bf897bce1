-- The outbox to Venice. pending -> planned (an inert row, its Airtable record pinned here) -> active -> executed |
-- rejected (proved not credited: back in the wallet) | uncertain (a person decides, with the evidence).
-- A worker holds a lease; `lease_token` grows with each claim and fences a stale worker's late report.
create table deliveries (
  id text primary key check (id ~ '^dlv_[0-9a-z]{20}$'),
  account_id text not null references accounts,
  purchase_id text references purchases,
  citizen text not null,
  millis bigint not null check (millis > 0 and millis % 1000 = 0),
  status text not null default 'pending'
    check (status in ('pending', 'planned', 'active', 'executed', 'rejected', 'uncertain')),
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
  planned_at timestamptz,
  activated_at timestamptz,
  concluded_at timestamptz,
  constraint deliveries_pinned check (status = 'pending' or record_id is not null or status = 'uncertain')
);
create index deliveries_to_send on deliveries (next_at) where status in ('pending', 'planned');
create index deliveries_to_watch on deliveries (activated_at) where status in ('planned', 'active');
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

create function begin_reserve(p_at timestamptz, p_purse_millis bigint) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$ insert into reserve (purse_millis, read_at) values (p_purse_millis, p_at) on conflict do nothing $$;

create function claim_deliveries(p_at timestamptz, p_limit int, p_lease interval, p_quiet interval)
returns table (id text, lease_token bigint, citizen text, millis bigint, stratagem_id text, record_id text,
  purchase_id text, payment_intent text, created_at text)
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update deliveries d set lease_token = d.lease_token + 1, leased_until = p_at + p_lease
  from (
    select q.id from deliveries q
    where q.status in ('pending', 'planned') and q.next_at <= p_at
      and (q.leased_until is null or q.leased_until + p_quiet <= p_at)
    order by q.next_at, q.id limit p_limit for update skip locked
  ) chosen
  where d.id = chosen.id
  returning d.id, d.lease_token, d.citizen, d.millis, d.id || '-' || d.attempt, d.record_id, d.purchase_id,
    (select p.payment_intent from purchases p where p.id = d.purchase_id), iso(d.created_at)
$$;

-- After the one activation, seen or read back; p_done: [{id, token}].
create function mark_active(p_at timestamptz, p_done jsonb) returns setof text
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update deliveries d set status = 'active', activated_at = p_at, leased_until = null, last_error = null
  from jsonb_to_recordset(p_done) as p (id text, token bigint)
  where d.id = p.id and d.lease_token = p.token and d.status = 'planned'
  returning d.id
$$;

-- Gives claimed deliveries back, to be tried again at p_next; only for failures that certainly changed nothing.
create function postpone_deliveries(p_next timestamptz, p_held jsonb, p_error text) returns setof text
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update deliveries d set leased_until = null, next_at = p_next, tries = d.tries + 1, last_error = p_error
  from jsonb_to_recordset(p_held) as p (id text, token bigint)
  where d.id = p.id and d.lease_token = p.token and d.status in ('pending', 'planned')
  returning d.id
$$;

-- What there is to do: the reserve (null before the first reading), every delivery that Venice may have executed (a planned
-- one, too: its activation's answer may be lost), whether any waits to be sent.
create function delivery_work(p_at timestamptz) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object(
    'reserve', (select jsonb_build_object('purseMillis', purse_millis, 'version', version) from reserve),
    'deliveries', coalesce((
      select jsonb_agg(jsonb_build_object('id', id, 'stratagemId', id || '-' || attempt, 'recordId', record_id,
        'citizen', citizen, 'millis', millis, 'createdAt', iso(created_at)) order by activated_at, id)
      from deliveries where status in ('planned', 'active')), '[]'),
    'waiting', exists (select from deliveries where status in ('pending', 'planned') and next_at <= p_at))
$$;

-- Concludes what the rows say, if the purse agrees. p_seen: [{id, verdict: executed | refused | unknown, evidence}].
--   Agreed: the purse moved by what the executed ones say (or by that and all that the unknown ones may have moved). They
--   conclude, and the purse becomes the new base.
--   Not agreed: the game is in the middle of its writes, or somebody lies. While it stays the same for p_patience, or
--   changes for p_limit, wait; then all with a verdict become uncertain. With nothing under way no movement is ours: it is
--   alerted at once, and the new purse is the base.
--   A refusal returns ducats, so it proves more: from its first sight for p_hold (a run of the game may have read the row
--   before) it was refused at every look and the purse stood still. Any movement could have been its own, others' rows
--   forged to account for it: then it is uncertain, and so is an executed one of the same amount.
-- Outcome: {kind: 'stale'} | {kind: 'waiting', saidMillis, movedMillis} |
--   {kind: 'concluded', executed: [id], rejected: [id], uncertain: [id]}.
create function conclude_deliveries(
  p_at timestamptz, p_version bigint, p_purse_millis bigint, p_seen jsonb,
  p_patience interval, p_limit interval, p_hold interval
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_reserve reserve;
  v_moved bigint;
  v_said bigint;
  v_perhaps bigint;
  v_agrees boolean;
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
  v_moved := v_reserve.purse_millis - p_purse_millis;
  select coalesce(sum(d.millis) filter (where s.verdict = 'executed'), 0),
    coalesce(sum(d.millis) filter (where s.verdict = 'unknown'), 0)
  into v_said, v_perhaps
  from deliveries d join jsonb_to_recordset(p_seen) as s (id text, verdict text) on s.id = d.id
  where d.status in ('planned', 'active');
  v_agrees := v_moved in (v_said, v_said + v_perhaps);
  -- No longer refused at this look: its time begins anew.
  update deliveries set refused_at = null where refused_at is not null and status in ('planned', 'active')
    and id not in (select s.id from jsonb_to_recordset(p_seen) as s (id text, verdict text) where s.verdict = 'refused');

  if not v_agrees and exists (select from deliveries where status in ('planned', 'active')) then
    if (v_moved, v_said) is distinct from (v_reserve.mismatch_moved, v_reserve.mismatch_said) then
      v_reserve.mismatch_since := p_at;
    end if;
    v_reserve.mismatch_began := coalesce(v_reserve.mismatch_began, p_at);
    if p_at < v_reserve.mismatch_since + p_patience and p_at < v_reserve.mismatch_began + p_limit then
      update reserve set mismatch_began = v_reserve.mismatch_began, mismatch_since = v_reserve.mismatch_since,
        mismatch_moved = v_moved, mismatch_said = v_said;
      return jsonb_build_object('kind', 'waiting', 'saidMillis', v_said, 'movedMillis', v_moved);
    end if;
  end if;

  for v_delivery in
    select d.id, d.account_id, d.millis, d.refused_at, s.verdict, s.evidence,
      s.verdict = 'executed' and exists (
        select from deliveries o join jsonb_to_recordset(p_seen) as t (id text, verdict text) on t.id = o.id
        where o.status in ('planned', 'active') and o.millis = d.millis and t.verdict = 'refused') as has_double
    from deliveries d join jsonb_to_recordset(p_seen) as s (id text, verdict text, evidence jsonb) on s.id = d.id
    where d.status in ('planned', 'active') order by d.account_id, d.id for update of d
  loop
    v_end := case
      when not v_agrees or v_delivery.has_double or v_delivery.verdict = 'unknown' then 'uncertain'
      when v_delivery.verdict = 'executed' then 'executed'
      when v_moved <> 0 then 'uncertain'
      when v_delivery.refused_at is null then 'refused'
      when p_at >= v_delivery.refused_at + p_hold then 'rejected'
      else 'held'
    end;
    continue when v_end = 'held';
    if v_end = 'refused' then
      update deliveries set refused_at = p_at, evidence = v_delivery.evidence where id = v_delivery.id;
      continue;
    end if;
    if v_end = 'uncertain' then
      perform open_alert(p_at, 'delivery_uncertain', v_delivery.id, format(
        'Delivery %s of %s ducats: its row says %s, the purse moved by %s while the rows account for %s. '
        'Compare the row, its notes and both purses, then decide.',
        v_delivery.id, print_ducats(v_delivery.millis), v_delivery.verdict, print_ducats(v_moved), print_ducats(v_said)));
    else
      perform post_delivery_end(p_at, v_delivery.id, v_delivery.account_id, v_delivery.millis, v_end);
    end if;
    update deliveries set status = v_end, concluded_at = p_at, evidence = v_delivery.evidence, leased_until = null
    where id = v_delivery.id;
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
      mismatch_began = null, mismatch_since = null, mismatch_moved = null, mismatch_said = null
    where p_purse_millis <> purse_millis or mismatch_began is not null or jsonb_array_length(p_seen) > 0;
  return jsonb_build_object('kind', 'concluded', 'executed', v_executed, 'rejected', v_rejected,
    'uncertain', v_uncertain);
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

-- For the owner: ends an uncertain delivery by a person's decision, `arrived` or `returned`, with the reason kept.
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
end
$$;

-- Deliveries that are longer on their way than Venice's runs explain: three a day, eight hours apart.
create function late_deliveries(p_at timestamptz) returns setof text
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select id from deliveries
  where status in ('pending', 'planned', 'active') and created_at < p_at - interval '9 hours'
$$;

-- One alert while any delivery is late.
create function check_lateness(p_at timestamptz) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_late bigint := (select count(*) from late_deliveries(p_at));
begin
  if v_late > 0 then
    perform open_alert(p_at, 'deliveries_late', 'deliveries', format(
      '%s deliveries are on their way for more than nine hours: does the game run, do their rows expire, is the '
      'processor''s purse filled?', v_late));
  else
    perform close_alert(p_at, 'deliveries_late', 'deliveries');
  end if;
end
$$;

-- The processor's purse against what is promised and a floor. Opens the alert once, closes it when all is well.
-- Outcome: {promisedMillis, freeMillis, alert: 'opened' | 'still_open' | 'closed' | 'none'}.
create function check_reserve(p_at timestamptz, p_purse_millis bigint, p_floor_millis bigint) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_promised bigint := promised_millis();
  v_free bigint := p_purse_millis - v_promised;
  v_alert text;
begin
  if v_free < p_floor_millis then
    v_alert := case when open_alert(p_at, 'reserve_low', 'processor', format(
      'The processor citizen holds %s ducats, %s of them promised: %s are free, the floor is %s. Top the purse up.',
      print_ducats(p_purse_millis), print_ducats(v_promised), print_ducats(v_free), print_ducats(p_floor_millis))) then 'opened' else 'still_open' end;
  else
    v_alert := case when close_alert(p_at, 'reserve_low', 'processor') then 'closed' else 'none' end;
  end if;
  return jsonb_build_object('promisedMillis', v_promised, 'freeMillis', v_free, 'alert', v_alert);
end
$$;

-- Everything a customer sees of their ducats, in one answer; null for an unknown account. `purse` is the last sight of
-- the citizen's purse, however old. Drafts are left out: nothing was offered to the customer yet.
create function credit_status(p_account text) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object(
    'citizen', a.citizen,
    'walletMillis', b.wallet, 'transitMillis', b.transit, 'frozenMillis', b.frozen, 'heldMillis', b.held,
    'debtMillis', -b.debt,
    'purse', (select jsonb_build_object('millis', s.millis, 'readAt', iso(s.read_at))
      from purses s where s.citizen = a.citizen),
    'purchases', coalesce((
      select jsonb_agg(jsonb_build_object('id', p.id, 'status', p.status, 'pack', p.pack, 'usdCents', p.amount_cents,
        'baseMillis', p.base_millis, 'bonusMillis', p.bonus_millis, 'totalMillis', p.base_millis + p.bonus_millis,
        'repaidMillis', p.repaid_millis, 'deliverTo', p.deliver_to, 'citizen', p.citizen,
        'lastDecline', p.last_decline, 'openedAt', iso(p.opened_at), 'paidAt', iso(p.paid_at),
        'paymentUrl', case when p.status = 'open' then t.session_url end) order by p.opened_at desc, p.id)
      from (select * from purchases where account_id = a.id and status <> 'draft'
            order by opened_at desc, id limit 20) p
      join purchase_attempts t on t.purchase_id = p.id and t.attempt = p.attempt), '[]'),
    'deliveries', coalesce((
      select jsonb_agg(jsonb_build_object('id', d.id, 'status', d.status, 'millis', d.millis, 'citizen', d.citizen,
        'purchaseId', d.purchase_id, 'createdAt', iso(d.created_at), 'activeSince', iso(d.activated_at),
        'concludedAt', iso(d.concluded_at)) order by d.created_at desc, d.id)
      from (select * from deliveries where account_id = a.id order by created_at desc, id limit 20) d), '[]'))
  from accounts a join balances b on b.account_id = a.id where a.id = p_account
$$;

grant execute on function save_purse, begin_reserve, claim_deliveries, mark_active, postpone_deliveries,
  delivery_work, conclude_deliveries, check_lateness, check_reserve, credit_status to cascade_app;
