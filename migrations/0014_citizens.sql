-- The citizens of Venice: a mirror of their names for the type-ahead, and what we tell them there.

-- A citizen as Venice last listed him. For suggestions only: no delivery, no sign-up and no amount is decided by it.
create table citizens (
  username text primary key,
  in_venice boolean not null,
  social_class text,
  seen_at timestamptz not null
);
create index citizens_by_beginning on citizens (lower(username) text_pattern_ops);

-- The walk through Venice's list, page by page (one row). `next_page` is where the next run goes on; `token` fences a run
-- whose lease is over. Who was not seen since `began_at` goes when the walk is complete.
create table citizens_walk (
  singleton boolean primary key default true check (singleton),
  token bigint not null,
  leased_until timestamptz,
  began_at timestamptz not null,
  next_page text,
  completed_at timestamptz
);

-- Outcome in `kind`: begun, with {token, page} (null: the first) | busy (another run is at it) | fresh (a walk was completed
-- less than p_age ago).
create function begin_citizens_walk(p_at timestamptz, p_lease interval, p_age interval) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_walk citizens_walk;
begin
  insert into citizens_walk (token, began_at) values (0, p_at) on conflict do nothing;
  select * into strict v_walk from citizens_walk for update;
  if v_walk.leased_until > p_at then
    return jsonb_build_object('kind', 'busy');
  elsif v_walk.next_page is null and v_walk.completed_at > p_at - p_age then
    return jsonb_build_object('kind', 'fresh');
  end if;
  update citizens_walk set token = token + 1, leased_until = p_at + p_lease;
  return jsonb_build_object('kind', 'begun', 'token', v_walk.token + 1, 'page', v_walk.next_page);
end
$$;

-- Keeps a page; p_page: [{username, inVenice, socialClass}], p_next: where the next one is, null after the last. A walk
-- that saw nobody is not believed: nobody goes by it. Outcome: stale | kept | complete | unbelieved.
create function save_citizens(p_at timestamptz, p_token bigint, p_first boolean, p_page jsonb, p_next text) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_began timestamptz;
begin
  update citizens_walk set next_page = p_next, began_at = case when p_first then p_at else began_at end
  where token = p_token returning began_at into v_began;
  if not found then
    return 'stale';
  end if;
  -- Venice lets two citizens have one name.
  insert into citizens (username, in_venice, social_class, seen_at)
  select distinct on (c.username) c.username, c."inVenice", c."socialClass", greatest(p_at, v_began)
  from jsonb_to_recordset(p_page) as c (username text, "inVenice" boolean, "socialClass" text)
  order by c.username, c."inVenice" desc
  on conflict (username) do update set in_venice = excluded.in_venice, social_class = excluded.social_class,
    seen_at = excluded.seen_at;
  if p_next is not null then
    return 'kept';
  end if;
  update citizens_walk set leased_until = null;
  if not exists (select from citizens where seen_at >= v_began) then
    return 'unbelieved';
  end if;
  delete from citizens where seen_at < v_began;
  update citizens_walk set completed_at = p_at;
  return 'complete';
end
$$;

-- Citizens in Venice whose name begins with the text, then those that contain it, whatever the case; the text is text, no
-- pattern. [{username, socialClass}].
create function search_citizens(p_text text, p_limit int) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  with beginning as materialized (
    select username, social_class, 1 as place from citizens
    where lower(username) ~>=~ lower(p_text) and lower(username) ~<~ (lower(p_text) || chr(1114111)) and in_venice
    order by lower(username) collate "C", username limit p_limit
  ), containing as materialized (
    select username, social_class, 2 as place from citizens
    where strpos(lower(username), lower(p_text)) > 1 and in_venice
    order by lower(username) collate "C", username limit p_limit - (select count(*) from beginning)
  )
  select coalesce(jsonb_agg(jsonb_build_object('username', username, 'socialClass', social_class)
    order by place, lower(username) collate "C", username), '[]')
  from (select * from beginning union all select * from containing) found
$$;

-- What we tell a citizen in Venice, after the fact: the outbox of notifications, one row per kind and fact. Anyone can read
-- them there, so `data` has ducats and ids, never a dollar, an e-mail or a secret. queued -> sent | given_up (a day of
-- trying; overtaken by what happened since; or nobody can say whether it was written). `doubts` counts the tries whose end
-- nobody knows, the one under way among them.
create table venice_notices (
  id bigint generated always as identity primary key,
  kind text not null check (kind in ('paid', 'arrived', 'returned', 'cancelled')),
  object text not null,
  citizen text not null,
  data jsonb not null,
  state text not null default 'queued' check (state in ('queued', 'sent', 'given_up')),
  tries int not null default 0,
  doubts int not null default 0,
  next_at timestamptz not null,
  lease_token bigint not null default 0,
  leased_until timestamptz,
  last_error text,
  created_at timestamptz not null,
  ended_at timestamptz,
  constraint venice_notices_once unique (kind, object),
  check ((state = 'queued') = (ended_at is null))
);
create index venice_notices_to_send on venice_notices (next_at) where state = 'queued';

