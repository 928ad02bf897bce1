/** A person's ways in, in a real browser: mailed links, a passkey, the citizen's wallet, a new password, a device signed out. */
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openBrowser } from "../support/browser.ts";
import { startSite, type Site } from "../support/site.ts";
import { newWallet } from "../support/wallet.ts";

let site: Site;
let browser: Browser;

beforeAll(async () => {
  [site, browser] = await Promise.all([startSite(), openBrowser()]);
}, 120_000);
afterAll(async () => {
  await browser.close();
  await site.close();
}, 60_000);
beforeEach(() => site.stack.airtable?.resetLimit());

/** A first page load builds what it needs, on a machine that may have other work. */
async function opened(options: BrowserContextOptions): Promise<BrowserContext> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(60_000);
  return context;
}

const email = "willa@example.com";
const wallet = newWallet();

/** Follows the newest link that was mailed to this page of the site. */
async function follow(page: Page, path: "verify" | "reset"): Promise<void> {
  const pattern = new RegExp(`/${path}/#[\\w.~-]+`);
  const linkOf = () =>
    site.stack.mailbox
      ?.messages(email)
      .toReversed()
      .map(({ text }) => pattern.exec(text ?? "")?.[0])
      .find((link) => link !== undefined);
  await expect.poll(linkOf, { timeout: 20_000 }).toBeDefined();
  await page.goto(`${site.url}${linkOf() ?? ""}`);
  // What is secret in it doesn't stay in the address bar.
  await page.waitForURL(`${site.url}/${path}/`);
}

async function signIn(page: Page, password: string): Promise<void> {
  await page.goto(`${site.url}/sign-in/`);
  await page.fill("#email", email);
  await page.fill("#password", password);
  await page.getByTestId("sign-in-submit").click();
}

test("from the mailed link to a passkey, a proved citizen, a new password and the other device signed out", async () => {
  site.stack.airtable?.addCitizen({ Username: "WalletWilla", Ducats: 10, Wallet: wallet.address });
  const context = await opened({ viewport: { width: 390, height: 844 } });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    if (/Content Security/.test(message.text())) faults.push(message.text());
  });
  const authenticator = await context.newCDPSession(page);
  await authenticator.send("WebAuthn.enable");
  await authenticator.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      ...{ protocol: "ctap2", transport: "internal", automaticPresenceSimulation: true },
      ...{ hasResidentKey: true, hasUserVerification: true, isUserVerified: true },
    },
  });
  const at = (id: string) => page.getByTestId(id);
  const signedOut = () => page.waitForURL(`${site.url}/`);
  const signedIn = () => page.waitForURL("**/account/");

  await page.goto(`${site.url}/sign-up/`);
  await page.fill("#email", email);
  await page.fill("#password", "a password long enough");
  await page.fill("#citizen", "WalletWilla");
  await at("sign-up-submit").click();
  await signedIn();
  await at("unverified").waitFor();
  await follow(page, "verify");
  await page.waitForSelector("[data-state=verified]");
  await page.goto(`${site.url}/account/`);
  await page.fill("#key-name", "shop");
  await at("create-key").click();
  await at("new-key").waitFor();

  await page.goto(`${site.url}/account/security/`);
  await at("add-passkey").click();
  await page.getByText("is added").waitFor();
  site.stack.airtable?.resetLimit();
  await at("prove-citizen").click();
  await at("wallet-signature").fill(wallet.sign(await at("wallet-message").inputValue()));
  await at("wallet-prove").click();
  await page.getByText("WalletWilla is proved").waitFor();
  await page.goto(`${site.url}/account/`);
  await at("sign-out").click();
  await signedOut();

  await page.goto(`${site.url}/sign-in/`);
  await at("passkey-sign-in").click();
  await signedIn();
  await at("sign-out").click();
  await signedOut();

  await page.goto(`${site.url}/sign-in/`);
  await at("venice-sign-in").click();
  await page.fill("#citizen", "WalletWilla");
  await at("venice-continue").click();
  await at("wallet-signature").fill(wallet.sign(await at("wallet-message").inputValue()));
  await at("wallet-prove").click();
  await signedIn();

  const elsewhere = await (await opened({})).newPage();
  await signIn(elsewhere, "a password long enough");
  await elsewhere.waitForURL("**/account/");
  await page.goto(`${site.url}/account/security/`);
  await page.fill("#current-password", "a password long enough");
  await page.fill("#new-password", "another long password");
  await at("change-password-submit").click();
  await page.getByText("Your password is changed").waitFor();
  await elsewhere.reload();
  await elsewhere.waitForURL("**/sign-in/**");
  await page.goto(`${site.url}/account/security/`);
  await page.getByText("Password changed", { exact: true }).waitFor();
  expect(faults).toEqual([]);
  await context.close();
}, 120_000);

test("a forgotten password: asked for without JavaScript, set by the link, which then is dead", async () => {
  const plain = await (await opened({ javaScriptEnabled: false })).newPage();
  await plain.goto(`${site.url}/forgot/`);
  await plain.fill("#email", email);
  await plain.getByTestId("forgot-submit").click();
  await plain.waitForURL("**/forgot/?asked=1");
  const page = await (await opened({})).newPage();
  await follow(page, "reset");
  await page.fill("#password", "yet another password");
  await page.getByTestId("reset-submit").click();
  await page.waitForURL("**/sign-in/?reset=1");
  await signIn(page, "yet another password");
  await page.waitForURL("**/account/");
  await page.goto("about:blank");
  await follow(page, "reset");
  await page.fill("#password", "yet another password");
  await page.getByTestId("reset-submit").click();
  await page.getByText("Ask for a new one").waitFor();
}, 120_000);
