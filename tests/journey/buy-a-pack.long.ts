/** A person buys a pack in a real browser, with and without JavaScript, from the landing page to the purse in Venice. */
import { expect, test } from "vitest";
import { password, purchaseIs, signUp, useVisits } from "../support/visiting.ts";

const { site, visit, purse, booked } = useVisits();

test("sign up, pick a pack, pay after a declined card, see the ducats arrive, see them in the account", async () => {
  await visit({ viewport: { width: 390, height: 844 } }, async (page) => {
    const before = purse("RialtoBanker");
    await page.goto(`${site().url}/sign-up/`);
    await signUp(page, "banker@example.com", "RialtoBanker");
    await page.waitForURL("**/account/");
    await page.goto(site().url);
    await page.getByTestId("buy-explorer").click();
    const quote = page.getByTestId("quote");
    await quote.getByText("$50.00 for 525 ducats").waitFor();
    await quote.getByText("At $0.10 a ducat. This price is yours until").waitFor();
    await page.getByTestId("pay-quote").click();
    await page.waitForURL(`${site().stack.stripe?.url ?? ""}/c/pay/**`);
    await page.getByRole("button", { name: /decline/i }).click();
    await page
      .getByText(/declined/i)
      .first()
      .waitFor();
    await page.getByRole("button", { name: /^pay/i }).click();
    await page.waitForURL(`${site().url}/purchase/**`);
    await purchaseIs(page, "on_its_way");
    await site().fire("deliver-ducats");
    // The webhook's own run may still have it in hand: the game must not come before it.
    await page.getByText("With Venice").waitFor();
    expect(purse("RialtoBanker")).toBe(before);
    await site().stack.airtable?.runGame();
    // A run that comes right after another's look leaves it to the next minute's.
    await expect
      .poll(
        async () => {
          await site().fire("deliver-ducats");
          return page.locator("[data-testid=purchase-state][data-state=arrived]").count();
        },
        { interval: 3_000, timeout: 60_000 },
      )
      .toBe(1);
    expect(purse("RialtoBanker") - before).toBe(525);
    await page.goto(`${site().url}/account/`);
    await page.getByTestId("wallet").waitFor();
  });
}, 120_000);

test("without JavaScript: sign up, sign in, buy and pay by plain forms", async () => {
  await visit({ javaScriptEnabled: false }, async (page) => {
    await page.goto(`${site().url}/sign-up/`);
    await signUp(page, "gondolier@example.com", "gondoliere_77");
    await page.waitForURL("**/sign-in/?created=1");
    await page.fill("[name=email]", "gondolier@example.com");
    await page.fill("[name=password]", password);
    await page.getByTestId("sign-in-submit").click();
    await page.waitForURL("**/account/");
    await page.goto(site().url);
    await page.getByTestId("buy-starter").click();
    await page.waitForURL(`${site().stack.stripe?.url ?? ""}/c/pay/**`);
    await page.getByRole("button", { name: /^pay/i }).click();
    await page.waitForURL(`${site().url}/purchase/**`);
  });
  await site().stack.stripe?.flush();
  const [delivery] = (await booked(
    "select citizen, millis from deliveries where citizen = 'gondoliere_77'",
  )) as [object];
  expect(delivery).toEqual({ citizen: "gondoliere_77", millis: "100000" });
}, 120_000);
