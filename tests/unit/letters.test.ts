/** Letters: both forms say the same, others' words stay words, and what is claimed is true. */
import { describe, expect, test } from "vitest";
import { letterSamples } from "../../dev/letter-samples.ts";
import { letterKinds, writeLetter, type LetterKind } from "../../lib/letters/templates.ts";

const site = "https://cascade.example";

function write(kind: LetterKind, changes: Readonly<Record<string, unknown>> = {}) {
  return writeLetter(kind, { ...letterSamples[kind], ...changes }, site);
}

/** What a reader sees of the HTML. */
function shownBy(html: string): string {
  return html
    .replace(/<(head)>[^]*<\/\1>/, "")
    .replace(/<[^>]+>/g, " ")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&")
    .replace(/\s+/g, " ");
}

const links = (text: string) => new Set(text.match(/https?:\/\/[^\s"<]+/g));

describe.each(letterKinds)("%s", (kind) => {
  const { subject, text, html } = write(kind);

  test("both forms say the same, and lead to the same places", () => {
    const shown = shownBy(html);
    for (const line of text.split("\n").filter((each) => each !== "-- ")) {
      for (const part of line.split(/:? {2,}|:$/)) expect(shown).toContain(part.trim());
    }
    expect(links(html)).toEqual(links(text));
    expect(links(text)).toContain(site);
    expect(shown).toContain(subject);
  });

  test("plain text is at most 78 columns wide, links aside", () => {
    const wide = text.split("\n").filter((line) => line.length > 78 && !line.startsWith("https://"));
    expect(wide).toEqual([]);
  });

  test("HTML is in English, for both schemes, without a table or a script", () => {
    expect(html).toContain('<html lang="en">');
    expect(html).toContain('<meta name="color-scheme" content="light dark">');
    expect(html).toContain("prefers-color-scheme:dark");
    expect(html).not.toMatch(/<table|<script|<img|undefined|NaN|\[object/);
  });

  test("is no letter without its data", () => {
    expect(() => writeLetter(kind, {}, site)).toThrow();
  });
});

test.each(["verification", "password_reset"] as const)("%s: no server hears of the token", (kind) => {
  const { text } = write(kind);
  const url = new URL([...links(text)].find((each) => each.includes("#")) ?? "");
  expect(url.hash).toBe(`#${letterSamples[kind].token}`);
  expect(url.search).toBe("");
  expect(() => write(kind, { token: "a b" })).toThrow();
});

const hostile = "Marco\r\nBcc: x@y.test\u0000 <script>alert(\"1\")</script> & 'co'";

test.each([
  ["receipt", { citizen: hostile }],
  ["receipt", { purchaseId: hostile }],
  ["delivery_late", { citizen: hostile, deliveryId: hostile }],
  ["payment_failed", { reason: hostile }],
  ["password_changed", { network: hostile }],
  ["sign_in_added", { name: hostile }],
  ["alert", { subject: hostile, message: hostile }],
] as const)("%s: others' words stay words (%o)", (kind, changes) => {
  const { subject, text, html } = write(kind, changes);
  expect(subject).not.toMatch(/[\r\n\p{Cc}]/u);
  expect(html).not.toContain("<script>");
  expect(html).toContain("&lt;script&gt;");
  expect(shownBy(html)).toContain("& 'co'");
  expect(text).not.toMatch(/^Bcc:/m);
});

describe("the receipt", () => {
  const text = (changes: Readonly<Record<string, unknown>>) =>
    write("receipt", changes).text.replace(/\s+/g, " ");

  test("what goes to Venice is on the way, in whole ducats, and never said to have arrived", () => {
    const words = text({});
    expect(words).toContain("512 ducats are on the way to RialtoBanker in Venice.");
    expect(words).toContain("The rest, 0.5 ducats, is in your wallet here.");
    expect(words).not.toMatch(/arrived|delivered/);
  });

  test("without a debt or a bonus there is no word of them", () => {
    const words = text({ bonusMillis: 0, repaidMillis: 0, totalMillis: 500_000 });
    expect(words).toContain("500 ducats are on the way");
    expect(words).not.toMatch(/Bonus|Together|Repaid|rest/);
  });

  test("what stays is in the wallet", () => {
    const words = text({ deliverTo: "wallet" });
    expect(words).toContain("512.5 ducats are in your wallet here.");
    expect(words).not.toContain("on the way");
  });

  test("less than a ducat has no way to Venice; nothing at all repaid a debt", () => {
    expect(text({ repaidMillis: 524_500 })).toContain("0.5 ducats are in your wallet here.");
    expect(text({ repaidMillis: 525_000 })).toContain("All of it repaid what you owed");
    expect(text({ repaidMillis: 524_000 })).toContain("1 ducat is on the way");
  });

  test("amounts are exact, also where the database writes them as text", () => {
    const amounts = { usdCents: "1000005", totalMillis: "100000001", repaidMillis: "0" };
    expect(write("receipt", amounts).subject).toBe("Your receipt: 100,000.001 ducats for $10,000.05");
    expect(text(amounts)).toContain("The rest, 0.001 ducats");
  });
});

test("a late delivery without a purchase leads to the account", () => {
  const { text } = write("delivery_late", { purchaseId: null });
  expect(text).toContain(`${site}/account/`);
  expect(text).not.toContain("Purchase:");
});

test("a tier that there is not is no tier", () => {
  expect(write("tier_change").subject).toBe("Your account is now Builder");
  expect(() => write("tier_change", { to: "doge" })).toThrow("is no tier");
});

test("a tier's letter says what a unit costs and a month grants; Explorer grants nothing", () => {
  const text = write("tier_change").text.replace(/ +/g, " ");
  expect(text).toContain("A unit of usage: 0.005 ducats");
  expect(text).toContain("Each paid month grants: 250 ducats");
  expect(write("tier_change", { from: "builder", to: "explorer" }).text).not.toMatch(/grants/);
});

describe("letters about renewals", () => {
  const kinds = [
    "trial_ending",
    "renewal_failed",
    "renewal_needs_action",
    "renewal_recovered",
    "grace_ending",
  ];

  test.each(letterKinds.filter((kind) => kinds.includes(kind)))(
    "%s: leads to the account, and names the tier",
    (kind) => {
      const { text } = write(kind);
      expect(text).toContain(`${site}/account/`);
      expect(text).toMatch(/Builder|Architect/);
      expect(() => write(kind, { tier: "doge" })).toThrow("is no tier");
    },
  );

  test.each(letterKinds.filter((kind) => kinds.includes(kind)))(
    "%s: of a price that is none of ours",
    (kind) => {
      const { subject, text } = write(kind, {
        tier: null,
        ...(kind === "trial_ending" ? { period: null } : {}),
      });
      expect(`${subject} ${text}`).toMatch(/your tier/i);
      expect(`${subject} ${text}`).not.toMatch(/Builder|Architect|null/);
    },
  );

  test.each(["renewal_failed", "grace_ending"] as const)("%s: leads to where the card is changed", (kind) => {
    expect(write(kind).text).toContain(`${site}/account/#cards`);
  });

  test("a bank that asks has not declined", () => {
    expect(write("renewal_failed").text).toContain("Your bank has declined $99.00 for Builder.");
    const asked = write("renewal_needs_action").text.replace(/\s+/g, " ");
    expect(asked).toContain("Your card was not declined");
    expect(asked).not.toContain("has declined");
  });

  test("a trial's price is the catalogue's, for its period", () => {
    expect(write("trial_ending").text).toContain("$99.00 a month");
    expect(write("trial_ending", { period: "year" }).text).toContain("$990.00 a year");
  });
});

test("the alert is for who runs the site", () => {
  const { subject, text } = write("alert");
  expect(subject).toBe("CASCADE: reserve low (processor)");
  expect(text).toContain("because you run CASCADE");
  expect(write("receipt").text).toContain("because you have an account at CASCADE");
});

test("refunded, an invoice of a tier: what was taken, and what months to come bring no longer", () => {
  const data = { invoiceId: "in_1", usdCents: 74_250, takenMillis: 0, notGrantedMillis: 2_250_000 };
  const { text } = writeLetter("refunded", data, site);
  expect(text).toMatch(/No longer granted: +2,250 ducats/);
  expect(text).not.toContain("Taken back");
  expect(text).not.toContain("urchase:");
});
