/** What a customer does with his subscription: another plan, its end, a pause. Asked for once, read again whatever came of it. */
import * as z from "zod";
import type { App } from "../app.ts";
import { MINUTE_MS, SECOND_MS } from "../clock.ts";
import { sql } from "../db/port.ts";
import { messageOf, Unavailable } from "../errors.ts";
import type { Cents } from "../money.ts";
import { openAlert } from "../operations/alerts.ts";
import type { ChangeOutcome, PlanRead } from "../stripe/billing-port.ts";
import { reckon, whenOfChange } from "./preview.ts";
import { rereadSubscription } from "./reread.ts";
import type { Plan } from "./rules.ts";

/** Above what Stripe's SDK waits and tries for all requests of a change. */
const lease = "90 seconds";
const previewMs = 15 * MINUTE_MS;

export type Asked =
  | ({
      readonly kind: "change";
      /** Both from the preview that the customer saw. */
      readonly prorationAt: number;
      readonly dueNowCents: Cents;
    } & Plan)
  | { readonly kind: "cancel" | "keep" | "pause" | "unpause" };

export type ChangeRequest = {
  readonly sessionId: string;
  /** The client's: the same for each retry. */
  readonly idempotencyKey: string;
  readonly asked: Asked;
};

const refusals = [
  "same",
  "preview_expired",
  /** Stripe reckons another amount now than the preview did. */
  "amount_changed",
  "unpaid",
  "paused",
  "ending",
] as const;

/** Nothing was changed. */
type Refusal =
  | { readonly kind: (typeof refusals)[number] }
  /** `reason`: Stripe's. */
  | { readonly kind: "declined" | "refused"; readonly reason: string };

export type ActOutcome =
  | { readonly kind: "done" }
  /** Stripe's answer was lost: it may have been made, and charged. The same key tells. */
  | { readonly kind: "unclear" }
  | Refusal
  | { readonly kind: "unauthorised" | "no_subscription" | "key_reused" | "under_way" };

const begunColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.enum(["unauthorised", "no_subscription", "key_reused", "under_way"]) }),
  z.object({
    kind: z.literal("known"),
    state: z.enum(["done", "refused"]),
    error: z.string().nullable(),
    subscriptionId: z.string(),
  }),
  z.object({
    kind: z.literal("begun"),
    id: z.string(),
    subscriptionId: z.string(),
    isLapsed: z.boolean(),
    again: z.boolean(),
  }),
]);

type Begun = Extract<z.output<typeof begunColumn>, { kind: "begun" }>;

type Ports = Pick<App, "db" | "stripe" | "billing" | "clock" | "newId" | "env" | "log" | "visit">;

/** The books show what Stripe has, whatever came of it. @throws Unavailable: nothing was charged by Stripe; ask again with the same key. */
export async function changeSubscription(app: Ports, request: ChangeRequest): Promise<ActOutcome> {
  const begun = await begin(app, request);
  if (begun.kind === "known") {
    await rereadSubscription(app, begun.subscriptionId);
    return begun.state === "done" ? { kind: "done" } : refusalOf(begun.error ?? "");
  }
  if (begun.kind !== "begun") return begun;
  const outcome = await carriedOut(app, begun, request.asked);
  if (outcome.kind === "unclear") return outcome;
  await end(app, begun.id, outcome.kind === "done" ? "done" : "refused", textOf(outcome));
  await rereadSubscription(app, begun.subscriptionId);
  return outcome;
}

async function begin(app: Ports, { sessionId, idempotencyKey, asked }: ChangeRequest) {
  const written = asked.kind === "change" ? { ...asked, dueNowCents: Number(asked.dueNowCents) } : asked;
  const { begun } = await app.db.one(
    sql`select begin_subscription_change(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${sessionId},
      ${app.newId("sch")}, ${idempotencyKey}, ${JSON.stringify(written)}::jsonb, ${lease}::interval) as begun`,
    z.object({ begun: begunColumn }),
  );
  return begun;
}

