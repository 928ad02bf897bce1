/** The tiers that the pages promise are the catalogue's, and each state of a tier has its sentence. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { meters } from "../../lib/catalog/meters.ts";
import { explorer, tierPrice, tiers, type Tier as Sold } from "../../lib/catalog/tiers.ts";
import { states } from "../../lib/subscription/rules.ts";
import { printDollars, printDucats } from "../../site/src/money.ts";
import {
  actedWords,
  actsOn,
  nextWords,
  previewWords,
  tierWords,
  type Part,
} from "../../site/src/tier-words.ts";
import type { Tier } from "../../site/src/wire.ts";

const page = readFileSync(new URL("../../site/index.html", import.meta.url), "utf8");

function wordsIn(html: string): string {
  return html
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim();
}

function count(figure: number): string {
  return figure.toLocaleString("en-US");
}

function dollars(tier: Sold, interval: "month" | "year"): string {
  return printDollars(tierPrice(tier, interval)).replace(/\.00$/, "");
}

describe("the start page", () => {
  test("has a card for each tier that is sold, in the catalogue's order, with the catalogue's figures", () => {
    const cards = [...page.matchAll(/<li class="tier" data-tier="(\w+)">(.*?)<\/li>/gs)].map(
      ([, id = "", html = ""]) => ({
        id,
        words: wordsIn(html),
        buys: /name="tier"\s+value="(\w+)"/.exec(html)?.[1],
      }),
    );
    expect(cards).toEqual(
      tiers
        .filter(({ id }) => id !== "explorer")
        .map((tier) => ({
          id: tier.id,
          words: [
            tier.name,
            `${dollars(tier, "month")} a month`,
            `${dollars(tier, "year")} a year`,
            `Ducats a month ${printDucats(tier.grantMillisPerMonth)}`,
            `Ducats a unit ${printDucats(tier.millisPerUnit)}`,
            `Requests a minute ${count(tier.requestsPerMinute)}`,
            `API keys ${count(tier.apiKeys)}`,
            "Start",
          ].join(" "),
          buys: tier.id,
        })),
    );
  });

  test("says what everybody has, and what weighs how many units", () => {
    const words = wordsIn(/<p[^>]*id="tier-explorer">(.*?)<\/p>/s.exec(page)?.[1] ?? "");
    const [call, action, stratagem] = ["api_call", "ai_action", "stratagem"].map(
      (name) => meters.get(name)?.weight,
    );
    expect(meters.size).toBe(3);
    expect(words).toBe(
      `Everybody has Explorer, for nothing: ${printDucats(explorer.millisPerUnit)} ducats for a unit of usage, ` +
        `${count(explorer.requestsPerMinute)} requests a minute ` +
        `and ${count(explorer.apiKeys)} API keys. An API call is ${call} unit, an AI action ${action}, a stratagem ${stratagem}.`,
    );
  });

  test("promises for a year what the catalogue reckons", () => {
    for (const tier of tiers) expect(tierPrice(tier, "year")).toBe(tierPrice(tier, "month") * 10n);
    expect(wordsIn(page)).toContain("Twelve months for the price of ten");
  });
});

const day = "2026-12-20T10:00:00.000Z";
type Had = NonNullable<Tier["subscription"]>;

const had = (state: Tier["state"], more: Partial<Had> = {}, until: string | null = day): Tier => ({
  ...{ tier: "builder", state, until, requestsPerMinute: 600, apiKeys: 5 },
  ...{ millisPerUnit: 5, grantMillisPerMonth: 250_000, nextInvoice: null },
  subscription: {
    ...{ tier: "builder", period: "month", status: "active", trialEnd: null, cancelAt: null, endedAt: null },
    ...{ paused: false, next: null, openInvoice: null },
    ...more,
  },
});

function said(parts: readonly Part[]): string {
  return parts.map((part) => (typeof part === "string" ? part : part.day.slice(0, 10))).join("");
}

describe("the account's sentence", () => {
  test.each([
    [
      "none",
      { ...had("none", {}, null), subscription: null },
      "You have Explorer, which everybody has and which costs nothing.",
    ],
    [
      "incomplete",
      had("incomplete", {}, null),
      "The first payment for Builder is not made yet. Until it is, you have Explorer.",
    ],
    [
      "trialing",
      had("trialing", { trialEnd: day }),
      "You try Builder until 2026-12-20. After that it is paid.",
    ],
    [
      "a trial that is cancelled",
      had("trialing", { trialEnd: day, cancelAt: day }),
      "You try Builder until 2026-12-20. It is cancelled and ends then; nothing is charged.",
    ],
    ["active", had("active"), "You have Builder, paid by the month, and renewed on 2026-12-20."],
    [
      "active, and paused",
      had("active", { paused: true }),
      "You have Builder until 2026-12-20. It is paused: nothing is charged, and it rests after that.",
    ],
    [
      "ending",
      had("ending", { cancelAt: day }),
      "You have Builder until 2026-12-20. It is cancelled and ends then; nothing more is charged.",
    ],
    [
      "grace",
      had("grace"),
      "Your last invoice is not paid. You keep Builder until 2026-12-20 and lose it if it is not paid by then.",
    ],
    [
      "grace, and ended for that",
      had("grace", { endedAt: day }),
      "Builder has ended, because it was not paid. You keep it until 2026-12-20: choose a tier to go on.",
    ],
    [
      "lapsed",
      had("lapsed", {}, null),
      "Builder has lapsed: its renewal was not paid. You have Explorer until it is.",
    ],
    [
      "paused",
      had("paused", {}, null),
      "Builder is paused: nothing is charged, and you have Explorer meanwhile.",
    ],
    [
      "ended",
      had("ended", { endedAt: day }, null),
      "Builder ended on 2026-12-20. You have Explorer, which costs nothing.",
    ],
    [
      "a price that is none of ours",
      had("lapsed", { tier: null }, null),
      "A tier that is not on our list has lapsed: its renewal was not paid. You have Explorer until it is.",
    ],
  ] as const)("%s", (_name, tier, words) => {
    expect(said(tierWords(tier))).toBe(words);
  });

  test("no state is without one", () => {
    for (const state of states) expect(said(tierWords(had(state)))).toMatch(/^[A-Z].*\.$/);
  });

  test("what comes by itself", () => {
    const next = { tier: "architect", period: "year", at: day } as const;
    const tier = { ...had("active", { next }), nextInvoice: { dueCents: 9_900, at: day } };
    expect(nextWords(tier).map(said)).toEqual([
      "On 2026-12-20 it changes to Architect, paid by the year.",
      "The next invoice, $99.00, is due on 2026-12-20.",
    ]);
  });
});

describe("what is offered", () => {
  test.each([
    ["active", had("active"), ["pause", "cancel"]],
    ["cancelled", had("ending", { cancelAt: day }), ["keep"]],
    [
      "about to change",
      had("active", { next: { tier: "builder", period: "year", at: day } }),
      ["keep", "cancel"],
    ],
    ["paused", had("paused", { paused: true }), ["unpause", "cancel"]],
    ["not paid", had("grace"), ["cancel"]],
    ["not paid, and ended for that", had("grace", { endedAt: day }), []],
    ["ended", had("ended", { cancelAt: day }), []],
    ["nothing had", { ...had("none"), subscription: null }, []],
  ] as const)("%s", (_name, tier, acts) => {
    expect(actsOn(tier)).toEqual(acts);
  });

  test("what an act came to is read off the tier, not off the act", () => {
    expect(actedWords("cancel", had("ending", { cancelAt: day }))).toBe("It is cancelled.");
    expect(actedWords("cancel", had("active"))).toBe("");
    expect(actedWords("keep", had("active"))).toBe("It goes on as it is.");
    expect(actedWords("keep", had("ending", { cancelAt: day }))).toBe("");
    expect(actedWords("pause", had("active", { paused: true }))).toBe("It is paused.");
    expect(actedWords("pause", had("active"))).toBe("");
    expect(actedWords("unpause", had("active"))).toBe("It goes on.");
    expect(actedWords("unpause", had("paused", { paused: true }))).toMatch(/^It stays paused/);
  });

  test("a change says what is charged now, and what from when on", () => {
    const preview = { dueNowCents: 41_230, prorationAt: 1, nextCents: 49_900, at: day };
    const plan = { tier: "architect", period: "month" } as const;
    expect(said(previewWords(plan, { ...preview, kind: "now" }))).toBe(
      "Architect from now on: $412.30 now, then $499.00 each month.",
    );
    expect(said(previewWords(plan, { ...preview, kind: "later", dueNowCents: 0 }))).toBe(
      "Architect: $0.00 now, $499.00 each month from 2026-12-20 on. Until then all stays as it is.",
    );
  });
});