-- Internal. A notice that can't be queued is a warning in the server's log: it must not undo the fact that it tells of.
create function queue_notice(p_at timestamptz, p_kind text, p_object text, p_citizen text, p_data jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  insert into venice_notices (kind, object, citizen, data, next_at, created_at)
  values (p_kind, p_object, p_citizen, p_data, p_at, p_at)
  on conflict (kind, object) do nothing;
exception when others then
  raise warning 'no notice of % %: %', p_kind, p_object, sqlerrm;
end
$$;

-- Internal. A purchase that is paid and goes to Venice. Where all of it repaid a debt nothing is on its way, and that is
-- nobody else's business.
create function notice_purchase() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_credited bigint := new.base_millis + new.bonus_millis - new.repaid_millis;
begin
  if v_credited >= 1000 then
    perform queue_notice(new.paid_at, 'paid', new.id, new.citizen,
      jsonb_build_object('millis', v_credited - v_credited % 1000));
  end if;
  return null;
end
$$;
create trigger notice_purchase after update of status on purchases for each row
  when (new.status = 'paid' and old.status <> 'paid' and new.deliver_to = 'venice') execute function notice_purchase();

-- Internal. A delivery that has ended, by proof or by a person's decision. That one was cancelled is told only where it was
-- told, or is being told, that it is on its way.
create function notice_delivery() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  if new.status = 'cancelled' then
    perform queue_notice(new.concluded_at, 'cancelled', new.id, n.citizen, jsonb_build_object('millis', new.millis, 'stratagemId', new.id || '-' || new.attempt))
    from venice_notices n
    where n.kind = 'paid' and n.object = new.purchase_id and (n.state = 'sent' or n.doubts > 0);
    return null;
  end if;
  perform queue_notice(new.concluded_at, case new.status when 'executed' then 'arrived' else 'returned' end, new.id,
    new.citizen, jsonb_build_object('millis', new.millis, 'stratagemId', new.id || '-' || new.attempt));
  return null;
end
$$;
create trigger notice_delivery after update of status on deliveries for each row
  when (new.status in ('executed', 'rejected', 'cancelled') and new.status <> old.status) execute function notice_delivery();

-- Leases what is due, `doubts` as they were before. Given up: what is older than p_patience, `paid` ("on the way") once the
-- delivery has ended, and `cancelled` once it goes on.
create function claim_notices(p_at timestamptz, p_limit int, p_lease interval, p_patience interval)
returns table (id text, lease_token text, kind text, object text, citizen text, data jsonb, created_at text, tries int,
  doubts int)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  update venice_notices n set state = 'given_up', ended_at = p_at, leased_until = null
  where n.state = 'queued' and (n.leased_until is null or n.leased_until <= p_at)
    and (n.created_at < p_at - p_patience or n.kind = 'cancelled' and exists (
      select from deliveries d where d.id = n.object and d.status <> 'cancelled') or n.kind = 'paid' and exists (
      select from deliveries d where d.id = 'dlv_' || substr(n.object, 5) and d.status in ('executed', 'rejected', 'cancelled')));
  return query
    with chosen as materialized (
      select q.id from venice_notices q
      where q.state = 'queued' and q.next_at <= p_at and (q.leased_until is null or q.leased_until <= p_at)
      order by q.next_at, q.id limit p_limit for update skip locked
    )
    update venice_notices n set lease_token = n.lease_token + 1, leased_until = p_at + p_lease, tries = n.tries + 1,
      doubts = n.doubts + 1
    from chosen
    where n.id = chosen.id
    returning n.id::text, n.lease_token::text, n.kind, n.object, n.citizen, n.data, iso(n.created_at), n.tries,
      n.doubts - 1;
end
$$;

-- What became of leased notices; p_ended: [{id, token, state, clear, next, error}], state `queued` to be tried again at
-- `next`, `clear` where this try has certainly written nothing. A stale lease's word is not taken.
create function notices_ended(p_at timestamptz, p_ended jsonb) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update venice_notices n set state = e.state, doubts = n.doubts - case when e.clear then 1 else 0 end, next_at = e.next,
    last_error = e.error, leased_until = null, ended_at = case when e.state <> 'queued' then p_at end
  from jsonb_to_recordset(p_ended) as e (id bigint, token bigint, state text, clear boolean, next timestamptz, error text)
  where n.id = e.id and n.lease_token = e.token and n.state = 'queued'
$$;

-- Daily: removes what has been over for p_kept (links, challenges, counts, sessions with their refresh tokens, letters to
-- nobody, notices in Venice). The audit log says what they were. Answers how many rows went.
create function forget_expired(p_at timestamptz, p_kept interval) returns bigint
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  with tokens as (delete from mailed_tokens where expires_at < p_at - p_kept returning 1),
    asked as (delete from challenges where expires_at < p_at - p_kept returning 1),
    failed as (delete from sign_in_failures where last_at < p_at - p_kept returning 1),
    ended as (delete from sessions where least(ended_at, expires_at) < p_at - p_kept returning 1),
    unsent as (delete from letters where state = 'skipped' and created_at < p_at - p_kept returning 1),
    noticed as (delete from venice_notices where ended_at < p_at - p_kept returning 1)
  select (select count(*) from tokens) + (select count(*) from asked) + (select count(*) from failed)
    + (select count(*) from ended) + (select count(*) from unsent)
    + (select count(*) from noticed)
$$;

grant execute on function begin_citizens_walk, save_citizens, search_citizens, claim_notices, notices_ended,
  forget_expired to cascade_app;
