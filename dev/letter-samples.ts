/** What the database would have stored for each kind of letter: for the previews, and for the tests of all kinds. */
import { letterKinds, writeLetter, type LetterKind } from "../lib/letters/templates.ts";

export const letterSamples = {
  verification: { token: "Zk3v9Qw1xT7cLr0pYb5mHd8nEs2uAf6g", expiresAt: "2026-11-21T14:05:00.000Z" },
  password_reset: { token: "h2Wm6Kd0sRq8VxJb4tNz9yPc3uLf7aGe", expiresAt: "2026-11-20T15:05:00.000Z" },
  lock_out: {
    at: "2026-11-20T14:05:00.000Z",
    until: "2026-11-20T14:20:00.000Z",
    network: "203.0.113.7",
  },
  sign_in_added: {
    ...{ way: "passkey", name: "My phone" },
    ...{ at: "2026-11-20T14:05:00.000Z", network: "203.0.113.7" },
  },
  password_changed: { at: "2026-11-20T14:05:00.000Z", network: "203.0.113.7" },
  receipt: {
    purchaseId: "pur_3k9f2m7q1x8c5v0b6n4z",
    usdCents: 5_000,
    baseMillis: 500_000,
    bonusMillis: 25_000,
    totalMillis: 525_000,
    repaidMillis: 12_500,
    citizen: "RialtoBanker",
    deliverTo: "venice",
    paidAt: "2026-11-20T14:05:00.000Z",
  },
  payment_failed: {
    purchaseId: "pur_3k9f2m7q1x8c5v0b6n4z",
    usdCents: 1_000,
    totalMillis: 100_000,
    reason: "Your card was declined.",
  },
  refunded: { purchaseId: "pur_3k9f2m7q1x8c5v0b6n4z", usdCents: 2_500, takenMillis: 262_500 },
  refund_failed: { purchaseId: "pur_3k9f2m7q1x8c5v0b6n4z", usdCents: 2_500 },
  delivery_late: {
    deliveryId: "dlv_8d2s6k1w9p4r7t3y5h0j",
    purchaseId: "pur_3k9f2m7q1x8c5v0b6n4z",
    millis: 512_000,
    citizen: "RialtoBanker",
    createdAt: "2026-11-20T14:05:00.000Z",
  },
  low_balance: { walletMillis: 42_500 },
  tier_change: { from: "explorer", to: "builder", at: "2026-11-20T14:05:00.000Z" },
  trial_ending: { tier: "builder", period: "month", trialEndsAt: "2026-11-23T14:05:00.000Z" },
  renewal_failed: { tier: "builder", usdCents: 9_900, graceEndsAt: "2026-11-27T14:05:00.000Z" },
  renewal_needs_action: { tier: "architect", usdCents: 49_900, graceEndsAt: "2026-11-27T14:05:00.000Z" },
  renewal_recovered: { tier: "builder", usdCents: 9_900 },
  grace_ending: { tier: "builder", graceEndsAt: "2026-11-27T14:05:00.000Z" },
  alert: {
    kind: "reserve_low",
    subject: "processor",
    message:
      "The processor citizen's free purse has 87,400 ducats, and the floor is 100,000. Fill it in Venice.",
    openedAt: "2026-11-20T14:05:00.000Z",
  },
} satisfies Record<LetterKind, unknown>;

export function letterPreviews(site: string) {
  return letterKinds.map((kind) => ({ name: kind, ...writeLetter(kind, letterSamples[kind], site) }));
}
