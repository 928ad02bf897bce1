/** A person buys a pack in a real browser, with and without JavaScript, from the landing page to the purse in Venice. */
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import StripeSdk from "stripe";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openBrowser } from "../support/browser.ts";
import { startSite, type Site } from "../support/site.ts";

let site: Site;
let browser: Browser;

beforeAll(async () => {
  [site, browser] = await Promise.all([startSite(), openBrowser()]);
}, 120_000);
afterAll(async () => {
  await browser.close();
  await site.close();
}, 60_000);

const password = "a password long enough";

beforeEach(() => site.stack.airtable?.resetLimit());

async function visit(options: BrowserContextOptions, walk: (page: Page) => Promise<void>): Promise<void> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  try {
    await walk(page);
    expect(faults).toEqual([]);
  } catch (error) {
    console.log(`At ${page.url()}:\n${site.words.slice(-30).join("\n")}`);
    throw error;
  } finally {
    await context.close();
  }
}

async function signUp(page: Page, email: string, citizen: string): Promise<void> {
  await page.fill("[name=email]", email);
  await page.fill("[name=password]", password);
  await page.fill("[name=citizen]", citizen);
  await page.getByTestId("sign-up-submit").click();
}

function purse(citizen: string): number {
  return Number(site.stack.airtable?.citizen(citizen)?.fields["Ducats"]);
}

const state = (page: Page, wanted: string) =>
  page.waitForSelector(`[data-testid=purchase-state][data-state=${wanted}]`, { timeout: 30_000 });

test("sign up, pick a pack, pay after a declined card, see the ducats arrive, see them in the account", async () => {
  await visit({ viewport: { width: 390, height: 844 } }, async (page) => {
    const before = purse("RialtoBanker");
    await page.goto(`${site.url}/sign-up/`);
    await signUp(page, "banker@example.com", "RialtoBanker");
    await page.waitForURL("**/account/");
    await page.goto(site.url);
    await page.getByTestId("buy-explorer").click();
    const quote = page.getByTestId("quote");
    await quote.getByText("$50.00 for 525 ducats").waitFor();
    await quote.getByText("At $0.10 a ducat. This price is yours until").waitFor();
    await page.getByTestId("pay-quote").click();
    await page.waitForURL(`${site.stack.stripe?.url ?? ""}/c/pay/**`);
    await page.getByRole("button", { name: /decline/i }).click();
    await page
      .getByText(/declined/i)
      .first()
      .waitFor();
    await page.getByRole("button", { name: /^pay/i }).click();
    await page.waitForURL(`${site.url}/purchase/**`);
    await state(page, "on_its_way");
    await site.fire("deliver-ducats");
    // The webhook's own run may still have it in hand: the game must not come before it.
    await page.getByText("With Venice").waitFor();
    expect(purse("RialtoBanker")).toBe(before);
    await site.stack.airtable?.runGame();
    await site.fire("deliver-ducats");
    await state(page, "arrived");
    expect(purse("RialtoBanker") - before).toBe(525);
    await page.goto(`${site.url}/account/`);
    await page.getByTestId("wallet").waitFor();
  });
}, 120_000);

test("without JavaScript: sign up, sign in, buy and pay by plain forms", async () => {
  await visit({ javaScriptEnabled: false }, async (page) => {
    await page.goto(`${site.url}/sign-up/`);
    await signUp(page, "gondolier@example.com", "gondoliere_77");
    await page.waitForURL("**/sign-in/?created=1");
    await page.fill("[name=email]", "gondolier@example.com");
    await page.fill("[name=password]", password);
    await page.getByTestId("sign-in-submit").click();
    await page.waitForURL("**/account/");
    await page.goto(site.url);
    await page.getByTestId("buy-starter").click();
    await page.waitForURL(`${site.stack.stripe?.url ?? ""}/c/pay/**`);
    await page.getByRole("button", { name: /^pay/i }).click();
    await page.waitForURL(`${site.url}/purchase/**`);
  });
  await site.stack.stripe?.flush();
  const [delivery] = (await booked(
    "select citizen, millis from deliveries where citizen = 'gondoliere_77'",
  )) as [object];
  expect(delivery).toEqual({ citizen: "gondoliere_77", millis: "100000" });
}, 120_000);

