-- Who calls: a session, or an API key with its scopes, in the round trip of the call itself.

-- `last_used_at` is kept to the quarter of an hour, after the answer.
alter table api_keys add column last_used_at timestamptz;

-- The newest first, the ended ones, too; null when the session has ended.
create function list_api_keys(p_at timestamptz, p_session text) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select coalesce((
    select jsonb_agg(jsonb_build_object('id', k.id, 'name', k.name, 'hint', k.hint, 'scopes', k.scopes,
      'createdAt', iso(k.created_at), 'expiresAt', iso(k.expires_at), 'lastUsedAt', iso(k.last_used_at),
      'revokedAt', iso(k.revoked_at), 'replacedBy', k.replaced_by) order by k.created_at desc, k.id)
    from api_keys k where k.account_id = a.id), '[]')
  from accounts a where a.id = session_account(p_at, p_session)
$$;

-- Internal. Who calls, with the tier of this moment: an API key's live owner with the scope, or a live session's account.
-- Outcome in `kind`: ok | unauthorised | forbidden. `key_seen_long_ago`: its last use should be written down again.
create function who_calls(p_at timestamptz, p_key_hash bytea, p_session text, p_scope text,
  out kind text, out account_id text, out api_key_id text, out tier text, out key_seen_long_ago boolean)
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_scopes text[];
begin
  if p_key_hash is null then
    account_id := session_account(p_at, p_session);
    kind := case when account_id is not null then 'ok' end;
  else
    select 'ok', k.account_id, k.id, k.scopes, coalesce(k.last_used_at < p_at - interval '15 minutes', true)
    into kind, account_id, api_key_id, v_scopes, key_seen_long_ago
    from api_keys k where k.hash = p_key_hash and k.revoked_at is null and (k.expires_at is null or k.expires_at > p_at);
    if found and not p_scope = any (v_scopes) then
      kind := 'forbidden';
    end if;
  end if;
  if kind = 'ok' then
    tier := (entitlements(account_id, p_at)).tier;
  end if;
  kind := coalesce(kind, 'unauthorised');
  key_seen_long_ago := coalesce(key_seen_long_ago, false);
end
$$;

-- After the answer, once in a while: a key was used.
create function touch_api_key(p_at timestamptz, p_key_hash bytea) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
  update api_keys set last_used_at = p_at
  where hash = p_key_hash and (last_used_at is null or last_used_at < p_at - interval '15 minutes')
$$;

grant execute on function touch_api_key, list_api_keys to cascade_app;
