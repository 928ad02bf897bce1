/**
 * What a stub (dev/functions.ts) imports before its function: from then on time is that of Stripe's stand-in, so that a month
 * advanced there passes for the functions, too. `netlify dev` runs each call in a thread of its own; no other is touched.
 */
import { movedDate } from "./moved-date.ts";

/** 0 where Stripe is your own, or a stand-in not of ours. @throws when nobody is there: at the wrong time nothing should run. */
async function aheadMs(): Promise<number> {
  const standIn = process.env["STRIPE_API_BASE"];
  if (!standIn) return 0;
  const answer = await fetch(`${standIn}/_control/clock`);
  const said: unknown = answer.ok ? await answer.json() : undefined;
  const ahead: unknown = Reflect.get(Object(said), "aheadMs");
  return typeof ahead === "number" ? ahead : 0;
}

const ahead = await aheadMs();
if (ahead !== 0) globalThis.Date = movedDate(Date, ahead);
