-- The ways to prove who one is: password, mailed token, passkey, the citizen's wallet.

-- Wrong passwords in a row, by what was tried: an e-mail, known here or not, or a device that signed in before (each as a
-- SHA-256). From the fifth on each one locks: 15 minutes, then twice as long, at most a day.
create table sign_in_failures (
  subject bytea primary key check (length(subject) = 32),
  failures int not null,
  last_at timestamptz not null,
  locked_until timestamptz
);

-- Internal. What a sign-in's failures are counted by: the device, where it is known, so that a stranger who tries an
-- e-mail from elsewhere locks nobody out.
create function sign_in_subject(p_email text, p_device text) returns bytea
language sql immutable
as $$ select sha256(convert_to(coalesce('device:' || p_device, 'email:' || p_email), 'UTF8')) $$;

-- What a password is checked against. One row, whether the e-mail is known or not.
create function begin_sign_in(p_at timestamptz, p_email text, p_device text)
returns table (locked_until text, account_id text, password_hash text)
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select iso((select f.locked_until from sign_in_failures f
      where f.subject = sign_in_subject(p_email, p_device) and f.locked_until > p_at)), a.id, a.password_hash
  from (values (1)) one left join accounts a on a.email = p_email
$$;

-- A wrong password, or an unknown e-mail: the same rows are written. The owner is told of a lock, once a day at most.
create function fail_sign_in(p_at timestamptz, p_visit jsonb, p_email text, p_device text) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_subject bytea := sign_in_subject(p_email, p_device);
  v_account text := (select id from accounts where email = p_email);
  v_failures int;
  v_until timestamptz;
begin
  insert into sign_in_failures as f (subject, failures, last_at) values (v_subject, 1, p_at)
  on conflict (subject) do update set last_at = p_at,
    failures = case when f.last_at < p_at - interval '2 days' then 1 else f.failures + 1 end
  returning failures into v_failures;
  perform audit(p_at, p_visit, 'visitor', v_account, 'sign_in.failed',
    jsonb_build_object('knownDevice', p_device is not null));
  if v_failures < 5 then
    return;
  end if;
  v_until := p_at + least(interval '15 minutes' * (2 ^ least(v_failures - 5, 10)), interval '1 day');
  update sign_in_failures set locked_until = v_until where subject = v_subject;
  perform audit(p_at, p_visit, 'visitor', v_account, 'sign_in.locked', jsonb_build_object('until', iso(v_until)));
  perform queue_letter(p_at, 'lock_out', encode(v_subject, 'hex') || ':' || (p_at at time zone 'UTC')::date, v_account,
    jsonb_build_object('at', iso(p_at), 'until', iso(v_until), 'network', p_visit ->> 'network'));
end
$$;

