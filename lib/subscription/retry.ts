/** Pays what is open with a card that its customer has put in: each invoice once with each card. */
import * as z from "zod";
import type { App } from "../app.ts";
import { sql } from "../db/port.ts";
import { Unavailable } from "../errors.ts";
import type { HasTime } from "../reconcile/in-turns.ts";
import type { PayOutcome } from "../stripe/port.ts";
import { rereadSubscription } from "./reread.ts";

/** Longer than a run can live: a try whose worker died is free again. */
const lease = "90 seconds";

const claimColumn = z.object({
  invoiceId: z.string(),
  paymentMethod: z.string(),
  subscriptionId: z.string(),
});
type Claim = z.output<typeof claimColumn>;

type Ports = Pick<App, "db" | "stripe" | "clock" | "env">;

/**
 * How many tries came to an end. Safe any number of times at once, and to be killed anywhere: a try that has not ended is made
 * again, with the same key, and Stripe takes no second payment for an invoice. @throws Unavailable (database)
 */
export async function retryInvoices(
  app: Ports,
  limit: number,
  hasTime: HasTime = () => true,
): Promise<number> {
  let ended = 0;
  for (let tries = 0; tries < limit && hasTime(); tries += 1) {
    // One at a time: what a run can't get to is not held from the next.
    const [claim] = await claimOne(app);
    if (!claim) break;
    try {
      await retry(app, claim);
      ended += 1;
    } catch (error) {
      // It stays asked: its turn comes again when its lease is over.
      if (!(error instanceof Unavailable) || error.port !== "stripe") throw error;
    }
  }
  return ended;
}

async function claimOne(app: Ports): Promise<readonly Claim[]> {
  const rows = await app.db.query(
    sql`select claim_invoice_retries(${app.clock()}::timestamptz, 1, ${lease}::interval) as claim`,
    z.object({ claim: claimColumn }),
  );
  return rows.map(({ claim }) => claim);
}

/** The read comes before the end, so that a try that has ended is one whose outcome is in the books. */
async function retry(app: Ports, { invoiceId, paymentMethod, subscriptionId }: Claim): Promise<void> {
  const outcome = await app.stripe.payInvoice({
    invoiceId,
    paymentMethod,
    key: `${invoiceId}-${paymentMethod}`,
  });
  await rereadSubscription(app, subscriptionId);
  await app.db.query(
    sql`select end_invoice_retry(${app.clock()}::timestamptz, ${invoiceId}, ${paymentMethod}, ${outcome.kind},
      ${reasonOf(outcome)})`,
    z.unknown(),
  );
}

function reasonOf(outcome: PayOutcome): string | null {
  return outcome.kind === "refused" ? outcome.reason : null;
}
