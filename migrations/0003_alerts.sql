-- Amounts as people read them, in alerts: 1250 millis are 1.25 ducats, 1000 cents are 10.00.
create function print_ducats(p_millis bigint) returns text
language sql immutable
as $$ select trim_scale(p_millis / 1000.0)::text $$;

create function print_cents(p_cents bigint) returns text
language sql immutable
as $$ select (p_cents / 100.0)::numeric(20, 2)::text $$;

-- What a person must look at. One row per thing that is wrong, open until it is mended: `subject` names the thing, so
-- the same finding an hour later is the same row.
create table alerts (
  id bigint generated always as identity primary key,
  kind text not null,
  subject text not null,
  message text not null,
  opened_at timestamptz not null,
  closed_at timestamptz
);
create unique index alerts_open_once on alerts (kind, subject) where closed_at is null;

-- True when this opened the alert, which is mailed to the operator then; false when it was open already.
create function open_alert(p_at timestamptz, p_kind text, p_subject text, p_message text) returns boolean
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_id bigint;
begin
  insert into alerts (kind, subject, message, opened_at) values (p_kind, p_subject, p_message, p_at)
  on conflict (kind, subject) where closed_at is null do nothing returning id into v_id;
  if v_id is null then
    return false;
  end if;
  perform queue_letter(p_at, 'alert', 'alr_' || v_id, null,
    jsonb_build_object('kind', p_kind, 'subject', p_subject, 'message', p_message, 'openedAt', iso(p_at)));
  return true;
end
$$;

create function close_alert(p_at timestamptz, p_kind text, p_subject text) returns boolean
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  update alerts set closed_at = p_at where kind = p_kind and subject = p_subject and closed_at is null;
  return found;
end
$$;

grant execute on function close_alert, open_alert to cascade_app;
