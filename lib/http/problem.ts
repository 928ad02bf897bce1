/** Refusals as problem details (RFC 9457): one table of codes, each with its status and what to do next. */

/** Every `code` a client may see. `detail` says what to do next; a reply may replace it by something more precise. */
export const problems = {
  invalid_json: { status: 400, title: "The body is not valid JSON", detail: "Send a JSON object." },
  idempotency_key_required: {
    status: 400,
    title: "An Idempotency-Key is needed",
    detail:
      "Send the header Idempotency-Key with a value of your own, the same for each retry of this order.",
  },
  invalid_signature: {
    status: 400,
    title: "The signature doesn't hold",
    detail: "Sign the raw body with this endpoint's secret, not more than five minutes ago.",
  },
  unauthenticated: {
    status: 401,
    title: "Not signed in",
    detail: "Sign in, or send a valid API key as a bearer token.",
  },
  invalid_credentials: {
    status: 401,
    title: "E-mail and password don't match",
    detail: "Check both and try again.",
  },
  invalid_proof: {
    status: 401,
    title: "This doesn't prove who you are",
    detail:
      "The signature is not right, or its challenge was used or is over. Ask for a new one and sign that.",
  },
  email_not_verified: {
    status: 403,
    title: "Your e-mail is not verified yet",
    detail: "Open the link in the mail we sent you, or have it sent again from your account page.",
  },
  wrong_password: {
    status: 403,
    title: "That is not your current password",
    detail: "Check it and try again; if you have forgotten it, have a link mailed to you.",
  },
  insufficient_scope: {
    status: 403,
    title: "This API key may not do that",
    detail: "Use a key whose scopes include this call.",
  },
  foreign_origin: {
    status: 403,
    title: "This request comes from another site",
    detail: "Send it from this site's own pages, or from a program without an Origin header.",
  },
  not_found: { status: 404, title: "Not found", detail: "Check the address." },
  method_not_allowed: {
    status: 405,
    title: "Method not allowed",
    detail: "Use a method of the Allow header.",
  },
  card_declined: {
    status: 402,
    title: "Your card was declined",
    detail: "Nothing was changed. Put another card in, or ask your bank, and try again.",
  },
  email_taken: { status: 409, title: "This e-mail has an account", detail: "Sign in instead." },
  idempotency_key_reused: {
    status: 409,
    title: "This Idempotency-Key belongs to another order",
    detail: "Use a new key for a new order.",
  },
  already_paid: {
    status: 409,
    title: "This purchase was paid",
    detail: "See its status; use a new Idempotency-Key to buy again.",
  },
  payment_processing: {
    status: 409,
    title: "This purchase's payment is on its way",
    detail: "Your bank is working on it. See its status; use a new Idempotency-Key to buy something else.",
  },
  payment_in_review: {
    status: 409,
    title: "A person is looking at this purchase's payment",
    detail:
      "Money came that doesn't match the order. See its status; use a new Idempotency-Key to buy something else.",
  },
  already_subscribed: {
    status: 409,
    title: "You have a tier already",
    detail: "Change it: preview another one, and then have it changed.",
  },
  subscription_processing: {
    status: 409,
    title: "Your payment was made",
    detail: "Your tier is on its way. See it in a moment, and change it then.",
  },
  start_superseded: {
    status: 409,
    title: "You have chosen another tier meanwhile",
    detail: "Nothing was charged here. Go on with the payment page in your other tab, or choose again.",
  },
  no_subscription: {
    status: 409,
    title: "You have no subscription",
    detail: "Start one first.",
  },
  same_plan: {
    status: 409,
    title: "This is what you have",
    detail: "Choose another tier or period. What is scheduled instead of it can be undone: keep.",
  },
  preview_expired: {
    status: 409,
    title: "This preview is over",
    detail: "Nothing was charged. Take a new preview, and send its figures with a new Idempotency-Key.",
  },
  amount_changed: {
    status: 409,
    title: "The change costs another amount by now",
    detail: "Nothing was charged. Take a new preview, and send its figures with a new Idempotency-Key.",
  },
  change_not_possible: {
    status: 409,
    title: "Your tier cannot be changed just now",
    detail: "See your subscription for what comes first.",
  },
  change_refused: {
    status: 409,
    title: "The change was refused",
    detail: "Nothing was changed. See your subscription as it is now, and try again.",
  },
  change_under_way: {
    status: 409,
    title: "Another change of your subscription is under way",
    detail: "Wait a moment, see what it has become, and try again.",
  },
  no_customer: {
    status: 409,
    title: "You have bought nothing yet",
    detail: "There are no cards and invoices before a first purchase or a tier.",
  },
  card_needed: {
    status: 409,
    title: "Your tier is paid by this card",
    detail: "Put another card in first, and make it the one that is charged; or cancel your tier.",
  },
  passkey_taken: {
    status: 409,
    title: "This passkey is in use already",
    detail: "Sign in with it, or make another one.",
  },
  passkey_limit_reached: {
    status: 409,
    title: "You have as many passkeys as an account can have",
    detail: "Remove one that you no longer use.",
  },
  no_wallet: {
    status: 409,
    title: "Venice knows no wallet of your citizen",
    detail: "Connect a wallet to your citizen in Venice first, then prove him here.",
  },
  citizen_taken: {
    status: 409,
    title: "Another account has proved this citizen",
    detail: "Sign in there and unlink him, or go on without proof: ducats are delivered all the same.",
  },
  citizen_changed: {
    status: 409,
    title: "Your account has another citizen by now",
    detail: "Ask for a new message and sign that.",
  },
  payment_disputed: {
    status: 409,
    title: "A payment of yours is disputed",
    detail: "Ducats can leave your wallet again when your bank has decided.",
  },
  not_refundable: {
    status: 409,
    title: "Nothing to refund",
    detail: "This was not paid, or all of it has gone back or is on its way back.",
  },
  refund_refused: {
    status: 409,
    title: "Stripe refused the refund",
    detail: "Its ducats were given back. See the payment in Stripe for the reason.",
  },
  last_admin: {
    status: 409,
    title: "This is the last admin",
    detail: "Make somebody else an admin first.",
  },
  insufficient_ducats: {
    status: 409,
    title: "Your wallet has too few ducats",
    detail: "Withdraw less, or buy more first.",
  },
  not_possible: {
    status: 409,
    title: "This delivery cannot be treated so now",
    detail:
      "See its state: an uncertain one is returned or counts as arrived; a parked one is sent again, or returned where it has no row in Venice.",
  },
  letter_queued: {
    status: 409,
    title: "This letter is on its way",
    detail: "Wait until it was sent; then it can be sent again.",
  },
  key_limit_reached: {
    status: 409,
    title: "Your tier's number of API keys is reached",
    detail: "Revoke a key that you no longer use.",
  },
  key_ended: {
    status: 409,
    title: "This API key has ended",
    detail: "It was revoked, rerolled or has expired. Make a new one.",
  },
  quote_expired: {
    status: 409,
    title: "This quote is over",
    detail: "Nothing was charged. Take a new quote: it is at the rate of now.",
  },
  quote_used: {
    status: 409,
    title: "This quote was used for another purchase",
    detail: "Take a new quote to buy again; retry an order with its own Idempotency-Key.",
  },
  price_expired: {
    status: 409,
    title: "The price of this order is over",
    detail:
      "Its payment page has ended and the rate has moved since. Order again with a new Idempotency-Key.",
  },
  price_mismatch: {
    status: 409,
    title: "This order cannot be charged as it was priced",
    detail: "Nothing was charged, and we were told. Try again later, or order another amount.",
  },
  limit_reached: {
    status: 409,
    title: "This is more than may be bought now",
    detail: "Choose less, or wait until there is room again.",
  },
  promotion_expired: {
    status: 409,
    title: "This promotion code is over",
    detail: "Go on without it, or give another one.",
  },
  promotion_used_up: {
    status: 409,
    title: "This promotion code was used as often as it can be",
    detail: "Go on without it, or give another one.",
  },
  promotion_first_purchase_only: {
    status: 409,
    title: "This promotion code is for a first purchase",
    detail:
      "You have bought before, or have a payment page open at a first purchase's price: pay that one, or go on without the code.",
  },
  promotion_below_minimum: {
    status: 409,
    title: "This order is too small for the promotion code",
    detail: "Choose more, or go on without it.",
  },
  promotion_not_usable: {
    status: 409,
    title: "This promotion code is not for this order",
    detail: "Go on without it, or give another one.",
  },
  promotion_leaves_too_little: {
    status: 409,
    title: "This promotion code leaves too little to pay",
    detail: "Choose more, or go on without it.",
  },
  reserve_too_low: {
    status: 409,
    title: "Venice cannot be paid this much right now",
    detail:
      "Choose a smaller pack, or have the ducats delivered to your wallet here: set deliverTo to wallet.",
  },
  body_too_large: { status: 413, title: "The body is too large", detail: "Send less at once." },
  unsupported_media_type: {
    status: 415,
    title: "This kind of body is not accepted",
    detail: "Send application/json without content-encoding.",
  },
  invalid_link: {
    status: 422,
    title: "This link doesn't work",
    detail: "It was used, is over, or is not complete. Ask for a new one.",
  },
  quote_invalid: {
    status: 422,
    title: "This is no quote for you",
    detail: "It was changed on the way, or was given to another account. Take a new one.",
  },
  promotion_unknown: {
    status: 422,
    title: "There is no such promotion code",
    detail: "Check it, or go on without it.",
  },
  invalid_field: { status: 422, title: "A field is not valid", detail: "Correct the field and send again." },
  unknown_citizen: {
    status: 422,
    title: "Venice doesn't know this citizen",
    detail: "Give the exact username of a citizen of Venice; capital letters count.",
  },
  rate_limited: { status: 429, title: "Too many requests", detail: "Wait for the seconds of Retry-After." },
  internal: {
    status: 500,
    title: "Something went wrong on our side",
    detail: "Try again; give us the request id if it stays.",
  },
  not_configured: {
    status: 500,
    title: "This site is not set up",
    detail: "The operator finds the missing variables in the function's log.",
  },
  event_not_applied: {
    status: 500,
    title: "The event is stored and was not applied",
    detail: "Send it again later.",
  },
  limiter_unavailable: {
    status: 503,
    title: "We cannot count requests right now",
    detail: "Nothing was done or charged. Try again in a few seconds.",
  },
  database_unavailable: {
    status: 503,
    title: "Our books cannot be reached right now",
    detail: "Try again in a few seconds, with the same ids: what was done is not done twice.",
  },
  payments_unavailable: {
    status: 503,
    title: "Our payment provider cannot be reached right now",
    detail: "Nothing was charged. Try again with the same Idempotency-Key.",
  },
  change_unclear: {
    status: 503,
    title: "Our payment provider's answer was lost",
    detail:
      "The change may have been made and charged. Ask again with the same Idempotency-Key: that tells, and nothing is charged twice.",
  },
  venice_unavailable: {
    status: 503,
    title: "Venice cannot be reached right now",
    detail: "Nothing was charged. Try again in a minute.",
  },
} as const satisfies Record<string, { status: number; title: string; detail: string }>;

export type ProblemCode = keyof typeof problems;

export type Problem<Code extends ProblemCode = ProblemCode> = {
  readonly problem: Code;
  /** What to do next, when more can be said than the table does. Public. */
  readonly detail?: string;
  /** The body's or query's field at fault, as a path: `events.3.units`. */
  readonly field?: string;
  /** Members of the answer beside those that every refusal has. Public. */
  readonly more?: Readonly<Record<string, string | number | null>>;
  readonly headers?: Readonly<Record<string, string>>;
};

export function problem<Code extends ProblemCode>(
  code: Code,
  more: Omit<Problem, "problem"> = {},
): Problem<Code> {
  return { problem: code, ...more };
}

/** The wire form. `type` is a stable URI reference that names the code. */
export function problemBody({ problem: code, detail, field, more }: Problem, requestId: string) {
  const known = problems[code];
  return {
    ...more,
    type: `/problems/${code}`,
    title: known.title,
    status: known.status,
    detail: detail ?? known.detail,
    code,
    requestId,
    ...(field === undefined ? {} : { field }),
  };
}
