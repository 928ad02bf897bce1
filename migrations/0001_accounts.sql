-- Who may do what. The functions connect as (or switch to) cascade_app: it reads views and calls
-- SECURITY DEFINER functions, and holds no right on any table. Functions are closed to everyone until granted.
do $$
begin
  if not exists (select from pg_roles where rolname = 'cascade_app') then
    create role cascade_app nologin;
  end if;
end
$$;
grant cascade_app to current_user;
alter role cascade_app set statement_timeout = '8s';
alter default privileges revoke execute on functions from public;
revoke create on schema public from public;
grant usage on schema public to cascade_app;

-- Times leave the database as ISO 8601 in UTC, to the millisecond.
create function iso(p_at timestamptz) returns text
language sql immutable
as $$ select to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $$;

-- One row per customer. `citizen` is a delivery address in Venice: unproved, not unique, no right comes from it. Never the citizen
-- who pays the deliveries: the game adds what somebody pays himself to his purse, and the purse would no longer prove anything.
-- `told_tier`: the tier that the customer was last told of; what he has follows from `entitlements` (0025).
create table accounts (
  id text primary key check (id ~ '^acc_[0-9a-z]{20}$'),
  email text not null constraint accounts_email_unique unique check (email = lower(email)),
  password_hash text not null,
  citizen text not null check (citizen not in ('', 'CASCADE_PAYMENT_PROCESSOR')),
  told_tier text not null default 'explorer',
  stripe_customer text,
  stripe_customer_live boolean,
  created_at timestamptz not null
);

-- A program's key: the SHA-256 of the secret, never the secret. A revoked key stays, as evidence. A rerolled one names its
-- successor and works until `expires_at`.
create table api_keys (
  id text primary key check (id ~ '^key_[0-9a-z]{20}$'),
  account_id text not null references accounts,
  name text not null check (length(name) between 1 and 80),
  hint text not null,
  hash bytea not null unique check (length(hash) = 32),
  scopes text[] not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  replaced_by text references api_keys
);
create index api_keys_of_account on api_keys (account_id, created_at);

-- A key may be made with a verified e-mail only. Outcome: created | limit (the number of live keys of the account's tier at
-- this moment is reached) | not_verified | unauthorised.
create function create_api_key(
  p_at timestamptz, p_visit jsonb, p_session text, p_id text, p_name text, p_hint text, p_hash bytea, p_scopes text[],
  p_expires_at timestamptz, p_limits jsonb
) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text := session_account(p_at, p_session);
  v_verified boolean;
begin
  -- The account's row is the lock: two creations at the limit cannot both see room.
  select email_verified_at is not null into v_verified from accounts where id = v_account for no key update;
  if session_account(p_at, p_session) is null then
    return 'unauthorised';
  elsif not v_verified then
    return 'not_verified';
  end if;
  if (select count(*) from api_keys where account_id = v_account and revoked_at is null and replaced_by is null
      and (expires_at is null or expires_at > p_at)) >= (p_limits ->> (entitlements(v_account, p_at)).tier)::int then
    return 'limit';
  end if;
  insert into api_keys (id, account_id, name, hint, hash, scopes, created_at, expires_at)
  values (p_id, v_account, p_name, p_hint, p_hash, p_scopes, p_at, p_expires_at);
  perform audit(p_at, p_visit, v_account, v_account, 'api_key.created',
    jsonb_build_object('key', p_id, 'name', p_name, 'scopes', p_scopes));
  return 'created';
end
$$;

-- A new secret in a key's place, with its name, scopes and end; the old one works until p_until at the latest.
-- Outcome: {kind: 'rerolled', name, scopes, expiresAt} | {kind: 'not_found' | 'unauthorised'} | {kind: 'ended'} (revoked,
-- expired, replaced).
create function reroll_api_key(
  p_at timestamptz, p_visit jsonb, p_session text, p_key text, p_id text, p_hint text, p_hash bytea, p_until timestamptz
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text := session_account(p_at, p_session);
  v_key api_keys;
begin
  if v_account is null then
    return jsonb_build_object('kind', 'unauthorised');
  end if;
  select * into v_key from api_keys where id = p_key and account_id = v_account for update;
  if not found then
    return jsonb_build_object('kind', 'not_found');
  elsif v_key.revoked_at is not null or v_key.replaced_by is not null or v_key.expires_at <= p_at then
    return jsonb_build_object('kind', 'ended');
  end if;
  insert into api_keys (id, account_id, name, hint, hash, scopes, created_at, expires_at)
  values (p_id, v_account, v_key.name, p_hint, p_hash, v_key.scopes, p_at, v_key.expires_at);
  update api_keys set replaced_by = p_id, expires_at = least(expires_at, p_until) where id = p_key;
  perform audit(p_at, p_visit, v_account, v_account, 'api_key.rerolled',
    jsonb_build_object('key', p_key, 'by', p_id, 'until', iso(p_until)));
  return jsonb_build_object('kind', 'rerolled', 'name', v_key.name, 'scopes', v_key.scopes,
    'expiresAt', iso(v_key.expires_at));
end
$$;

-- Revoking twice keeps the first time. Outcome: revoked | not_found | unauthorised.
create function revoke_api_key(p_at timestamptz, p_visit jsonb, p_session text, p_key text) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text := session_account(p_at, p_session);
  v_was timestamptz;
begin
  if v_account is null then
    return 'unauthorised';
  end if;
  select revoked_at into v_was from api_keys where id = p_key and account_id = v_account for update;
  if not found then
    return 'not_found';
  elsif v_was is null then
    update api_keys set revoked_at = p_at where id = p_key;
    perform audit(p_at, p_visit, v_account, v_account, 'api_key.revoked', jsonb_build_object('key', p_key));
  end if;
  return 'revoked';
end
$$;

grant execute on function iso, create_api_key, reroll_api_key, revoke_api_key to cascade_app;
