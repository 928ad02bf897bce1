-- What `health` also shows: how old the copy of Venice's citizens is, notices nobody could write, money that is going back.

-- As in 0011.
create or replace function health_counts(p_at timestamptz) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'openAlerts', (select count(*) from alerts where closed_at is null),
    'parkedEvents', (select count(*) from stripe_events where state = 'parked'),
    'failedEvents', (select count(*) from stripe_events where state = 'failed'),
    'queuedLetters', (select count(*) from letters where state = 'queued'),
    'givenUpLetters', (select count(*) from letters where state = 'given_up'),
    'waitingDeliveries', (select count(*) from deliveries where status in ('pending', 'planned')),
    'activeDeliveries', (select count(*) from deliveries where status = 'active'),
    'lateDeliveries', (select count(*) from late_deliveries(p_at)),
    'givenUpNotices', (select count(*) from venice_notices where state = 'given_up'),
    'citizensAgeMinutes', (select floor(extract(epoch from p_at - completed_at) / 60)::bigint from citizens_walk),
    'askedRefunds', (select count(*) from refund_requests where state = 'asked'),
    'openDisputes', (select count(*) from disputes
      where status in ('warning_needs_response', 'warning_under_review', 'needs_response', 'under_review')),
    'uncertainDeliveries', (select count(*) from deliveries where status = 'uncertain')))
$$;

-- As in 0010, and notices in Venice that are over.
create or replace function forget_expired(p_at timestamptz, p_kept interval) returns bigint
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
