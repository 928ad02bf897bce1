/** The repair of findings: each in one statement, with its line in the log, once however often it is asked for. */
import type { App } from "../app.ts";
import { SECOND_MS } from "../clock.ts";
import { reread } from "../purchase/reread.ts";
import { settleEvent } from "../purchase/settle.ts";
import {
  outcomeSchema,
  repairInBooks,
  repairStatement,
  type Asker,
  type RepairOutcome,
  type RepairWish,
} from "./books.ts";
import type { Compared } from "./compare.ts";
import type { Finding } from "./finding.ts";

export type Ports = Pick<App, "db" | "stripe" | "stripeLists" | "stripeHistory" | "clock" | "env" | "visit">;

export type Repaired = {
  readonly id: string;
  /**
   * `told`: a person is needed and was alerted. `unchanged`: mended before, or another thing by now. `failed`: refused by the
   * books, stored and alerted as an event that could not be applied. `no_time`: ask again.
   */
  readonly outcome: RepairOutcome | "failed" | "no_time";
};

/** What the purse was compared with: its finding is last, and measured from what the others leave. */
type Seen = Pick<Compared, "findings" | "version" | "looked">;

/** In their order; what isn't `wanted` is left. @throws Unavailable: what was repaired stays so, and the rest waits. */
export async function repair(
  app: Ports,
  by: Asker,
  compared: Seen,
  wanted: (id: string) => boolean = () => true,
  hasTime: () => boolean = () => true,
): Promise<Repaired[]> {
  const repaired: Repaired[] = [];
  for (const finding of compared.findings.filter(({ id }) => wanted(id)))
    repaired.push({
      id: finding.id,
      outcome: hasTime() ? await repairOne(app, by, finding, compared) : "no_time",
    });
  return repaired;
}

async function repairOne(
  app: Ports,
  by: Asker,
  finding: Finding,
  { version, looked: { purseMillis } }: Seen,
): Promise<Repaired["outcome"]> {
  const { id } = finding;
  const purse = { purseMillis, version };
  switch (finding.kind) {
    case "paid-not-credited":
      return finding.payment === null
        ? await repairFree(app, by, finding)
        : await repairPayment(app, by, finding, finding.payment);
    case "credited-not-paid":
      return await repairPayment(app, by, finding, finding.payment);
    case "amount-mismatch": {
      const { between } = finding;
      if (between.what === "payment") return await repairPayment(app, by, finding, between.payment);
      const { deliveryId, recordId, paidMillis, bookedMillis } = between;
      const extraMillis = paidMillis - bookedMillis;
      return await repairInBooks(app, by, {
        ...{ id, repair: "delivered", deliveryId, recordId, extraMillis },
        ...purse,
      });
    }
    case "refunded-not-reversed": {
      const { purchaseId, payment } = finding;
      const read = await reread(app, payment);
      if (read === null) return "unchanged";
      return await repairInBooks(app, by, { id, repair: "refunds", purchaseId, payment, read });
    }
    case "credited-not-delivered": {
      const { purchaseId, deliveryId, recordId, why, millis } = finding;
      if (why === "not_sent") return await repairInBooks(app, by, { id, repair: "delivery", purchaseId });
      if (why === "not_told") return await repairInBooks(app, by, { id, repair: "uncertain", deliveryId });
      const extraMillis = 0n - millis;
      return await repairInBooks(app, by, {
        ...{ id, repair: "delivered", deliveryId, recordId, extraMillis },
        ...purse,
      });
    }
    case "delivered-twice": {
      const { deliveryId, recordId, millis: extraMillis } = finding;
      return await repairInBooks(app, by, {
        ...{ id, repair: "delivered", deliveryId, recordId, extraMillis },
        ...purse,
      });
    }
    case "purse-moved-unexplained": {
      const { explainedMillis, movedMillis } = finding;
      return await repairInBooks(app, by, { ...purse, id, repair: "purse", explainedMillis, movedMillis });
    }
  }
}

type Paid = { readonly id: string; readonly purchaseId: string | null };

/** As Stripe has it now: what was read for the comparison may have changed since. */
async function repairPayment(app: Ports, by: Asker, { id, purchaseId }: Paid, payment: string | null) {
  const now = payment === null ? null : await app.stripeLists.payment(payment);
  const isPaid = now?.status === "succeeded";
  const wish = {
    ...{ id, repair: "payment" as const, purchaseId, payment },
    receivedCents: isPaid ? now.receivedCents : 0,
    currency: isPaid ? now.currency : null,
  };
  if (!isPaid || payment === null) return await repairInBooks(app, by, wish);
  const read = await reread(app, payment);
  const { object, livemode } = now;
  return await settle(
    app,
    by,
    { ...wish, read },
    { id: payment, type: "payment_intent.succeeded", object, livemode },
  );
}

async function repairFree(
  app: Ports,
  by: Asker,
  { id, purchaseId, sessionId }: Extract<Finding, { kind: "paid-not-credited" }>,
) {
  const read = await app.stripeHistory.current({ object: "checkout.session", id: sessionId });
  if (!read || sessionId === null) return "unchanged" as const;
  return await settle(
    app,
    by,
    { id, repair: "payment", purchaseId, payment: null, sessionId, receivedCents: 0, currency: null },
    { id: sessionId, type: "checkout.session.completed", ...read },
  );
}

type Read = {
  readonly id: string;
  readonly type: string;
  readonly object: unknown;
  readonly livemode: boolean;
};

/** As an event that says so would be settled, in the statement that also writes the log. */
async function settle(
  app: Ports,
  by: Asker,
  wish: RepairWish,
  { id, type, object, livemode }: Read,
): Promise<Repaired["outcome"]> {
  const reading = {
    ...{ id: `${id}-paid`, type, object, livemode, payload: object },
    apiVersion: await app.stripe.apiVersion(),
    created: Math.floor(app.clock().getTime() / SECOND_MS),
  };
  const settled = await settleEvent(app, reading, "us", (event, fact) =>
    repairStatement(app, by, { ...wish, event: parsed(event), fact: parsed(fact) }),
  );
  return settled.kind === "failed" ? "failed" : outcomeSchema.parse(settled.outcome);
}

function parsed(json: string): unknown {
  return JSON.parse(json);
}
