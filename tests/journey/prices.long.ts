/** What the start page promises of prices, and what happens to one that is left, runs out or is less by a code. */
import StripeSdk from "stripe";
import { expect, test } from "vitest";
import { purchaseIs, signUp, useVisits } from "../support/visiting.ts";

const { site, visit, booked } = useVisits();

test("a promotion code: the enter key buys nothing, the discount is shown and charged, a wrong code is left behind", async () => {
  const sdk = new StripeSdk("sk_test_dev_only_stand_in", site().stack.stripe?.sdkConfig);
  const { id: coupon } = await sdk.coupons.create({ percent_off: 10 });
  await sdk.promotionCodes.create({ promotion: { type: "coupon", coupon }, code: "CARNEVALE" });
  await visit({ viewport: { width: 390, height: 844 } }, async (page) => {
    await page.goto(`${site().url}/sign-up/`);
    await signUp(page, "masked@example.com", "RialtoBanker");
    await page.waitForURL("**/account/");
    await page.goto(site().url);
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
    expect(page.url()).toBe(`${site().url}/`);
    await page.getByTestId("buy-explorer").click();
    await page.getByTestId("quote").getByText("$45.00 for 525 ducats").waitFor();
    await page.getByTestId("quote-discount").getByText("$50.00 less $5.00 by your promotion code").waitFor();
    await page.getByTestId("pay-quote").click();
    await page.waitForURL(`${site().stack.stripe?.url ?? ""}/c/pay/**`);
    await page.getByRole("button", { name: /^pay/i }).click();
    await page.waitForURL(`${site().url}/purchase/**`);
    await purchaseIs(page, "on_its_way");
    await page.getByText("$45.00").waitFor();
  });
}, 120_000);

test("the start shows the rate and its line, to eyes and to screen readers; without JavaScript it promises neither", async () => {
  await visit({ viewport: { width: 390, height: 844 }, reducedMotion: "reduce" }, async (page) => {
    await page.goto(site().url);
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
    await page.goto(site().url);
    await page.getByText("The price follows Venice").waitFor();
    expect(await page.locator("#rate-figure, #rate-now, #prices-at").filter({ visible: true }).count()).toBe(
      0,
    );
  });
}, 60_000);

test("a price that has run out is asked for anew; one that holds is shown again, and leads to the same purchase", async () => {
  await visit({}, async (page) => {
    await page.clock.install();
    await page.goto(`${site().url}/sign-up/`);
    await signUp(page, "glassblower@example.com", "gondoliere_77");
    await page.waitForURL("**/account/");
    await page.goto(site().url);
    await page.getByTestId("buy-starter").click();
    await page.getByTestId("quote").waitFor();
    await page.clock.fastForward("16:00");
    await page.getByText("This price has run out. Nothing was charged.").waitFor();
    await page.getByTestId("quote-again").click();
    await page.getByTestId("pay-quote").click();
    await page.waitForURL(`${site().stack.stripe?.url ?? ""}/c/pay/**`);
    await page.goto(site().url);
    await page.getByTestId("buy-starter").click();
    await page.getByTestId("pay-quote").click();
    await page.waitForURL(`${site().stack.stripe?.url ?? ""}/c/pay/**`);
    expect(
      await booked(
        "select count(*)::int as count from purchases p join accounts a on a.id = p.account_id where a.email = 'glassblower@example.com'",
      ),
    ).toEqual([{ count: 1 }]);
  });
}, 120_000);

test("leaving the payment page says so and lets one go on", async () => {
  await visit({ colorScheme: "dark" }, async (page) => {
    await page.goto(`${site().url}/sign-up/`);
    await signUp(page, "weaver@example.com", "LaceWeaverOrsola");
    await page.waitForURL("**/account/");
    await page.goto(site().url);
    await page.getByTestId("custom-amount").fill("12.34");
    await page.getByTestId("buy-custom").click();
    await page.getByTestId("pay-quote").click();
    await page.waitForURL(`${site().stack.stripe?.url ?? ""}/c/pay/**`);
    await page
      .getByRole("link", { name: /back|leave|cancel/i })
      .first()
      .click();
    await page.waitForURL(`${site().url}/purchase/**`);
    await purchaseIs(page, "awaiting_payment");
    await page.getByTestId("pay").click();
    await page.waitForURL(`${site().stack.stripe?.url ?? ""}/c/pay/**`);
  });
}, 120_000);
