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

-- Ducats that are promised to Venice and have not been proved to be there.
create function promised_millis() returns bigint
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$ select coalesce(sum(transit), 0)::bigint from balances where transit > 0 $$;

-- Pins the purchase and takes its room within the limits, or finds it again by the client's key: then nothing is asked of its
-- quote any more, and nothing is taken twice. p_quote, its signature checked: {id, accountId, citizen, expiresAt,
-- microUsdPerDucat, discountCents, promotionCode, firstPurchaseOnly}; without one the rate is the one of now. A pack fixes
-- p_base_millis, a custom order p_amount_cents: the other, when it is null, follows from the rate. p_limits: limits_left's.
-- Outcome: {kind: 'unauthorised' | 'key_reused' | 'quote_invalid' | 'quote_expired' | 'quote_used' | 'citizen_changed'},
-- reservation_refusal's, or {kind: 'pinned', terms, promisedMillis, debtMillis}.
create function open_purchase(
  p_at timestamptz, p_id text, p_session text, p_key text, p_request_hash bytea, p_deliver_to text, p_pack text,
  p_amount_cents bigint, p_base_millis bigint, p_bonus_millis bigint, p_quote jsonb,
  p_livemode boolean, p_origin text, p_expires_at timestamptz, p_limits jsonb default '{}'
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_account record;
  v_purchase purchases;
  v_rate bigint := coalesce((p_quote ->> 'microUsdPerDucat')::bigint, (rate_at(p_at)).micro_usd_per_ducat);
  v_amount bigint := coalesce(p_amount_cents, price_cents(p_base_millis, v_rate));
  v_first_only boolean := coalesce((p_quote ->> 'firstPurchaseOnly')::boolean, false);
  v_until timestamptz;
  v_refusal jsonb;
begin
  select a.*, b.debt into v_account from accounts a join balances b on b.account_id = a.id where a.id = session_account(p_at, p_session);
  if not found then
    return jsonb_build_object('kind', 'unauthorised');
  end if;
  select * into v_purchase from purchases where account_id = v_account.id and idempotency_key = p_key;
  if not found then
    if p_quote is not null then
      if p_quote ->> 'accountId' is distinct from v_account.id or p_quote ->> 'id' is null then
        return jsonb_build_object('kind', 'quote_invalid');
      elsif coalesce((p_quote ->> 'expiresAt')::timestamptz, '-infinity') <= p_at then
        return jsonb_build_object('kind', 'quote_expired');
      elsif p_quote ->> 'citizen' is distinct from v_account.citizen then
        return jsonb_build_object('kind', 'citizen_changed');
      end if;
    end if;
    v_refusal := reservation_refusal(p_at, v_account.id, v_account.citizen, p_livemode, v_amount, v_first_only, p_limits, null);
    -- Who waited for the locks may find the order pinned by now: by another request with the same key, or from this quote.
    select * into v_purchase from purchases where account_id = v_account.id and idempotency_key = p_key;
    if not found then
      if exists (select from purchases where quote_id = p_quote ->> 'id') then
        return jsonb_build_object('kind', 'quote_used');
      elsif v_refusal is not null then
        return v_refusal;
      end if;
      insert into purchases (id, account_id, citizen, deliver_to, idempotency_key, request_hash, pack, amount_cents,
        discount_cents, promotion_code, first_purchase_only, livemode, base_millis, bonus_millis, micro_usd_per_ducat,
        quote_id, status, attempt, opened_at, reserved_at, reserved_until, limits)
      values (p_id, v_account.id, v_account.citizen, p_deliver_to, p_key, p_request_hash, p_pack, v_amount,
        coalesce((p_quote ->> 'discountCents')::bigint, 0), p_quote ->> 'promotionCode', v_first_only, p_livemode,
        coalesce(p_base_millis, bought_millis(p_amount_cents, v_rate)), p_bonus_millis, v_rate,
        p_quote ->> 'id', 'draft', 1, p_at, p_at, p_expires_at + reservation_margin(), p_limits)
      returning * into v_purchase;
      insert into purchase_attempts (purchase_id, attempt, origin, email, stripe_customer, expires_at)
      values (p_id, 1, p_origin, v_account.email,
        case when v_account.stripe_customer_live = p_livemode then v_account.stripe_customer end, p_expires_at);
    end if;
  end if;
  if v_purchase.request_hash <> p_request_hash then
    return jsonb_build_object('kind', 'key_reused');
  end if;
  if v_purchase.status = 'draft' and v_purchase.reserved_until <= p_at then
    -- A request of this order was refused, and its room given back. Its page may still be asked for: the room first.
    select * into strict v_purchase from purchases where id = v_purchase.id for update;
    select expires_at + reservation_margin() into strict v_until from purchase_attempts
    where purchase_id = v_purchase.id and attempt = v_purchase.attempt;
    if v_purchase.status = 'draft' and v_purchase.reserved_until <= p_at and v_until > p_at then
      v_refusal := reservation_refusal(p_at, v_purchase.account_id, v_purchase.citizen, v_purchase.livemode,
        v_purchase.amount_cents, v_purchase.first_purchase_only, p_limits, v_purchase.id);
      if v_refusal is not null then
        return v_refusal;
      end if;
      update purchases set reserved_at = p_at, reserved_until = v_until, limits = p_limits where id = v_purchase.id;
    end if;
  end if;
  return jsonb_build_object('kind', 'pinned', 'terms', purchase_terms(v_purchase.id),
    'promisedMillis', promised_millis(), 'debtMillis', -v_account.debt);
end
$$;

-- Begins the next attempt when `p_attempt` is still the current one and the purchase can still be paid, and takes its room
-- within the limits anew. The caller has made sure the old session cannot be paid any more. Outcome: {kind: 'renewed', terms},
-- as they are now, by whoever changed them; {kind: 'price_expired'}: that attempt would be at a rate that is over, and an order
-- that was left keeps no old price; or reservation_refusal's.
create function renew_attempt(
  p_at timestamptz, p_purchase text, p_attempt int, p_origin text, p_expires_at timestamptz, p_limits jsonb default '{}',
  p_gone text default null
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_purchase purchases;
  v_refusal jsonb;
begin
  select * into strict v_purchase from purchases where id = p_purchase for update;
  if v_purchase.attempt = p_attempt and v_purchase.status in ('draft', 'open', 'expired', 'failed') then
    if not rate_was_in_force(v_purchase.micro_usd_per_ducat, p_at - interval '20 minutes', p_at) then
      return jsonb_build_object('kind', 'price_expired');
    end if;
    v_refusal := reservation_refusal(p_at, v_purchase.account_id, v_purchase.citizen, v_purchase.livemode,
      v_purchase.amount_cents, v_purchase.first_purchase_only, p_limits, p_purchase);
    if v_refusal is not null then
      -- Its old page is over.
      update purchases set reserved_until = least(reserved_until, p_at) where id = p_purchase;
      return v_refusal;
    end if;
    update purchases set attempt = attempt + 1, status = 'draft', reserved_at = p_at,
      reserved_until = p_expires_at + reservation_margin(), limits = p_limits
    where id = p_purchase;
    update accounts set stripe_customer = null, stripe_customer_live = null
    where id = v_purchase.account_id and stripe_customer = p_gone;
    insert into purchase_attempts (purchase_id, attempt, origin, email, stripe_customer, expires_at)
    select p_purchase, p_attempt + 1, p_origin, a.email,
      case when a.stripe_customer_live = v_purchase.livemode then a.stripe_customer end, p_expires_at
    from accounts a where a.id = v_purchase.account_id;
  end if;
  return jsonb_build_object('kind', 'renewed', 'terms', purchase_terms(p_purchase));
end
$$;

grant execute on function open_purchase, renew_attempt to cascade_app;
