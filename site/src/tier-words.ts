/** What a customer reads of his tier: what he has, until when, and what another one comes to. Pure. */
import type { Plan, TierAct } from "./api.ts";
import { printDollars } from "./money.ts";
import type { PlanPreview, Tier } from "./wire.ts";

/** Words, and days that are written in the visitor's own way. */
export type Part = string | { readonly day: string };

export function tierName(id: string | null): string {
  return id === null ? "a tier that is not on our list" : id.charAt(0).toUpperCase() + id.slice(1);
}

export function tierWords({ state, until, subscription }: Tier): readonly Part[] {
  const name = tierName(subscription?.tier ?? null);
  const first = name.charAt(0).toUpperCase() + name.slice(1);
  switch (state) {
    case "none":
      return ["You have Explorer, which everybody has and which costs nothing."];
    case "incomplete":
      return [`The first payment for ${name} is not made yet. Until it is, you have Explorer.`];
    case "trialing":
      return subscription?.cancelAt
        ? [`You try ${name}`, ...untilDay(until), ". It is cancelled and ends then; nothing is charged."]
        : [`You try ${name}`, ...untilDay(subscription?.trialEnd ?? until), ". After that it is paid."];
    case "active":
      return subscription?.paused
        ? [
            `You have ${name}`,
            ...untilDay(until),
            ". It is paused: nothing is charged, and it rests after that.",
          ]
        : [`You have ${name}, paid by the ${subscription?.period ?? "period"}`, ...renewed(until), "."];
    case "ending":
      return [
        `You have ${name}`,
        ...untilDay(until),
        ". It is cancelled and ends then; nothing more is charged.",
      ];
    case "grace":
      if (subscription?.endedAt)
        return [
          `${first} has ended, because it was not paid. You keep it`,
          ...untilDay(until),
          ": choose a tier to go on.",
        ];
      return [
        "Your last invoice is not paid. ",
        `You keep ${name}`,
        ...untilDay(until),
        " and lose it if it is not paid by then.",
      ];
    case "lapsed":
      return [`${first} has lapsed: its renewal was not paid. You have Explorer until it is.`];
    case "paused":
      return [`${first} is paused: nothing is charged, and you have Explorer meanwhile.`];
    case "ended": {
      const day = subscription?.endedAt ?? subscription?.cancelAt ?? null;
      return [
        `${first} ended`,
        ...(day === null ? [] : [" on ", { day }]),
        ". You have Explorer, which costs nothing.",
      ];
    }
  }
}

/** What is going to happen by itself. */
export function nextWords({ subscription, nextInvoice }: Tier): readonly (readonly Part[])[] {
  const next = subscription?.next;
  return [
    ...(next ? [["On ", { day: next.at }, ` it changes to ${tierName(next.tier)}${by(next.period)}.`]] : []),
    ...(nextInvoice
      ? [
          [
            "The next invoice, ",
            printDollars(BigInt(nextInvoice.dueCents)),
            ", is due on ",
            { day: nextInvoice.at },
            ".",
          ],
        ]
      : []),
  ];
}

/** What can be done about it, besides changing it. */
export function actsOn({ state, subscription }: Tier): readonly TierAct[] {
  if (
    subscription === null ||
    subscription.endedAt !== null ||
    ["none", "incomplete", "ended"].includes(state)
  )
    return [];
  const isCancelled = subscription.cancelAt !== null;
  return [
    ...(subscription.paused ? (["unpause"] as const) : []),
    ...(state === "active" && !subscription.paused && subscription.next === null ? (["pause"] as const) : []),
    ...(isCancelled || subscription.next !== null ? (["keep"] as const) : []),
    ...(isCancelled ? [] : (["cancel"] as const)),
  ];
}

/** What an act came to, by the tier as it is after it: a card that declines leaves a pause as it was. */
export function actedWords(act: TierAct, { subscription }: Tier): string {
  const isCancelled = subscription !== null && (subscription.cancelAt ?? subscription.endedAt) !== null;
  switch (act) {
    case "cancel":
      return isCancelled ? "It is cancelled." : "";
    case "keep":
      return isCancelled ? "" : "It goes on as it is.";
    case "pause":
      return subscription?.paused ? "It is paused." : "";
    case "unpause":
      return subscription?.paused
        ? "It stays paused: the payment was not made. See your cards and invoices."
        : "It goes on.";
  }
}

export function previewWords(plan: Plan, { kind, dueNowCents, nextCents, at }: PlanPreview): readonly Part[] {
  const then = `${printDollars(BigInt(nextCents))} each ${plan.period}`;
  return kind === "now"
    ? [`${tierName(plan.tier)} from now on: ${printDollars(BigInt(dueNowCents))} now, then ${then}.`]
    : [
        `${tierName(plan.tier)}: ${printDollars(BigInt(dueNowCents))} now, ${then} from `,
        { day: at },
        " on. Until then all stays as it is.",
      ];
}

function untilDay(day: string | null): readonly Part[] {
  return day === null ? [] : [" until ", { day }];
}

function renewed(day: string | null): readonly Part[] {
  return day === null ? [] : [", and renewed on ", { day }];
}

function by(period: string | null): string {
  return period === null ? "" : `, paid by the ${period}`;
}
