/** The shapes of the API's answers, as far as these pages read them. */
import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from "@simplewebauthn/browser";
import {
  boolean,
  integer,
  list,
  nullable,
  oneOf,
  optional,
  record,
  text,
  unknown,
  type Guard,
  type Guarded,
} from "./guards.ts";

export const problemShape = record({
  title: text,
  detail: text,
  code: text,
  requestId: text,
  field: optional(text),
});
export type Problem = Guarded<typeof problemShape>;

const account = record({
  id: text,
  email: text,
  emailVerified: boolean,
  citizen: text,
  citizenProved: boolean,
});
export const accountShape = record({ account });
export type Account = Guarded<typeof account>;

const pack = record({
  id: text,
  name: text,
  usdCents: integer,
  baseMillis: integer,
  bonusMillis: integer,
  totalMillis: integer,
});
export type Pack = Guarded<typeof pack>;

const rateNow = { microUsdPerDucat: integer, asOf: text };

export const rateShape = record({
  ...rateNow,
  held: nullable(text),
  holdsUntil: nullable(text),
  trend: record({ dayMicroUsd: nullable(integer), weekMicroUsd: nullable(integer) }),
  bounds: record({ minMicroUsd: integer, maxMicroUsd: integer }),
  nextStepAt: text,
  history: list(record({ at: text, microUsdPerDucat: integer })),
});
export type Rate = Guarded<typeof rateShape>;

const limitLeft = record({ limit: text, leftCents: integer, resetsAt: nullable(text) });
export type LimitLeft = Guarded<typeof limitLeft>;

export const quoteShape = record({
  quote: text,
  citizen: text,
  amountCents: integer,
  discountCents: integer,
  bonusMillis: integer,
  totalMillis: integer,
  debtMillis: integer,
  limitReached: nullable(limitLeft),
  rate: record(rateNow),
  expiresInSeconds: integer,
});
export type Quote = Guarded<typeof quoteShape>;

export const packsShape = record({
  rate: record(rateNow),
  packs: list(pack),
  custom: record({ minCents: integer, maxCents: integer }),
});
export type Packs = Guarded<typeof packsShape>;

export const checkoutShape = record({ purchaseId: text, url: text, expiresAt: text, debtMillis: integer });
export type Checkout = Guarded<typeof checkoutShape>;

const plan = { tier: nullable(text), period: nullable(oneOf("month", "year")) };
const subscription = record({
  ...plan,
  status: text,
  trialEnd: nullable(text),
  cancelAt: nullable(text),
  endedAt: nullable(text),
  paused: boolean,
  next: nullable(record({ ...plan, at: text })),
  openInvoice: nullable(record({ dueCents: integer, needsAction: boolean, pageUrl: nullable(text) })),
});
export const tierShape = record({
  tier: text,
  state: oneOf("none", "incomplete", "trialing", "active", "ending", "grace", "lapsed", "paused", "ended"),
  until: nullable(text),
  requestsPerMinute: integer,
  apiKeys: integer,
  millisPerUnit: integer,
  grantMillisPerMonth: integer,
  subscription: nullable(subscription),
  nextInvoice: nullable(record({ dueCents: integer, at: text })),
});
export type Tier = Guarded<typeof tierShape>;

export const tierStartShape = record({ url: text });
export const planPreviewShape = record({
  kind: oneOf("now", "later"),
  dueNowCents: integer,
  prorationAt: integer,
  nextCents: integer,
  at: text,
});
export type PlanPreview = Guarded<typeof planPreviewShape>;

const purchase = record({
  id: text,
  status: oneOf("open", "processing", "paid", "expired", "failed", "review"),
  pack: nullable(text),
  usdCents: integer,
  bonusMillis: integer,
  totalMillis: integer,
  repaidMillis: integer,
  deliverTo: oneOf("venice", "wallet"),
  citizen: text,
  lastDecline: nullable(text),
  openedAt: text,
  paidAt: nullable(text),
  paymentUrl: nullable(text),
  /** Of its ducats: set aside, taken back, and to be set aside but not there. */
  frozenMillis: integer,
  burnedMillis: integer,
  atRiskMillis: integer,
});
export type Purchase = Guarded<typeof purchase>;

