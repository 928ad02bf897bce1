/** Letters about the tier of an account: its trial, its renewals, and what becomes of it when one is not paid. */
import * as z from "zod";
import { explorer, intervals, tierPrice, tiers, type Tier } from "../../catalog/tiers.ts";
import { centsColumn, timeColumn } from "../../db/columns.ts";
import { ducats, printCents } from "../../money.ts";
import { action, facts, text, type Block } from "../letter.ts";
import { printTime, template } from "../template.ts";

const tier = z.string().transform((id, context) => {
  const found = tiers.find((each) => each.id === id);
  if (found) return found;
  context.addIssue({ code: "custom", message: "is no tier" });
  return z.NEVER;
});
/** Null: of a price that is none of ours. */
const boughtTier = tier.nullable();

function nameOf(bought: Tier | null): string {
  return bought?.name ?? "your tier";
}

function atTheBeginning(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Where a payment is confirmed, the tier ended. */
function toAccount(label: string, site: string): Block {
  return action(label, `${site}/account/`);
}

/** By way of signing in, to Stripe's page where a card is changed and an invoice paid. */
function toCards(label: string, site: string): Block {
  return action(label, `${site}/account/#cards`);
}

function count(figure: number): string {
  return figure.toLocaleString("en-US");
}

export const tierChange = template(
  z.object({ from: tier, to: tier, at: timeColumn }),
  ({ from, to, at }, site) => ({
    subject: `Your account is now ${to.name}`,
    blocks: [
      text(`Your account has moved from ${from.name} to ${to.name}.`),
      facts({
        Since: printTime(at),
        "A unit of usage": ducats(to.millisPerUnit),
        "Each paid month grants": to.grantMillisPerMonth > 0n ? ducats(to.grantMillisPerMonth) : null,
        Requests: `up to ${count(to.requestsPerMinute)} a minute`,
        "API keys": `up to ${to.apiKeys}`,
      }),
      toAccount("See your account", site),
    ],
  }),
);

export const trialEnding = template(
  z.object({ tier: boughtTier, period: z.enum(intervals).nullable(), trialEndsAt: timeColumn }),
  ({ tier: bought, period, trialEndsAt }, site) => ({
    subject: `Your trial of ${nameOf(bought)} ends soon`,
    blocks: [
      text(
        `Your trial of ${nameOf(bought)} ends on ${printTime(trialEndsAt)}. It then goes on as a paid one.`,
      ),
      facts({
        Tier: bought && bought.name,
        "From then on": bought && period && `${printCents(tierPrice(bought, period))} a ${period}`,
      }),
      text(
        "If you want to go on, there is nothing you need to do but have a card in your account. If you don’t, end it " +
          "there before then, and nothing is charged.",
      ),
      toAccount("See your account", site),
    ],
  }),
);

const unpaid = z.object({ tier: boughtTier, usdCents: centsColumn, graceEndsAt: timeColumn });

export const renewalFailed = template(unpaid, (data, site) => ({
  subject: `The payment for ${nameOf(data.tier)} did not go through`,
  blocks: [
    text(`Your bank has declined ${printCents(data.usdCents)} for ${nameOf(data.tier)}.`),
    ...stillOwed(data),
    text("Put in another card, and what is open is charged to it at once:"),
    toCards("Change your card", site),
  ],
}));

export const renewalNeedsAction = template(unpaid, (data, site) => ({
  subject: `Your bank asks you to confirm a payment of ${printCents(data.usdCents)}`,
  blocks: [
    text(
      `${printCents(data.usdCents)} for ${nameOf(data.tier)} are not paid yet. Your card was not declined: your bank wants ` +
        "to hear from you that it is you who pays.",
    ),
    ...stillOwed(data),
    text("Open the invoice from your account and confirm it with your bank, or pay it with another card:"),
    toAccount("Confirm the payment", site),
  ],
}));

/** Until when it stays as it is, and what comes then. */
function stillOwed({ tier: bought, usdCents, graceEndsAt }: z.output<typeof unpaid>): Block[] {
  return [
    facts({
      Tier: bought && bought.name,
      Open: printCents(usdCents),
      "Yours until": printTime(graceEndsAt),
    }),
    text(
      `Until then nothing changes for your programs. After that your account has the limits of ${explorer.name} until it is paid.`,
    ),
  ];
}

export const graceEnding = template(
  z.object({ tier: boughtTier, graceEndsAt: timeColumn }),
  ({ tier: bought, graceEndsAt }, site) => ({
    subject: `${atTheBeginning(nameOf(bought))} ends soon, because it is not paid`,
    blocks: [
      text(
        `A payment for ${nameOf(bought)} is still open. On ${printTime(graceEndsAt)} your account falls back to the limits ` +
          `of ${explorer.name}. What is in your wallet stays yours.`,
      ),
      text(
        "Put in another card, which is charged at once, or pay the invoice there, and it goes on as it is:",
      ),
      toCards("Pay what is open", site),
    ],
  }),
);

export const renewalRecovered = template(
  z.object({ tier: boughtTier, usdCents: centsColumn }),
  ({ tier: bought, usdCents }, site) => ({
    subject: `Paid after all: ${printCents(usdCents)} for ${nameOf(bought)}`,
    blocks: [
      text(
        "Thank you, the payment that was open has gone through. There is nothing more you need to do about it.",
      ),
      facts({ Paid: printCents(usdCents), Tier: bought && bought.name }),
      toAccount("See your account", site),
    ],
  }),
);
