-- A purchase pins, before Stripe is asked, who pays, who receives and every figure: what was paid is judged by this row.
-- draft (no session yet) -> open -> processing (an asynchronous method) -> paid | failed; open -> expired; review: money
-- came that doesn't agree with the row. `paid` is final; every other state becomes `paid` when the right money arrives.
create table purchases (
  id text primary key check (id ~ '^pur_[0-9a-z]{20}$'),
  account_id text not null references accounts,
  citizen text not null,
  deliver_to text not null check (deliver_to in ('venice', 'wallet')),
  idempotency_key text not null,
  request_hash bytea not null,
  pack text,
  amount_cents bigint not null check (amount_cents >= 0),
  discount_cents bigint not null default 0 check (discount_cents >= 0),
  currency text not null default 'usd' check (currency = 'usd'),
  livemode boolean not null,
  base_millis bigint not null check (base_millis > 0),
  bonus_millis bigint not null check (bonus_millis >= 0),
  micro_usd_per_ducat bigint not null check (micro_usd_per_ducat > 0),
  status text not null check (status in ('draft', 'open', 'processing', 'paid', 'expired', 'failed', 'review')),
  attempt int not null check (attempt > 0),
  payment_intent text constraint purchases_payment_intent_unique unique,
  last_decline text,
  repaid_millis bigint not null default 0,
  opened_at timestamptz not null,
  paid_at timestamptz,
  constraint purchases_key_unique unique (account_id, idempotency_key),
  check ((status = 'paid') = (paid_at is not null))
);
create index purchases_of_account on purchases (account_id, opened_at desc);

-- One row per Checkout Session we ask for. Its parameters are pinned too: Stripe's idempotency key is
-- `<purchase>-<attempt>`, and a replay with other parameters would be refused.
create table purchase_attempts (
  purchase_id text not null references purchases,
  attempt int not null,
  origin text not null,
  email text not null,
  stripe_customer text,
  expires_at timestamptz not null,
  session_id text constraint purchase_attempts_session_unique unique,
  session_url text,
  primary key (purchase_id, attempt)
);

create function purchase_terms(p_purchase text) returns jsonb
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object('id', p.id, 'accountId', p.account_id, 'citizen', p.citizen, 'deliverTo', p.deliver_to,
    'pack', p.pack, 'amountCents', p.amount_cents, 'totalMillis', p.base_millis + p.bonus_millis, 'status', p.status,
    'attempt', a.attempt, 'origin', a.origin, 'email', a.email, 'stripeCustomer', a.stripe_customer,
    'expiresAt', iso(a.expires_at), 'sessionId', a.session_id, 'sessionUrl', a.session_url)
  from purchases p join purchase_attempts a on a.purchase_id = p.id and a.attempt = p.attempt
  where p.id = p_purchase
$$;

-- Ducats that are promised to Venice and have not been proved to be there.
create function promised_millis() returns bigint
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$ select coalesce(sum(transit), 0)::bigint from balances where transit > 0 $$;

-- Pins the purchase, or finds it again by the client's key.
-- Outcome: {kind: 'unknown_account' | 'key_reused'} or {kind: 'pinned', terms, promisedMillis, debtMillis}.
create function open_purchase(
  p_at timestamptz, p_id text, p_account text, p_key text, p_request_hash bytea, p_deliver_to text, p_pack text,
  p_amount_cents bigint, p_base_millis bigint, p_bonus_millis bigint, p_micro_usd_per_ducat bigint,
  p_livemode boolean, p_origin text, p_expires_at timestamptz
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account record;
  v_purchase record;
begin
  select a.*, b.debt into v_account from accounts a join balances b on b.account_id = a.id where a.id = p_account;
  if not found then
    return jsonb_build_object('kind', 'unknown_account');
  end if;
  insert into purchases (id, account_id, citizen, deliver_to, idempotency_key, request_hash, pack, amount_cents,
    livemode, base_millis, bonus_millis, micro_usd_per_ducat, status, attempt, opened_at)
  values (p_id, p_account, v_account.citizen, p_deliver_to, p_key, p_request_hash, p_pack, p_amount_cents,
    p_livemode, p_base_millis, p_bonus_millis, p_micro_usd_per_ducat, 'draft', 1, p_at)
  on conflict (account_id, idempotency_key) do nothing;
  if found then
    insert into purchase_attempts (purchase_id, attempt, origin, email, stripe_customer, expires_at)
    values (p_id, 1, p_origin, v_account.email,
      case when v_account.stripe_customer_live = p_livemode then v_account.stripe_customer end, p_expires_at);
  end if;
  select * into strict v_purchase from purchases where account_id = p_account and idempotency_key = p_key;
  if v_purchase.request_hash <> p_request_hash then
    return jsonb_build_object('kind', 'key_reused');
  end if;
  return jsonb_build_object('kind', 'pinned', 'terms', purchase_terms(v_purchase.id),
    'promisedMillis', promised_millis(), 'debtMillis', -v_account.debt);
end
$$;

-- Begins the next attempt when `p_attempt` is still the current one and the purchase can still be paid; answers the
-- terms as they are now, by whoever changed them. The caller has made sure the old session cannot be paid any more.
create function renew_attempt(
  p_at timestamptz, p_purchase text, p_attempt int, p_origin text, p_expires_at timestamptz
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
  update purchases set attempt = attempt + 1, status = 'draft'
  where id = p_purchase and attempt = p_attempt and status in ('draft', 'open', 'expired', 'failed');
  if found then
    insert into purchase_attempts (purchase_id, attempt, origin, email, stripe_customer, expires_at)
    select p.id, p.attempt, p_origin, a.email,
      case when a.stripe_customer_live = p.livemode then a.stripe_customer end, p_expires_at
    from purchases p join accounts a on a.id = p.account_id where p.id = p_purchase;
  end if;
  return purchase_terms(p_purchase);
end
$$;
