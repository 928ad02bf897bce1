-- Sessions that end at once, roles, and a log of every act that touches who may do what.

-- Who did what to whose account, when and from where. `actor`: an account's id, `visitor` (nobody signed in), `operator`
-- (a command), `system`. `account_id` is null where an e-mail is not known here: it is not kept. Append-only.
create table audit_log (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  actor text not null,
  account_id text references accounts,
  act text not null,
  detail jsonb not null,
  network text,
  agent text,
  request_id text
);
create index audit_log_of_account on audit_log (account_id, id desc);
create trigger audit_log_append_only before update or delete or truncate on audit_log
  for each statement execute function append_only();

-- Internal. p_visit: {requestId, network, agent} of the request; empty for the operator's commands.
create function audit(p_at timestamptz, p_visit jsonb, p_actor text, p_account text, p_act text, p_detail jsonb default '{}')
returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  insert into audit_log (at, actor, account_id, act, detail, network, agent, request_id)
  values (p_at, p_actor, p_account, p_act, p_detail, p_visit ->> 'network', p_visit ->> 'agent', p_visit ->> 'requestId')
$$;

-- `role`: what an account may do beyond its own affairs. Support reads, an admin changes; both only with a verified e-mail.
-- `wallet` signed as the citizen's own at `citizen_proved_at`; a citizen is proved by one account at a time.
alter table accounts
  add column role text not null default 'customer' check (role in ('customer', 'support', 'admin')),
  add column email_verified_at timestamptz,
  add column wallet text,
  add column citizen_proved_at timestamptz,
  add constraint accounts_proved_by_wallet check ((wallet is null) = (citizen_proved_at is null));
create unique index accounts_proved_citizen on accounts (citizen) where citizen_proved_at is not null;

-- One row per device that is signed in: the family of its refresh tokens. Ended rows stay until they are swept.
create table sessions (
  id text primary key check (id ~ '^ses_[0-9a-z]{20}$'),
  account_id text not null references accounts,
  method text not null check (method in ('password', 'passkey', 'venice')),
  network text,
  agent text,
  created_at timestamptz not null,
  refreshed_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz,
  ended_because text,
  check ((ended_at is null) = (ended_because is null))
);
create index sessions_of_account on sessions (account_id, created_at desc);

-- Every refresh token of a session, as its SHA-256. One is unused; a used one that comes back ends the session.
create table refresh_tokens (
  hash bytea primary key check (length(hash) = 32),
  session_id text not null references sessions on delete cascade,
  issued_at timestamptz not null,
  used_at timestamptz
);
create index refresh_tokens_of_session on refresh_tokens (session_id);

-- Internal. The account of a live session; null for one that has ended, has expired or never was.
create function session_account(p_at timestamptz, p_session text) returns text
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$ select account_id from sessions where id = p_session and ended_at is null and expires_at > p_at $$;

-- Internal. The account of a live session whose role is at least p_role (support, admin); null otherwise.
create function staff_account(p_at timestamptz, p_session text, p_role text) returns text
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select a.id from accounts a
  where a.id = session_account(p_at, p_session) and a.email_verified_at is not null
    and (a.role = 'admin' or a.role = p_role)
$$;

-- Internal. An account as its owner sees it.
create function account_view(p_account text) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object('id', id, 'email', email, 'emailVerified', email_verified_at is not null,
    'citizen', citizen, 'citizenProved', citizen_proved_at is not null, 'role', role)
  from accounts where id = p_account
$$;

