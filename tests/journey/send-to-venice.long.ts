/** A person keeps bought ducats in the wallet, and sends some of them to Venice from the account page. */
import { expect, test } from "vitest";
import { purchaseIs, signUp, useVisits } from "../support/visiting.ts";

const { site, visit, booked } = useVisits();

test("from the wallet to the purse: refused words, sent once though the answer is lost, seen in the list", async () => {
  await visit({ viewport: { width: 390, height: 844 } }, async (page) => {
    await page.goto(`${site().url}/sign-up/`);
    await signUp(page, "sender@example.com", "LaceWeaverOrsola");
    await page.waitForURL("**/account/");
    await page.getByTestId("wallet").waitFor();
    // Nothing to send yet: nothing is asked.
    expect(await page.getByTestId("send").isVisible()).toBe(false);

    await page.goto(site().url);
    await page.locator("[name=deliverTo][value=wallet]").check({ force: true });
    await page.getByTestId("buy-starter").click();
    await page.getByTestId("pay-quote").click();
    await page.waitForURL(`${site().stack.stripe?.url ?? ""}/c/pay/**`);
    await page.getByRole("button", { name: /^pay/i }).click();
    await page.waitForURL(`${site().url}/purchase/**`);
    await purchaseIs(page, "in_wallet");

    await page.goto(`${site().url}/account/`);
    const ducats = page.getByLabel("Send ducats of your wallet to LaceWeaverOrsola");
    const button = page.getByTestId("send");
    await ducats.fill("2.5");
    await button.click();
    await page.getByText("Write a whole number of ducats, like 25.").waitFor();
    await ducats.fill("101");
    await ducats.press("Enter");
    await page.getByText("Your wallet holds 100 ducats.").waitFor();
    expect(await ducats.getAttribute("aria-invalid")).toBe("true");

    let isLost = true;
    await page.route("**/api/withdraw", async (route) => {
      const response = await route.fetch();
      if (isLost) await route.abort();
      else await route.fulfill({ response });
      isLost = false;
    });
    await ducats.fill("30");
    await button.click();
    await page.getByText("We got no answer.").waitFor();
    await button.click();
    await page.getByTestId("send-said").getByText("30 ducats on the way to LaceWeaverOrsola").waitFor();
    await expect.poll(() => page.getByTestId("wallet").textContent()).toBe("70");
    await page.locator("#deliveries [data-state=on_its_way]").waitFor();

    // Lost once more, and looked at before it is tried again: the page says that it was done, and the next is another.
    isLost = true;
    await ducats.fill("5");
    await button.click();
    await page.getByText("We got no answer.").waitFor();
    await page.reload();
    await page.getByTestId("send-said").getByText("it was done: 5 ducats on the way").waitFor();
    await ducats.fill("5");
    await button.click();
    await page.getByTestId("send-said").getByText("5 ducats on the way to LaceWeaverOrsola").waitFor();
    await expect.poll(() => page.getByTestId("wallet").textContent()).toBe("60");
  });
  expect(
    await booked(
      "select millis from deliveries where citizen = 'LaceWeaverOrsola' and purchase_id is null order by created_at",
    ),
  ).toEqual([{ millis: "30000" }, { millis: "5000" }, { millis: "5000" }]);
}, 120_000);
