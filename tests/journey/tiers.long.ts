/** A person starts a tier on the start page, pays it, sees it in the account, cancels it and keeps it after all. */
import { expect, test } from "vitest";
import { password, signUp, useVisits } from "../support/visiting.ts";

const { site, visit, booked } = useVisits();

test("choose Builder, sign up, go on with it, pay, see it, cancel, keep; a dearer one says its price first", async () => {
  await visit({ viewport: { width: 390, height: 844 } }, async (page) => {
    const state = (wanted: string) =>
      page.locator(`[data-testid=tier-state][data-state=${wanted}]`).getByText("Builder").waitFor();
    await page.goto(site().url);
    await page.getByTestId("start-builder").click();
    await page.waitForURL("**/sign-in/?next=**");
    await page.getByRole("link", { name: "Open an account" }).click();
    await page.waitForURL("**/sign-up/?next=**");
    await signUp(page, "stratega@example.com", "RialtoBanker");
    await page.getByTestId("tier-notice").getByText("You have chosen Builder, $99 a month.").waitFor();
    await page.getByTestId("resume-tier").click();
    await page.waitForURL(`${site().stack.stripe?.url ?? ""}/c/pay/**`);
    await page.getByText("$99.00").first().waitFor();
    await page.getByRole("button", { name: /^(pay|subscribe)/i }).click();
    await page.waitForURL(`${site().url}/account/**`);
    await state("active");
    await page.getByText("The next invoice, $99.00").waitFor();
    await page.getByText("0.005").waitFor();
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);

    await page.getByTestId("cancel-tier").click();
    await page.getByTestId("confirm-cancel-tier").click();
    await state("ending");
    await page.getByText("It is cancelled.", { exact: true }).waitFor();
    await page.getByTestId("keep-tier").click();
    await state("active");
    await page.getByTestId("cancel-tier").waitFor();
    await page.getByTestId("pause-tier").click();
    await page.getByTestId("confirm-pause-tier").click();
    await page.getByText("It is paused.", { exact: true }).waitFor();
    await page.getByTestId("unpause-tier").click();
    await page.getByTestId("pause-tier").waitFor();

    await page.goto(`${site().url}/#tiers`);
    await page.getByTestId("start-architect").click();
    await page
      .getByTestId("tier-preview")
      .getByText(/^Architect from now on: \$\d+\.\d\d now, then \$499\.00 each month\.$/)
      .waitFor();
    await page.getByTestId("change-tier").click();
    await page.waitForURL("**/account/**");
    await page.getByTestId("tier-state").getByText("You have Architect, paid by the month").waitFor();
    await page.getByTestId("portal").click();
    await page.waitForURL(`${site().stack.stripe?.url ?? ""}/p/session/**`);
    expect(
      await booked(
        `select s.tier, s.status, s.cancel_at from subscriptions s join accounts a on a.id = s.account_id
         where a.email = 'stratega@example.com'`,
      ),
    ).toEqual([{ tier: "architect", status: "active", cancel_at: null }]);
  });
}, 120_000);

test("without JavaScript the buttons lead to sign in, and then to the payment page", async () => {
  const email = "tessitore@example.com";
  await visit({}, async (page) => {
    await page.goto(`${site().url}/sign-up/`);
    await signUp(page, email, "gondoliere_77");
    await page.waitForURL("**/account/");
  });
  await visit({ javaScriptEnabled: false }, async (page) => {
    await page.goto(site().url);
    await page.getByTestId("start-builder").click();
    await page.waitForURL("**/sign-in/");
    await page.fill("[name=email]", email);
    await page.fill("[name=password]", password);
    await page.getByTestId("sign-in-submit").click();
    await page.waitForURL("**/account/");
    await page.goto(site().url);
    await page.locator("[name=period][value=year]").check();
    await page.getByTestId("start-enterprise").click();
    await page.waitForURL(`${site().stack.stripe?.url ?? ""}/c/pay/**`);
    await page.getByText("$50,000.00").first().waitFor();
  });
}, 120_000);

test("a renewal that is not paid: the account says until when it serves, and a week later what is left", async () => {
  const stripe = site().stack.stripe;
  if (!stripe) throw new Error("no stand-in for Stripe");
  const email = "debitore@example.com";
  await visit({}, async (page) => {
    const state = (wanted: string) =>
      page.locator(`[data-testid=tier-state][data-state=${wanted}]`).waitFor();
    /** A session doesn't outlive the month. */
    const later = async (by: Parameters<typeof stripe.advance>[0]) => {
      stripe.advance(by);
      await stripe.flush();
      await site().fire("keep-subscriptions");
      await page.goto(`${site().url}/sign-in/`);
      await page.fill("[name=email]", email);
      await page.fill("[name=password]", password);
      await page.getByTestId("sign-in-submit").click();
      await page.waitForURL("**/account/");
    };
    await page.goto(`${site().url}/sign-up/`);
    await signUp(page, email, "RialtoBanker");
    await page.waitForURL("**/account/");
    await page.goto(site().url);
    await page.getByTestId("start-builder").click();
    await page.waitForURL(`${stripe.url}/c/pay/**`);
    await page.getByRole("button", { name: /^(pay|subscribe)/i }).click();
    await state("active");
    for (const { id } of stripe.world.paymentMethods.oldestFirst()) stripe.turnCard(id, "4000000000000341");
    await later({ days: 32 });
    await state("grace");
    // As the letter leads him.
    await page.goto("about:blank");
    await page.goto(`${site().url}/account/#cards`);
    await page.waitForURL(`${stripe.url}/p/session/**`);
    await later({ days: 7 });
    await state("lapsed");
  });
}, 120_000);