/** Without an answer it is unclear what came of it: the subscription shows that, and the same key goes on with it. */
async function carriedOut(
  app: Ports,
  begun: Begun,
  asked: Asked,
): Promise<{ kind: "done" } | { kind: "unclear" } | Refusal> {
  // What was begun before may have been made then.
  let mayBeMade = begun.again;
  try {
    const plan = await app.billing.readPlan(begun.subscriptionId);
    if (!plan) return { kind: "refused", reason: "The subscription is not at Stripe any more." };
    const prepared =
      asked.kind === "change" ? await changePlan(app, plan, begun, asked) : actOf(asked.kind, plan, begun);
    if (typeof prepared === "object") return prepared;
    mayBeMade = true;
    const made = await (typeof prepared === "function" ? prepared() : app.billing[prepared](plan, begun.id));
    if (made.kind !== "done_schedule_left") return made;
    await openAlert(app, {
      kind: "schedule_left",
      subject: plan.id,
      message:
        `Subscription ${plan.id} was changed at once, and Stripe did not let go of the change that was scheduled before ` +
        `(${made.reason}): release its schedule in Stripe.`,
    });
    return { kind: "done" };
  } catch (error) {
    try {
      await end(app, begun.id, "unclear", messageOf(error));
      await rereadSubscription(app, begun.subscriptionId);
    } catch (another) {
      // The scheduled re-reads do the same later.
      app.log("unclear_change_not_read", { change: begun.id, error: messageOf(another) });
    }
    if (mayBeMade && error instanceof Unavailable && error.port === "stripe") return { kind: "unclear" };
    throw error;
  }
}

/** Nobody is held to an invoice for what has lapsed: the period that it is for would have to be paid before it could end. */
function actOf(kind: Exclude<Asked["kind"], "change">, { status }: PlanRead, { isLapsed }: Begun) {
  return kind === "cancel" && isLapsed && ["past_due", "unpaid"].includes(status) ? "cancelNow" : kind;
}

/** A refusal, or what is left to be asked of Stripe. */
async function changePlan(
  app: Ports,
  plan: PlanRead,
  { id, again }: Begun,
  { tier, period, prorationAt, dueNowCents }: Extract<Asked, { kind: "change" }>,
): Promise<{ readonly kind: "done" } | Refusal | (() => Promise<ChangeOutcome>)> {
  const to = { tier, period };
  // The answer to the first try was lost: what is left to do is to drop a change that was scheduled before.
  if (again && whenOfChange(app, plan, to) === "same")
    return plan.schedule === null ? { kind: "done" } : () => app.billing.keep(plan, id);
  const ageMs = app.clock().getTime() - prorationAt * SECOND_MS;
  if (ageMs < 0 || ageMs > previewMs) return { kind: "preview_expired" };
  const reckoned = await reckon(app, plan, to, prorationAt);
  if (reckoned.kind === "same") return { kind: "same" };
  if (reckoned.kind === "over") return { kind: "preview_expired" };
  if (reckoned.kind === "hindered") return { kind: reckoned.by };
  if (reckoned.dueNowCents !== dueNowCents) return { kind: "amount_changed" };
  const price = reckoned.price.id;
  return reckoned.when === "now"
    ? () => app.billing.changeNow({ plan, price, prorationAt }, id)
    : () => app.billing.changeLater({ plan, price, interval: period }, id);
}

async function end(
  app: Ports,
  id: string,
  state: "done" | "refused" | "unclear",
  error: string | null,
): Promise<void> {
  await app.db.query(
    sql`select end_subscription_change(${app.clock()}::timestamptz, ${id}, ${state}, ${error})`,
    z.unknown(),
  );
}

/** As the outbox keeps it: the kind, and behind a colon Stripe's reason. */
function textOf(outcome: { kind: "done" } | Refusal): string | null {
  if (outcome.kind === "done") return null;
  return "reason" in outcome ? `${outcome.kind}: ${outcome.reason}` : outcome.kind;
}

function refusalOf(text: string): Refusal {
  const own = refusals.find((each) => each === text);
  if (own) return { kind: own };
  const [, kind, reason = text] = /^(declined|refused): (.*)$/s.exec(text) ?? [];
  return { kind: kind === "declined" ? "declined" : "refused", reason };
}
