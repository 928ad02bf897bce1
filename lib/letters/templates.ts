/** Every kind of letter, and how one is written from its stored data. */
import { renderLetter, type Rendered } from "./letter.ts";
import type { Template } from "./template.ts";
import { lockOut, passwordChanged, passwordReset, signInAdded, verification } from "./templates/account.ts";
import { alert } from "./templates/operator.ts";
import {
  graceEnding,
  renewalFailed,
  renewalNeedsAction,
  renewalRecovered,
  tierChange,
  trialEnding,
} from "./templates/subscription.ts";
import {
  deliveryLate,
  lowBalance,
  paymentFailed,
  receipt,
  refunded,
  refundFailed,
} from "./templates/trade.ts";

export const letterKinds = [
  "verification",
  "password_reset",
  "lock_out",
  "password_changed",
  "sign_in_added",
  "receipt",
  "payment_failed",
  "refunded",
  "refund_failed",
  "delivery_late",
  "low_balance",
  "tier_change",
  "trial_ending",
  "renewal_failed",
  "renewal_needs_action",
  "renewal_recovered",
  "grace_ending",
  "alert",
] as const;

export type LetterKind = (typeof letterKinds)[number];

const templates: Readonly<Record<LetterKind, Template>> = {
  verification,
  password_reset: passwordReset,
  lock_out: lockOut,
  password_changed: passwordChanged,
  sign_in_added: signInAdded,
  receipt,
  payment_failed: paymentFailed,
  refunded,
  refund_failed: refundFailed,
  delivery_late: deliveryLate,
  low_balance: lowBalance,
  tier_change: tierChange,
  trial_ending: trialEnding,
  renewal_failed: renewalFailed,
  renewal_needs_action: renewalNeedsAction,
  renewal_recovered: renewalRecovered,
  grace_ending: graceEnding,
  alert,
};

/**
 * @param data as the database wrote it.
 * @param site its address, without a trailing slash.
 * @throws ZodError for data that is none of the kind's: a mistake of ours.
 */
export function writeLetter(kind: LetterKind, data: unknown, site: string): Rendered {
  return renderLetter(templates[kind](data, site), site);
}
