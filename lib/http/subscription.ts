/** A tier as it is answered, and what a start or a change of it is refused with. */
import type { ActOutcome, Asked } from "../subscription/change.ts";
import type { Hindrance, PreviewOutcome } from "../subscription/preview.ts";
import type { Shown } from "../subscription/show.ts";
import type { StartOutcome } from "../subscription/start.ts";
import { problem } from "./problem.ts";

export function subscriptionBody({ subscription, allowed, openInvoicePage, ...shown }: Shown) {
  const { tier, state, until, month, trialDays, nextInvoice } = shown;
  const { requestsPerMinute, apiKeys, millisPerUnit, grantMillisPerMonth } = allowed;
  return {
    ...{ tier, state, until, month, trialDays, nextInvoice },
    ...{ requestsPerMinute, apiKeys, millisPerUnit, grantMillisPerMonth },
    subscription: subscription && partOf(subscription, openInvoicePage),
  };
}

function partOf(subscription: NonNullable<Shown["subscription"]>, pageUrl: string | null) {
  const { status, tier, period, periodStart, periodEnd, trialEnd, cancelAt, endedAt } = subscription;
  const { paused, next, openInvoice } = subscription;
  return {
    ...{ status, tier, period, periodStart, periodEnd, trialEnd, cancelAt, endedAt, paused, next },
    openInvoice: openInvoice && { ...openInvoice, pageUrl },
  };
}

export function startProblem(kind: Exclude<StartOutcome["kind"], "opened">) {
  switch (kind) {
    case "already_subscribed":
      return problem("already_subscribed");
    case "processing":
      return problem("subscription_processing");
    case "superseded":
      return problem("start_superseded");
    case "unauthorised":
      return problem("unauthenticated");
  }
}

const first: Readonly<Record<Hindrance, string>> = {
  unpaid: "An invoice is open: pay it first, or cancel the tier.",
  paused: "It is paused: unpause it first.",
  ending: "It is cancelled: keep it first.",
};

export function previewProblem(outcome: Exclude<PreviewOutcome, { kind: "previewed" }>) {
  switch (outcome.kind) {
    case "same":
      return problem("same_plan");
    case "hindered":
      return problem("change_not_possible", { detail: first[outcome.by] });
    case "no_subscription":
      return problem("no_subscription");
    case "unauthorised":
      return problem("unauthenticated");
  }
}

export function changeProblem(outcome: Exclude<ActOutcome, { kind: "done" }>) {
  switch (outcome.kind) {
    case "same":
      return problem("same_plan");
    case "unpaid":
    case "paused":
    case "ending":
      return problem("change_not_possible", { detail: first[outcome.kind] });
    case "preview_expired":
    case "amount_changed":
    case "no_subscription":
      return problem(outcome.kind);
    case "declined":
      return problem("card_declined", { detail: `${outcome.reason} Nothing was changed.` });
    case "refused":
      return problem("change_refused");
    case "unclear":
      return problem("change_unclear", { headers: { "retry-after": "5" } });
    case "under_way":
      return problem("change_under_way");
    case "key_reused":
      return problem("idempotency_key_reused");
    case "unauthorised":
      return problem("unauthenticated");
  }
}

type Change = Extract<Asked, { kind: "change" }>;
type Body =
  | ({ readonly action: "change" } & Omit<Change, "kind">)
  | { readonly action: Exclude<Asked["kind"], "change"> };

export function askedBy(body: Body): Asked {
  if (body.action !== "change") return { kind: body.action };
  const { tier, period, prorationAt, dueNowCents } = body;
  return { kind: body.action, tier, period, prorationAt, dueNowCents };
}
