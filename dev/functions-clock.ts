/**
 * What a stub (dev/functions.ts) imports before its function: from then on time is that of Stripe's stand-in, so that a month
 * advanced there passes for the functions, too. `netlify dev` runs each call in a thread of its own; no other is touched.
 */
import { movedDate } from "./moved-date.ts";

const TIMEOUT_MS = 1_000;

/** 0 where Stripe is your own, or does not say. */
async function aheadMs(): Promise<number> {
  const standIn = process.env["STRIPE_API_BASE"];
  if (!standIn) return 0;
  try {
    const answer = await fetch(`${standIn}/_control/clock`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const said: unknown = await answer.json();
    const ahead: unknown = Reflect.get(Object(said), "aheadMs");
    return typeof ahead === "number" ? ahead : 0;
  } catch {
    // It is not there, or not ours: then the function meets that by itself, at the machine's time.
    return 0;
  }
}

const ahead = await aheadMs();
if (ahead !== 0) globalThis.Date = movedDate(Date, ahead);