-- The password was right: if it is still the account's, opens the session. Null when it was changed meanwhile.
create function complete_sign_in(
  p_at timestamptz, p_visit jsonb, p_account text, p_password_hash text, p_device text, p_session jsonb
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_email text;
begin
  select email into v_email from accounts where id = p_account and password_hash = p_password_hash for no key update;
  if not found then
    return null;
  end if;
  delete from sign_in_failures where subject = sign_in_subject(v_email, p_device);
  perform start_session(p_at, p_visit, p_account, 'password', p_session);
  return account_view(p_account);
end
$$;

-- A mailed link's secret, as its SHA-256: proves that the account's mailbox is read. Asked for an unknown e-mail the row is
-- written all the same, without an account, and its letter skipped. Used once.
create table mailed_tokens (
  id text primary key check (id ~ '^tok_[0-9a-z]{20}$'),
  kind text not null check (kind in ('verification', 'password_reset')),
  account_id text references accounts,
  hash bytea not null unique check (length(hash) = 32),
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz
);
create index mailed_tokens_of_account on mailed_tokens (account_id, kind);

-- Internal.
create function mail_token(
  p_at timestamptz, p_kind text, p_account text, p_id text, p_hash bytea, p_expires_at timestamptz
) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  insert into mailed_tokens (id, kind, account_id, hash, created_at, expires_at)
  values (p_id, p_kind, p_account, p_hash, p_at, p_expires_at);
  perform queue_letter(p_at, p_kind, p_id, p_account,
    jsonb_build_object('tokenId', p_id, 'tokenHash', encode(p_hash, 'hex'), 'expiresAt', iso(p_expires_at)));
end
$$;

-- Somebody asks for a link to an e-mail. No branch, no answer: what is written is the same for every address.
create function ask_for_token(
  p_at timestamptz, p_visit jsonb, p_kind text, p_email text, p_id text, p_hash bytea, p_expires_at timestamptz
) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text := (select id from accounts
    where email = p_email and (p_kind <> 'verification' or email_verified_at is null));
begin
  perform mail_token(p_at, p_kind, v_account, p_id, p_hash, p_expires_at);
  perform audit(p_at, p_visit, 'visitor', v_account, p_kind || '.asked');
end
$$;

-- Outcome: verified (also when the same link is opened again) | invalid.
create function verify_email(p_at timestamptz, p_visit jsonb, p_hash bytea) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text;
begin
  update mailed_tokens set used_at = coalesce(used_at, p_at)
  where hash = p_hash and kind = 'verification' and account_id is not null and (expires_at > p_at or used_at is not null)
  returning account_id into v_account;
  if not found then
    return 'invalid';
  end if;
  update accounts set email_verified_at = p_at where id = v_account and email_verified_at is null;
  if found then
    perform audit(p_at, p_visit, v_account, v_account, 'email.verified');
  end if;
  return 'verified';
end
$$;

-- Internal. A new password: ends the other sessions and every link that is still out, and tells the owner.
create function replace_password(
  p_at timestamptz, p_visit jsonb, p_account text, p_password_hash text, p_keep text, p_act text
) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  update accounts set password_hash = p_password_hash where id = p_account;
  update mailed_tokens set used_at = p_at where account_id = p_account and kind = 'password_reset' and used_at is null;
  perform end_sessions(p_at, p_visit, p_account, p_account, p_keep, 'password_changed');
  perform audit(p_at, p_visit, p_account, p_account, p_act);
  perform queue_letter(p_at, 'password_changed', p_account || ':' || iso(p_at), p_account,
    jsonb_build_object('at', iso(p_at), 'network', p_visit ->> 'network'));
end
$$;

-- The link proves the mailbox, so the e-mail counts as verified, too. Null for a link that is unknown, used or over; else
-- the account's e-mail.
create function reset_password(p_at timestamptz, p_visit jsonb, p_hash bytea, p_password_hash text) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text;
  v_email text;
  v_verified timestamptz;
begin
  -- The account's row first: two of its links at once must not wait for each other.
  perform from accounts where id = (select account_id from mailed_tokens where hash = p_hash) for no key update;
  update mailed_tokens set used_at = p_at
  where hash = p_hash and kind = 'password_reset' and account_id is not null and used_at is null and expires_at > p_at
  returning account_id into v_account;
  if not found then
    return null;
  end if;
  select email, email_verified_at into v_email, v_verified from accounts where id = v_account;
  if v_verified is null then
    -- Whoever opened the account has never shown that the mailbox is his: what he could come back with goes.
    delete from passkeys where account_id = v_account;
    update accounts set email_verified_at = p_at, wallet = null, citizen_proved_at = null where id = v_account;
    perform audit(p_at, p_visit, v_account, v_account, 'email.verified');
  end if;
  delete from sign_in_failures where subject = sign_in_subject(v_email, null);
  perform replace_password(p_at, p_visit, v_account, p_password_hash, null, 'password.reset');
  return v_email;
end
$$;

-- The signed-in account's password hash; null when the session has ended.
create function password_of(p_at timestamptz, p_session text) returns text
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$ select password_hash from accounts where id = session_account(p_at, p_session) $$;

-- Outcome: changed | wrong_password (it was changed meanwhile) | unauthorised (the session has ended).
create function change_password(p_at timestamptz, p_visit jsonb, p_session text, p_old_hash text, p_new_hash text) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text := session_account(p_at, p_session);
begin
  perform from accounts where id = v_account for no key update;
  -- Asked again behind the lock: who waited may have been signed out by whom he waited for.
  if session_account(p_at, p_session) is null then
    return 'unauthorised';
  elsif not exists (select from accounts where id = v_account and password_hash = p_old_hash) then
    return 'wrong_password';
  end if;
  perform replace_password(p_at, p_visit, v_account, p_new_hash, p_session, 'password.changed');
  return 'changed';
end
$$;

-- What a key of somebody's must sign, once: a passkey's challenge, or a message for a citizen's wallet. Of a session's
-- account where it was asked by one.
create table challenges (
  id text primary key check (id ~ '^chl_[0-9a-z]{20}$'),
  purpose text not null check (purpose in ('passkey_add', 'passkey_sign_in', 'citizen_proof', 'venice_sign_in')),
  account_id text references accounts,
  citizen text,
  wallet text,
  secret text not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz
);

-- p_challenge: {id, purpose, secret, citizen, wallet, expiresAt}. p_session: null for a sign-in. False when it has ended.
create function open_challenge(p_at timestamptz, p_session text, p_challenge jsonb) returns boolean
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text := session_account(p_at, p_session);
begin
  if (p_challenge ->> 'purpose') in ('passkey_add', 'citizen_proof') and v_account is null then
    return false;
  end if;
  insert into challenges (id, purpose, account_id, citizen, wallet, secret, created_at, expires_at)
  values (p_challenge ->> 'id', p_challenge ->> 'purpose', v_account, p_challenge ->> 'citizen', p_challenge ->> 'wallet',
    p_challenge ->> 'secret', p_at, (p_challenge ->> 'expiresAt')::timestamptz);
  return true;
end
$$;

-- Internal. Uses a challenge up; null when it is unknown, over, used, another purpose's or another account's.
create function use_challenge(p_at timestamptz, p_id text, p_purpose text, p_account text) returns challenges
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update challenges set used_at = p_at
  where id = p_id and purpose = p_purpose and account_id is not distinct from p_account
    and used_at is null and expires_at > p_at
  returning *
$$;

-- A session's own challenge, used up by this. Null when there is none; the purpose says what for.
create function take_challenge(p_at timestamptz, p_session text, p_id text, p_purpose text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text := session_account(p_at, p_session);
  v_challenge challenges;
begin
  if v_account is null then
    return null;
  end if;
  v_challenge := use_challenge(p_at, p_id, p_purpose, v_account);
  return case when v_challenge.id is not null then jsonb_build_object(
    'secret', v_challenge.secret, 'citizen', v_challenge.citizen, 'wallet', v_challenge.wallet) end;
end
$$;

-- A WebAuthn credential: its id as the browser says it (base64url), its public key (COSE), its counter of uses.
create table passkeys (
  id text primary key,
  account_id text not null references accounts,
  name text not null check (length(name) between 1 and 80),
  public_key bytea not null,
  counter bigint not null check (counter >= 0),
  transports text[] not null,
  synced boolean not null,
  created_at timestamptz not null,
  last_used_at timestamptz
);
create index passkeys_of_account on passkeys (account_id, created_at);

-- {accountId, email, passkeys: [{id, name, transports, synced, createdAt, lastUsedAt}]}; null when the session has ended.
create function list_passkeys(p_at timestamptz, p_session text) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object('accountId', a.id, 'email', a.email, 'passkeys', coalesce((
    select jsonb_agg(jsonb_build_object('id', k.id, 'name', k.name, 'transports', k.transports, 'synced', k.synced,
      'createdAt', iso(k.created_at), 'lastUsedAt', iso(k.last_used_at)) order by k.created_at, k.id)
    from passkeys k where k.account_id = a.id), '[]'))
  from accounts a where a.id = session_account(p_at, p_session)
$$;

-- p_passkey: {id, name, publicKey (hex), counter, transports, synced}. Outcome: added | taken | limit | unauthorised.
create function add_passkey(p_at timestamptz, p_visit jsonb, p_session text, p_passkey jsonb) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text := session_account(p_at, p_session);
begin
  perform from accounts where id = v_account for no key update;
  -- Asked again behind the lock: who waited may have been signed out by whom he waited for.
  if session_account(p_at, p_session) is null then
    return 'unauthorised';
  elsif (select count(*) from passkeys where account_id = v_account) >= 20 then
    return 'limit';
  end if;
  insert into passkeys (id, account_id, name, public_key, counter, transports, synced, created_at)
  values (p_passkey ->> 'id', v_account, p_passkey ->> 'name', decode(p_passkey ->> 'publicKey', 'hex'),
    (p_passkey ->> 'counter')::bigint, array(select jsonb_array_elements_text(p_passkey -> 'transports')),
    (p_passkey ->> 'synced')::boolean, p_at)
  on conflict (id) do nothing;
  if not found then
    return 'taken';
  end if;
  perform audit(p_at, p_visit, v_account, v_account, 'passkey.added', jsonb_build_object('name', p_passkey ->> 'name'));
  perform queue_letter(p_at, 'sign_in_added', p_passkey ->> 'id', v_account, jsonb_build_object(
    'way', 'passkey', 'name', p_passkey ->> 'name', 'at', iso(p_at), 'network', p_visit ->> 'network'));
  return 'added';
end
$$;

-- Outcome: renamed | not_found | unauthorised.
create function rename_passkey(p_at timestamptz, p_visit jsonb, p_session text, p_id text, p_name text) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text := session_account(p_at, p_session);
begin
  if v_account is null then
    return 'unauthorised';
  end if;
  update passkeys set name = p_name where id = p_id and account_id = v_account;
  if not found then
    return 'not_found';
  end if;
  perform audit(p_at, p_visit, v_account, v_account, 'passkey.renamed', jsonb_build_object('name', p_name));
  return 'renamed';
end
$$;

-- Outcome: removed | not_found | unauthorised.
create function remove_passkey(p_at timestamptz, p_visit jsonb, p_session text, p_id text) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text := session_account(p_at, p_session);
  v_name text;
begin
  if v_account is null then
    return 'unauthorised';
  end if;
  delete from passkeys where id = p_id and account_id = v_account returning name into v_name;
  if not found then
    return 'not_found';
  end if;
  perform audit(p_at, p_visit, v_account, v_account, 'passkey.removed', jsonb_build_object('name', v_name));
  return 'removed';
end
$$;

-- Uses the challenge up and finds the passkey; either missing: null. {secret, publicKey (hex),
-- counter, transports}.
create function begin_passkey_sign_in(p_at timestamptz, p_challenge text, p_passkey text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_challenge challenges := use_challenge(p_at, p_challenge, 'passkey_sign_in', null);
begin
  return (
    select jsonb_build_object('secret', v_challenge.secret, 'publicKey', encode(public_key, 'hex'), 'counter', counter, 'transports', transports)
    from passkeys where id = p_passkey and v_challenge.id is not null);
end
$$;

-- The signature was right. Null when the passkey was used or removed meanwhile: its counter says so.
create function complete_passkey_sign_in(
  p_at timestamptz, p_visit jsonb, p_passkey text, p_counter bigint, p_new_counter bigint, p_session jsonb
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text;
begin
  update passkeys set counter = p_new_counter, last_used_at = p_at where id = p_passkey and counter = p_counter
  returning account_id into v_account;
  if not found then
    return null;
  end if;
  perform start_session(p_at, p_visit, v_account, 'passkey', p_session);
  return account_view(v_account);
end
$$;

-- Another delivery address, unproved; the same citizen again changes nothing. Null when the session has ended.
create function change_citizen(p_at timestamptz, p_visit jsonb, p_session text, p_citizen text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text := session_account(p_at, p_session);
  v_was text;
begin
  select citizen into v_was from accounts where id = v_account for no key update;
  if v_was <> p_citizen then
    update accounts set citizen = p_citizen, wallet = null, citizen_proved_at = null where id = v_account;
    perform audit(p_at, p_visit, v_account, v_account, 'citizen.changed', jsonb_build_object('from', v_was, 'to', p_citizen));
  end if;
  return account_view(v_account);
end
$$;

-- Takes the proof back: the citizen stays as the delivery address. Null when the session has ended.
create function unlink_citizen(p_at timestamptz, p_visit jsonb, p_session text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text := session_account(p_at, p_session);
begin
  update accounts set wallet = null, citizen_proved_at = null where id = v_account and citizen_proved_at is not null;
  if found then
    perform audit(p_at, p_visit, v_account, v_account, 'citizen.unlinked');
  end if;
  return account_view(v_account);
end
$$;

-- The wallet signed for the citizen. {kind: 'changed', account} | {kind: 'citizen_taken'} (another account has proved him) |
-- {kind: 'citizen_changed'} (the account has another citizen by now) | {kind: 'unauthorised'}.
create function prove_citizen(p_at timestamptz, p_visit jsonb, p_session text, p_citizen text, p_wallet text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account text := session_account(p_at, p_session);
begin
  if v_account is null then
    return jsonb_build_object('kind', 'unauthorised');
  end if;
  update accounts set wallet = p_wallet, citizen_proved_at = p_at where id = v_account and citizen = p_citizen;
  if not found then
    return jsonb_build_object('kind', 'citizen_changed');
  end if;
  perform audit(p_at, p_visit, v_account, v_account, 'citizen.proved',
    jsonb_build_object('citizen', p_citizen, 'wallet', p_wallet));
  perform queue_letter(p_at, 'sign_in_added', v_account || ':' || iso(p_at), v_account, jsonb_build_object(
    'way', 'wallet', 'name', p_citizen, 'at', iso(p_at), 'network', p_visit ->> 'network'));
  return jsonb_build_object('kind', 'changed', 'account', account_view(v_account));
exception when unique_violation then
  return jsonb_build_object('kind', 'citizen_taken');
end
$$;

-- Uses the challenge up; who has proved its citizen, if anybody: {message, accountId, wallet}. Null without a challenge.
create function begin_venice_sign_in(p_at timestamptz, p_challenge text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_challenge challenges := use_challenge(p_at, p_challenge, 'venice_sign_in', null);
begin
  return (
    select jsonb_build_object('message', v_challenge.secret, 'accountId', a.id, 'wallet', a.wallet)
    from (values (1)) one left join accounts a on a.citizen = v_challenge.citizen and a.citizen_proved_at is not null
    where v_challenge.id is not null);
end
$$;

-- The signature was right. Null when the proof was taken back meanwhile.
create function complete_venice_sign_in(p_at timestamptz, p_visit jsonb, p_account text, p_wallet text, p_session jsonb)
returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  perform from accounts where id = p_account and wallet = p_wallet for no key update;
  if not found then
    return null;
  end if;
  perform start_session(p_at, p_visit, p_account, 'venice', p_session);
  return account_view(p_account);
end
$$;

grant execute on function begin_sign_in, fail_sign_in, complete_sign_in, ask_for_token, sign_up(timestamptz, jsonb,
  text, text, text, text, jsonb), verify_email, reset_password, password_of, change_password, open_challenge,
  take_challenge, list_passkeys, add_passkey, rename_passkey, remove_passkey, begin_passkey_sign_in,
  complete_passkey_sign_in, change_citizen, unlink_citizen, prove_citizen, begin_venice_sign_in,
  complete_venice_sign_in to cascade_app;
