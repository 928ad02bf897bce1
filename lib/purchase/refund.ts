/** Refunds that an admin asks for, or that a second payment needs: the ducats frozen first, then Stripe. */
import * as z from "zod";
import type { App } from "../app.ts";
import { centsColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import { isLive } from "../env.ts";
import { Unavailable } from "../errors.ts";
import type { Cents } from "../money.ts";
import { reread } from "./reread.ts";

export type RefundWish = {
  /** A settled purchase, or a payment that was set aside. */
  readonly of: { readonly purchaseId: string } | { readonly payment: string };
  /** All that is left when undefined. */
  readonly amountCents: Cents | undefined;
  readonly reason: string;
  /** The client's: the same for each retry. */
  readonly idempotencyKey: string;
};

const requestColumn = z.object({
  kind: z.enum(["asked", "made", "refused"]),
  id: z.string(),
  payment: z.string(),
  amountCents: centsColumn,
  purchaseId: z.string(),
  error: z.string().nullable(),
});

const requestedColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.enum(["unauthorised", "not_found", "not_paid", "other_mode", "key_reused"]) }),
  z.object({ kind: z.literal("set_aside"), payments: z.array(z.string()) }),
  z.object({
    kind: z.literal("too_much"),
    leftCents: centsColumn,
    refundedCents: centsColumn,
    /** Refunds on their way, ours that Stripe has not answered included. */
    askedCents: centsColumn,
    /** To disputes, or never received. */
    lostCents: centsColumn,
  }),
  requestColumn,
]);

type Ports = Pick<App, "db" | "stripe" | "clock">;

/** For admins. `asked`: Stripe has not answered yet; it is asked again until it has. @throws Unavailable */
export async function requestRefund(
  app: Ports & Pick<App, "env" | "newId" | "visit">,
  sessionId: string,
  wish: RefundWish,
) {
  const purchaseId = "purchaseId" in wish.of ? wish.of.purchaseId : null;
  const payment = "payment" in wish.of ? wish.of.payment : null;
  const { requested } = await app.db.one(
    sql`select request_refund(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${sessionId}, ${app.newId("rfd")},
      ${purchaseId}, ${payment}, ${wish.amountCents ?? null}::bigint, ${wish.reason}, ${wish.idempotencyKey},
      ${isLive(app.env)}::boolean) as requested`,
    z.object({ requested: requestedColumn }),
  );
  if (requested.kind !== "asked") return requested;
  const [sent] = await sendRefunds(app, 1, requested.id);
  return sent ?? requested;
}

const claimRow = z.object({
  id: z.string(),
  payment: z.string(),
  amount_cents: centsColumn,
  tries: z.int(),
});

/**
 * Asks Stripe for what is due, `id` alone or all; what became of each. What stays unclear is asked again later.
 * @throws what one of them threw, after the others had their turn.
 */
export async function sendRefunds(app: Ports, limit: number, id: string | null = null) {
  const claims = await app.db.query(
    sql`select * from claim_refund_requests(${app.clock()}::timestamptz, ${id}, ${limit}::int)`,
    claimRow,
  );
  const ended: z.output<typeof requestColumn>[] = [];
  const faults: unknown[] = [];
  for (const claim of claims) {
    try {
      ended.push(await send(app, claim));
    } catch (error) {
      if (!(error instanceof Unavailable)) faults.push(error);
    }
  }
  if (faults.length > 0) throw faults.at(-1);
  return ended;
}

async function send(app: Ports, claim: z.output<typeof claimRow>) {
  const made = claim.tries > 1 ? await findMade(app, claim) : undefined;
  const outcome =
    made === undefined
      ? await app.stripe.createRefund({
          requestId: claim.id,
          payment: claim.payment,
          amountCents: claim.amount_cents,
        })
      : { kind: "made" as const, refund: made };
  const refund = outcome.kind === "made" ? JSON.stringify(outcome.refund) : null;
  const reason = outcome.kind === "refused" ? outcome.reason : null;
  // Refused, it may have been refunded in the dashboard meanwhile: what Stripe has counts.
  const now = outcome.kind === "refused" ? await reread(app, claim.payment) : null;
  const read = now && JSON.stringify(now);
  const { ended } = await app.db.one(
    sql`select end_refund_request(${app.clock()}::timestamptz, ${claim.id}, ${refund}::jsonb, ${reason},
      ${read}::jsonb) as ended`,
    z.object({ ended: requestColumn }),
  );
  return ended;
}

/** An earlier try may have been done: Stripe remembers its idempotency key for a day only. */
async function findMade(app: Ports, { id, payment }: z.output<typeof claimRow>) {
  const read = await app.stripe.readPayment(payment);
  return read?.refunds.find(({ requestId }) => requestId === id);
}