test("a promotion code: the enter key buys nothing, the discount is shown and charged, a wrong code is left behind", async () => {
  const sdk = new StripeSdk("sk_test_dev_only_stand_in", site.stack.stripe?.sdkConfig);
  const { id: coupon } = await sdk.coupons.create({ percent_off: 10 });
  await sdk.promotionCodes.create({ promotion: { type: "coupon", coupon }, code: "CARNEVALE" });
  await visit({ viewport: { width: 390, height: 844 } }, async (page) => {
    await page.goto(`${site.url}/sign-up/`);
    await signUp(page, "masked@example.com", "RialtoBanker");
    await page.waitForURL("**/account/");
    await page.goto(site.url);
    const code = page.getByTestId("promotion-code");
    await code.fill("NEVER-MADE");
    await code.press("Enter");
    await page.getByTestId("buy-explorer").click();
    await page.getByText("There is no such promotion code").waitFor();
    await page.getByTestId("buy-without-code").click();
    await page.getByTestId("quote").getByText("$50.00 for 525 ducats").waitFor();
    expect(await code.inputValue()).toBe("");
    await code.fill("carnevale");
    await code.press("Enter");
    await page.getByTestId("quote").waitFor({ state: "detached" });
    expect(page.url()).toBe(`${site.url}/`);
    await page.getByTestId("buy-explorer").click();
    await page.getByTestId("quote").getByText("$45.00 for 525 ducats").waitFor();
    await page.getByTestId("quote-discount").getByText("$50.00 less $5.00 by your promotion code").waitFor();
    await page.getByTestId("pay-quote").click();
    await page.waitForURL(`${site.stack.stripe?.url ?? ""}/c/pay/**`);
    await page.getByRole("button", { name: /^pay/i }).click();
    await page.waitForURL(`${site.url}/purchase/**`);
    await state(page, "on_its_way");
    await page.getByText("$45.00").waitFor();
  });
}, 120_000);

test("the start shows the rate and its line, to eyes and to screen readers; without JavaScript it promises neither", async () => {
  await visit({ viewport: { width: 390, height: 844 }, reducedMotion: "reduce" }, async (page) => {
    await page.goto(site.url);
    await page.locator("#rate-now").getByText("$0.10").waitFor();
    const line = page.getByRole("img", { name: /^From .* until now: \$0\.10 now, the lowest \$0\.10/ });
    await line.waitFor();
    const box = await line.boundingBox();
    expect(box?.width).toBeGreaterThan(250);
    expect(box?.width).toBeLessThan(390);
    await page.locator("#rate-table summary").click();
    await page.getByRole("cell", { name: "$0.10" }).waitFor();
    await page.getByText("Prices at $0.10 a ducat").waitFor();
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
  });
  await visit({ javaScriptEnabled: false }, async (page) => {
    await page.goto(site.url);
    await page.getByText("The price follows Venice").waitFor();
    expect(await page.locator("#rate-figure, #rate-now, #prices-at").filter({ visible: true }).count()).toBe(
      0,
    );
  });
}, 60_000);

test("a price that has run out is asked for anew; one that holds is shown again, and leads to the same purchase", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  try {
    await page.clock.install();
    await page.goto(`${site.url}/sign-up/`);
    await signUp(page, "glassblower@example.com", "gondoliere_77");
    await page.waitForURL("**/account/");
    await page.goto(site.url);
    await page.getByTestId("buy-starter").click();
    await page.getByTestId("quote").waitFor();
    await page.clock.fastForward("16:00");
    await page.getByText("This price has run out. Nothing was charged.").waitFor();
    await page.getByTestId("quote-again").click();
    await page.getByTestId("pay-quote").click();
    await page.waitForURL(`${site.stack.stripe?.url ?? ""}/c/pay/**`);
    await page.goto(site.url);
    await page.getByTestId("buy-starter").click();
    await page.getByTestId("pay-quote").click();
    await page.waitForURL(`${site.stack.stripe?.url ?? ""}/c/pay/**`);
    expect(
      await booked(
        "select count(*)::int as count from purchases p join accounts a on a.id = p.account_id where a.email = 'glassblower@example.com'",
      ),
    ).toEqual([{ count: 1 }]);
  } finally {
    await context.close();
  }
}, 120_000);

test("leaving the payment page says so and lets one go on", async () => {
  await visit({ colorScheme: "dark" }, async (page) => {
    await page.goto(`${site.url}/sign-up/`);
    await signUp(page, "weaver@example.com", "LaceWeaverOrsola");
    await page.waitForURL("**/account/");
    await page.goto(site.url);
    await page.getByTestId("custom-amount").fill("12.34");
    await page.getByTestId("buy-custom").click();
    await page.getByTestId("pay-quote").click();
    await page.waitForURL(`${site.stack.stripe?.url ?? ""}/c/pay/**`);
    await page
      .getByRole("link", { name: /back|leave|cancel/i })
      .first()
      .click();
    await page.waitForURL(`${site.url}/purchase/**`);
    await state(page, "awaiting_payment");
    await page.getByTestId("pay").click();
    await page.waitForURL(`${site.stack.stripe?.url ?? ""}/c/pay/**`);
  });
}, 120_000);

async function booked(text: string): Promise<unknown[]> {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: site.stack.postgres?.ownerUrl });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}