-- Internal. Opens a session. p_session: {id, refreshHash (hex), expiresAt}.
create function start_session(p_at timestamptz, p_visit jsonb, p_account text, p_method text, p_session jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  insert into sessions (id, account_id, method, network, agent, created_at, refreshed_at, expires_at)
  values (p_session ->> 'id', p_account, p_method, p_visit ->> 'network', p_visit ->> 'agent', p_at, p_at,
    (p_session ->> 'expiresAt')::timestamptz);
  insert into refresh_tokens (hash, session_id, issued_at)
  values (decode(p_session ->> 'refreshHash', 'hex'), p_session ->> 'id', p_at);
  perform audit(p_at, p_visit, p_account, p_account, 'session.opened',
    jsonb_build_object('session', p_session ->> 'id', 'method', p_method));
end
$$;

-- Takes a refresh token for its successor, which follows from it: asked again within p_grace (another tab, a lost
-- answer) the same successor is the answer. Later than that somebody has a copy: the session ends.
-- No session outlives p_longest. Outcome: {kind: 'refreshed', sessionId, accountId} | {kind: 'unknown' | 'ended' | 'reused'}.
create function refresh_session(
  p_at timestamptz, p_visit jsonb, p_hash bytea, p_next_hashes text[], p_expires_at timestamptz, p_grace interval,
  p_longest interval
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_token refresh_tokens;
  v_session sessions;
begin
  select * into v_token from refresh_tokens where hash = p_hash for update;
  if not found then
    return jsonb_build_object('kind', 'unknown');
  end if;
  select * into strict v_session from sessions where id = v_token.session_id for update;
  if v_session.ended_at is not null or v_session.expires_at <= p_at then
    return jsonb_build_object('kind', 'ended');
  end if;
  if v_token.used_at is null then
    update refresh_tokens set used_at = p_at where hash = p_hash;
    insert into refresh_tokens (hash, session_id, issued_at) values (decode(p_next_hashes[1], 'hex'), v_session.id, p_at);
    update sessions set refreshed_at = p_at, network = p_visit ->> 'network', agent = p_visit ->> 'agent',
      expires_at = least(p_expires_at, created_at + p_longest)
    where id = v_session.id;
  elsif p_at > v_token.used_at + p_grace then
    perform end_session_row(p_at, p_visit, 'visitor', v_session.id, 'reused');
    return jsonb_build_object('kind', 'reused');
  end if;
  return jsonb_build_object('kind', 'refreshed', 'sessionId', v_session.id, 'accountId', v_session.account_id, 'successor',
    (select i - 1 from generate_subscripts(p_next_hashes, 1) i
     join refresh_tokens r on r.hash = decode(p_next_hashes[i], 'hex')));
end
$$;

-- Internal. Ends one session that is alive.
create function end_session_row(p_at timestamptz, p_visit jsonb, p_actor text, p_session text, p_because text) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text;
begin
  update sessions set ended_at = p_at, ended_because = p_because
  where id = p_session and ended_at is null returning account_id into v_account;
  if found then
    perform audit(p_at, p_visit, p_actor, v_account, 'session.ended',
      jsonb_build_object('session', p_session, 'because', p_because));
  end if;
end
$$;

-- Internal. Ends all of an account's sessions but p_keep.
create function end_sessions(p_at timestamptz, p_visit jsonb, p_actor text, p_account text, p_keep text, p_because text)
returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  perform end_session_row(p_at, p_visit, p_actor, s.id, p_because)
  from (select id from sessions where account_id = p_account and ended_at is null and id is distinct from p_keep
        order by id for update) s;
end
$$;

-- The account's live sessions, the last used first; null when the asking one has ended.
create function list_sessions(p_at timestamptz, p_session text) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select case when session_account(p_at, p_session) is not null then coalesce((
    select jsonb_agg(jsonb_build_object('id', s.id, 'current', s.id = p_session, 'method', s.method,
      'network', s.network, 'agent', s.agent, 'createdAt', iso(s.created_at), 'refreshedAt', iso(s.refreshed_at),
      'expiresAt', iso(s.expires_at)) order by s.refreshed_at desc, s.id)
    from sessions s
    where s.account_id = session_account(p_at, p_session) and s.ended_at is null and s.expires_at > p_at), '[]') end
$$;

-- Ends p_which, one of the asking session's account; itself, too. Outcome: ended | not_found | unauthorised.
create function end_session(p_at timestamptz, p_visit jsonb, p_session text, p_which text) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text := session_account(p_at, p_session);
begin
  if v_account is null then
    return 'unauthorised';
  end if;
  perform from sessions where id = p_which and account_id = v_account and ended_at is null and expires_at > p_at for update;
  if not found then
    return 'not_found';
  end if;
  perform end_session_row(p_at, p_visit, v_account, p_which, 'signed_out');
  return 'ended';
end
$$;

-- Ends every session of the account but the asking one. False when that one has ended itself.
create function end_other_sessions(p_at timestamptz, p_visit jsonb, p_session text) returns boolean
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text := session_account(p_at, p_session);
begin
  if v_account is not null then
    perform end_sessions(p_at, p_visit, v_account, v_account, p_session, 'signed_out');
  end if;
  return v_account is not null;
end
$$;

-- Signing out: by the session, or by the refresh token when the access token is over. Ended already is well.
create function sign_out(p_at timestamptz, p_visit jsonb, p_session text, p_refresh_hash bytea) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_session text := coalesce(p_session, (select session_id from refresh_tokens where hash = p_refresh_hash));
begin
  perform end_session_row(p_at, p_visit, s.account_id, s.id, 'signed_out')
  from (select id, account_id from sessions where id = v_session for update) s;
end
$$;

-- The signed-in account; null when the session has ended.
create function find_account(p_at timestamptz, p_session text) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$ select account_view(session_account(p_at, p_session)) $$;

-- The last entries of the audit log about an account, older than p_before. Support and admins may name any account, a
-- customer sees his own, without the networks and devices of others. Null when the session has ended;
-- {kind: 'not_found' | 'read', entries}.
create function read_audit(p_at timestamptz, p_session text, p_account text, p_before bigint, p_limit int) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_own text := session_account(p_at, p_session);
  v_account text := coalesce(p_account, v_own);
begin
  if v_own is null then
    return null;
  elsif v_account <> v_own and (staff_account(p_at, p_session, 'support') is null
      or not exists (select from accounts where id = v_account)) then
    return jsonb_build_object('kind', 'not_found');
  end if;
  return jsonb_build_object('kind', 'read', 'entries', coalesce((
    select jsonb_agg(jsonb_build_object('id', id, 'at', iso(at), 'act', act, 'detail', detail,
      'actor', case when actor = v_account then 'self' when by_staff then 'staff' else actor end,
      'network', case when not by_staff then network end, 'agent', case when not by_staff then agent end,
      'requestId', request_id) order by id desc)
    from (select *, v_own = v_account and actor not in (v_account, 'visitor', 'operator', 'system') as by_staff
          from audit_log where account_id = v_account and (p_before is null or id < p_before)
          order by id desc limit p_limit) e), '[]'));
end
$$;

-- For support and admins: the account of an e-mail, with its tier of this moment. Null for everybody else; {kind: 'found',
-- accounts: […]}.
create function look_up_account(p_at timestamptz, p_session text, p_email text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_staff text := staff_account(p_at, p_session, 'support');
begin
  if session_account(p_at, p_session) is null then
    return jsonb_build_object('kind', 'unauthorised');
  elsif v_staff is null then
    return jsonb_build_object('kind', 'not_found');
  end if;
  return jsonb_build_object('kind', 'found', 'accounts', coalesce((
    select jsonb_agg(account_view(id) || jsonb_build_object('tier', (entitlements(id, p_at)).tier, 'createdAt', iso(created_at)))
    from accounts where email = p_email), '[]'));
end
$$;

-- Gives an account a role; the last admin cannot give his away. p_actor: the acting session's admin, or 'operator'.
-- Internal. Outcome: changed | not_found | last_admin.
create function set_role(p_at timestamptz, p_visit jsonb, p_actor text, p_account text, p_role text) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_was text;
begin
  -- In one order, so that two admins who dismiss each other wait, and the second sees that he is the last.
  perform from accounts where role = 'admin' or id = p_account order by id for no key update;
  if p_actor <> 'operator' and not exists (
      select from accounts where id = p_actor and role = 'admin' and email_verified_at is not null) then
    return 'not_found';
  end if;
  select role into v_was from accounts where id = p_account;
  if not found then
    return 'not_found';
  elsif v_was = 'admin' and p_role <> 'admin' and not exists (
      select from accounts where role = 'admin' and email_verified_at is not null and id <> p_account) then
    return 'last_admin';
  end if;
  if v_was <> p_role then
    update accounts set role = p_role where id = p_account;
    perform audit(p_at, p_visit, p_actor, p_account, 'role.changed', jsonb_build_object('from', v_was, 'to', p_role));
  end if;
  return 'changed';
end
$$;

-- For admins. Outcome: set_role's, or unauthorised; not_found for everybody else.
create function change_role(p_at timestamptz, p_visit jsonb, p_session text, p_account text, p_role text) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_admin text := staff_account(p_at, p_session, 'admin');
begin
  if session_account(p_at, p_session) is null then
    return 'unauthorised';
  elsif v_admin is null then
    return 'not_found';
  end if;
  return set_role(p_at, p_visit, v_admin, p_account, p_role);
end
$$;

-- For the owner (npm run admin:grant). Outcome: granted | not_verified (granted; works once the e-mail is verified) | unknown_email.
create function grant_admin(p_at timestamptz, p_email text) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account record;
begin
  select id, email_verified_at into v_account from accounts where email = lower(p_email);
  if not found then
    return 'unknown_email';
  end if;
  perform set_role(p_at, '{}', 'operator', v_account.id, 'admin');
  return case when v_account.email_verified_at is null then 'not_verified' else 'granted' end;
end
$$;

grant execute on function refresh_session, list_sessions, end_session, end_other_sessions, sign_out,
  find_account, read_audit, change_role, look_up_account to cascade_app;
