-- What we write to people: the outbox of mail. One row per kind and business object (`object`), so that nothing is
-- announced twice; a resend that somebody asks for is the next `nth`, and seen as such. No address is kept: a letter goes
-- to its account's e-mail of the moment it is sent, an `alert` to the operator. `data` is what the template needs, never a
-- secret. queued -> sent | refused (the provider won't take it) | given_up (a day of trying); skipped: nobody to write to.
create table letters (
  id bigint generated always as identity primary key,
  kind text not null,
  object text not null,
  nth int not null default 1,
  account_id text references accounts,
  data jsonb not null,
  state text not null check (state in ('queued', 'sent', 'refused', 'given_up', 'skipped')),
  tries int not null default 0,
  next_at timestamptz not null,
  lease_token bigint not null default 0,
  leased_until timestamptz,
  last_error text,
  created_at timestamptz not null,
  first_tried_at timestamptz,
  ended_at timestamptz,
  constraint letters_once unique (kind, object, nth),
  check ((state = 'queued') = (ended_at is null))
);
create index letters_to_send on letters (next_at) where state = 'queued';
create index letters_given_up on letters (id) where state = 'given_up';
create index letters_of_account on letters (account_id, id desc);

-- Internal. Without an account to write to the row is written all the same, as skipped: the same work for a known and an
-- unknown e-mail.
create function queue_letter(p_at timestamptz, p_kind text, p_object text, p_account text, p_data jsonb) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  insert into letters (kind, object, account_id, data, state, next_at, created_at, ended_at)
  values (p_kind, p_object, p_account, p_data,
    case when p_account is null and p_kind <> 'alert' then 'skipped' else 'queued' end, p_at, p_at,
    case when p_account is null and p_kind <> 'alert' then p_at end)
  on conflict (kind, object, nth) do nothing
$$;

-- Leases what is due. What could not be sent for p_patience since its first try is given up, and the operator told (in `health`, at least).
-- `recipient` is null for the operator.
create function claim_letters(p_at timestamptz, p_limit int, p_lease interval, p_patience interval)
returns table (id text, kind text, recipient text, data jsonb, created_at text, lease_token bigint, tries int)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_given_up bigint;
begin
  with given_up as (
    update letters l set state = 'given_up', ended_at = p_at, leased_until = null
    where l.state = 'queued' and l.first_tried_at < p_at - p_patience and (l.leased_until is null or l.leased_until <= p_at)
    returning l.kind
  )
  select count(*) into v_given_up from given_up where given_up.kind <> 'alert';
  if v_given_up > 0 then
    perform open_alert(p_at, 'letters_given_up', 'mail', format(
      '%s letters could not be sent for a day. Does the mail provider take our mail? See the letters'' last error.', v_given_up));
  end if;
  return query
    with chosen as materialized (
      select q.id from letters q
      where q.state = 'queued' and q.next_at <= p_at and (q.leased_until is null or q.leased_until <= p_at)
      order by q.next_at, q.id limit p_limit for update skip locked
    )
    update letters l set lease_token = l.lease_token + 1, leased_until = p_at + p_lease, tries = l.tries + 1,
      first_tried_at = coalesce(l.first_tried_at, p_at)
    from chosen
    where l.id = chosen.id
    returning 'let_' || l.id, l.kind, (select a.email from accounts a where a.id = l.account_id), l.data,
      iso(l.created_at), l.lease_token, l.tries;
end
$$;

-- Internal. The number in a letter's id; null for what is none.
create function letter_number(p_id text) returns bigint
language sql immutable
as $$ select case when p_id ~ '^let_[0-9]{1,18}$' then substr(p_id, 5)::bigint end $$;

-- What became of a leased letter; p_state: sent | refused, or queued to be tried again at p_next. A stale lease's word is
-- not taken. A letter that was sent says that mail works again.
create function letter_ended(p_at timestamptz, p_id text, p_token bigint, p_state text, p_next timestamptz, p_error text)
returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  update letters set state = p_state, next_at = p_next, leased_until = null, last_error = p_error,
    ended_at = case when p_state <> 'queued' then p_at end
  where id = letter_number(p_id) and lease_token = p_token and state = 'queued';
  if found and p_state = 'sent' then
    perform close_alert(p_at, 'letters_given_up', 'mail');
  end if;
end
$$;

-- For support and admins: the letters of an account, the newest first. {kind: unauthorised | not_found | listed, letters}.
create function list_letters(p_at timestamptz, p_session text, p_account text, p_limit int) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  if session_account(p_at, p_session) is null then
    return jsonb_build_object('kind', 'unauthorised');
  elsif staff_account(p_at, p_session, 'support') is null or not exists (select from accounts where id = p_account) then
    return jsonb_build_object('kind', 'not_found');
  end if;
  return jsonb_build_object('kind', 'listed', 'letters', coalesce((
    select jsonb_agg(jsonb_build_object('id', 'let_' || id, 'kind', kind, 'object', object, 'nth', nth, 'state', state,
      'tries', tries, 'lastError', last_error, 'createdAt', iso(created_at), 'endedAt', iso(ended_at)) order by id desc)
    from (select * from letters where account_id = p_account order by id desc limit p_limit) l), '[]'));
end
$$;

-- For admins: sends a letter again, as the next of its object. One that is still on its way is not doubled.
-- Outcome: queued | still_queued | not_found | unauthorised.
create function resend_letter(p_at timestamptz, p_visit jsonb, p_session text, p_letter text) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_admin text := staff_account(p_at, p_session, 'admin');
  v_letter letters;
  v_nth int;
begin
  if session_account(p_at, p_session) is null then
    return 'unauthorised';
  end if;
  select * into v_letter from letters where id = letter_number(p_letter) and account_id is not null;
  if not found or v_admin is null then
    return 'not_found';
  end if;
  perform from accounts where id = v_letter.account_id for no key update;
  if exists (select from letters where kind = v_letter.kind and object = v_letter.object and state = 'queued') then
    return 'still_queued';
  end if;
  select max(nth) + 1 into v_nth from letters where kind = v_letter.kind and object = v_letter.object;
  insert into letters (kind, object, nth, account_id, data, state, next_at, created_at)
  values (v_letter.kind, v_letter.object, v_nth, v_letter.account_id, v_letter.data, 'queued', p_at, p_at);
  perform audit(p_at, p_visit, v_admin, v_letter.account_id, 'letter.resent',
    jsonb_build_object('letter', p_letter, 'kind', v_letter.kind, 'nth', v_nth));
  return 'queued';
end
$$;

grant execute on function claim_letters, letter_ended, list_letters, resend_letter to cascade_app;
