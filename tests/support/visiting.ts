/** The whole site in a real browser: who visits it, signs up and looks for his purchase. */
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import { openBrowser } from "./browser.ts";
import { startSite, type Site } from "./site.ts";

/** A first page load builds what it needs, on a machine that may have other work. */
const patienceMs = 60_000;

export const password = "a password long enough";

export function useVisits() {
  let site: Site | undefined;
  let browser: Browser | undefined;

  beforeAll(async () => {
    [site, browser] = await Promise.all([startSite(), openBrowser()]);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  }, 60_000);
  beforeEach(() => site?.stack.airtable?.resetLimit());

  function open(): { readonly site: Site; readonly browser: Browser } {
    if (!site || !browser) throw new Error("the site is not open yet");
    return { site, browser };
  }

  async function visit(options: BrowserContextOptions, walk: (page: Page) => Promise<void>): Promise<void> {
    const context = await open().browser.newContext(options);
    context.setDefaultTimeout(patienceMs);
    const page = await context.newPage();
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(error.message));
    try {
      await walk(page);
      expect(faults).toEqual([]);
    } catch (error) {
      console.log(`At ${page.url()}:\n${open().site.words.slice(-30).join("\n")}`);
      throw error;
    } finally {
      await context.close();
    }
  }

  function purse(citizen: string): number {
    return Number(open().site.stack.airtable?.citizen(citizen)?.fields["Ducats"]);
  }

  async function booked(text: string): Promise<unknown[]> {
    const { default: pg } = await import("pg");
    const client = new pg.Client({ connectionString: open().site.stack.postgres?.ownerUrl });
    await client.connect();
    try {
      return (await client.query(text)).rows;
    } finally {
      await client.end();
    }
  }

  return { site: () => open().site, visit, purse, booked };
}

export async function signUp(page: Page, email: string, citizen: string): Promise<void> {
  await page.fill("[name=email]", email);
  await page.fill("[name=password]", password);
  await page.fill("[name=citizen]", citizen);
  await page.getByTestId("sign-up-submit").click();
}

export async function purchaseIs(page: Page, wanted: string): Promise<void> {
  await page.waitForSelector(`[data-testid=purchase-state][data-state=${wanted}]`);
}
