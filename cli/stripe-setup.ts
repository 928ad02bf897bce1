/** `npm run stripe:setup [-- --url https://site] [-- --yes]`: products, prices and the webhook endpoint in Stripe. */
import Stripe from "stripe";
import { parseArgs } from "node:util";
import { isLive } from "../lib/env.ts";
import { openingRate } from "../lib/rate/target.ts";
import { stripeClient } from "../lib/stripe/client.ts";
import { confirm } from "./confirm.ts";
import { environmentFor } from "./environment.ts";
import { apply, read } from "./stripe/apply.ts";
import { describe, plan, wanted } from "./stripe/plan.ts";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { url: { type: "string" }, yes: { type: "boolean", default: false } },
  });
  const site = values.url === undefined ? null : siteAddress(values.url);
  const env = environmentFor(["STRIPE_SECRET_KEY", "STRIPE_API_BASE"]);
  const stripe = await stripeClient(env);
  const want = wanted(openingRate, Stripe.API_VERSION, site);
  const changes = plan(want, await read(stripe, want));

  const where = isLive(env) ? "your LIVE Stripe account" : "Stripe (test mode)";
  if (site === null) console.log("Without --url https://your-site the webhook endpoint is left alone.");
  if (changes.length === 0) {
    console.log(`Nothing to do: ${where} is as wanted.`);
    return;
  }
  console.log(`In ${where}:`);
  for (const change of changes) console.log(`  ${describe(change)}`);
  if (!values.yes && !(await confirm("Make these changes?"))) {
    console.log("Nothing was changed. Answer y, or pass --yes.");
    process.exitCode = 1;
    return;
  }
  const { webhookSecret } = await apply(stripe, changes, (change) => {
    console.log(`  done: ${describe(change)}`);
  });
  if (webhookSecret)
    console.log(
      `\nThe new endpoint signs with this secret, shown this once:\n\n  STRIPE_WEBHOOK_SECRET=${webhookSecret}\n\n` +
        "Set it as a variable of the site (scope Functions), deploy, and send a test event. Until then the endpoint's " +
        "events are refused, and Stripe sends them again for up to three days.",
    );
}

function siteAddress(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol !== "https:" && url?.protocol !== "http:")
    throw new Error(`--url ${text} is no address: give it as https://your-site`);
  return url.origin;
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