const delivery = record({
  id: text,
  status: oneOf("pending", "planned", "active", "late", "executed", "rejected", "uncertain", "cancelled"),
  millis: integer,
  citizen: text,
  purchaseId: nullable(text),
  createdAt: text,
  activeSince: nullable(text),
  concludedAt: nullable(text),
});
export type Delivery = Guarded<typeof delivery>;

const ownDelivery = record({ delivery: nullable(delivery) });
type ListedPurchase = Purchase & Guarded<typeof ownDelivery>;
const listedPurchase: Guard<ListedPurchase> = (value): value is ListedPurchase =>
  purchase(value) && ownDelivery(value);

export const creditShape = record({
  citizen: text,
  walletMillis: integer,
  transitMillis: integer,
  frozenMillis: integer,
  heldMillis: integer,
  debtMillis: integer,
  purseMillis: nullable(integer),
  purchases: list(listedPurchase),
  deliveries: list(delivery),
});
export type Credit = Guarded<typeof creditShape>;

/** A withdrawal that was taken, and when it should be there. */
export const sentShape = record({ delivery: record({ millis: integer, citizen: text, dueAt: text }) });

const key = {
  id: text,
  name: text,
  hint: text,
  scopes: list(text),
  createdAt: text,
  expiresAt: nullable(text),
};
const listedKey = record({
  ...key,
  lastUsedAt: nullable(text),
  revokedAt: nullable(text),
  replacedBy: nullable(text),
});
export type ApiKey = Guarded<typeof listedKey>;

export const keysShape = record({ keys: list(listedKey) });
export const newKeyShape = record({ ...key, key: text });
export type MadeKey = Guarded<typeof newKeyShape>;

export const challengeShape = record({ challenge: text, message: text, expiresAt: text });
export type Challenge = Guarded<typeof challengeShape>;

/** As far as the browser could stumble over them; what they ask for is between it and the server. */
const requestOptions = record({ challenge: text });
const creationOptions = record({
  challenge: text,
  rp: record({ name: text }),
  user: record({ id: text, name: text, displayName: text }),
  pubKeyCredParams: list(record({ alg: integer })),
});
const isRequest: Guard<PublicKeyCredentialRequestOptionsJSON> = (
  value,
): value is PublicKeyCredentialRequestOptionsJSON => requestOptions(value);
const isCreation: Guard<PublicKeyCredentialCreationOptionsJSON> = (
  value,
): value is PublicKeyCredentialCreationOptionsJSON => creationOptions(value);
export const passkeyRequestShape = record({ challenge: text, options: isRequest });
export const passkeyCreationShape = record({ challenge: text, options: isCreation });

const passkey = record({
  id: text,
  name: text,
  synced: boolean,
  createdAt: text,
  lastUsedAt: nullable(text),
});
export type Passkey = Guarded<typeof passkey>;
export const passkeysShape = record({ passkeys: list(passkey) });

const session = record({
  id: text,
  current: boolean,
  method: oneOf("password", "passkey", "venice"),
  network: nullable(text),
  agent: nullable(text),
  refreshedAt: text,
});
export type Session = Guarded<typeof session>;
export const sessionsShape = record({ sessions: list(session) });

const entry = record({
  id: integer,
  at: text,
  actor: text,
  act: text,
  detail: unknown,
  network: nullable(text),
  agent: nullable(text),
});
export type Entry = Guarded<typeof entry>;
export const auditShape = record({ entries: list(entry) });

/** A step of a kind that is new to these pages is left out by them. */
const happening = record({
  kind: text,
  at: text,
  id: optional(text),
  usdCents: optional(integer),
  millis: optional(integer),
  status: optional(text),
});
export type Happening = Guarded<typeof happening>;

export const purchaseShape = record({
  purchase,
  delivery: nullable(delivery),
  timeline: list(happening),
});
