/** Changes of a subscription at Stripe: previewed, at once, at its period's end; ended, kept, paused. */
import type StripeSdk from "stripe";
import { SECOND_MS } from "../clock.ts";
import { expectMade, expectObject, idOf } from "./answers.ts";
import type { ChangeOutcome, PlanChange, PlanRead } from "./billing-port.ts";
import type { Line } from "./client.ts";
import { found } from "./read-history.ts";

type Update = StripeSdk.SubscriptionUpdateParams;

export async function readPlan({ sdk, onTrip }: Line, id: string): Promise<PlanRead | null> {
  onTrip();
  const read = await found(() => sdk.subscriptions.retrieve(id, { expand: ["latest_invoice"] }));
  if (read === null) return null;
  expectObject(read, "subscription");
  const [item] = read.items.data;
  if (!item) throw new Error(`subscription ${id} has no item`);
  const { id: price, product, recurring } = item.price;
  if (!recurring) throw new Error(`price ${price} of a subscription doesn't recur`);
  const invoice = read.latest_invoice;
  return {
    id,
    status: read.status,
    item: item.id,
    price: { id: price, product: idOf(product) },
    interval: recurring.interval,
    periodEnd: new Date(item.current_period_end * SECOND_MS).toISOString(),
    isEnding: read.cancel_at !== null,
    isPaused: read.pause_collection !== null,
    isUnpaidFor: typeof invoice === "object" && invoice?.status === "void",
    schedule: read.schedule === null ? null : idOf(read.schedule),
  };
}

export async function previewChange(
  { sdk, onTrip }: Line,
  { plan, price, prorationAt }: PlanChange,
): Promise<number | null> {
  // Within a trial nothing is asked for; what Stripe previews then is the invoice at the trial's end.
  if (plan.status === "trialing") return 0;
  const { default: Sdk } = await import("stripe");
  onTrip();
  try {
    const preview = await sdk.invoices.createPreview({
      subscription: plan.id,
      subscription_details: {
        items: [{ id: plan.item, price }],
        proration_behavior: "always_invoice",
        proration_date: prorationAt,
      },
    });
    expectObject(preview, "invoice");
    return preview.amount_due;
  } catch (error) {
    if (error instanceof Sdk.errors.StripeInvalidRequestError && error.param?.includes("proration_date"))
      return null;
    throw error;
  }
}

export async function changeNow(
  line: Line,
  { plan, price, prorationAt }: PlanChange,
  key: string,
): Promise<ChangeOutcome> {
  const changed = await attempted(() =>
    update(line, plan, `${key}-change`, {
      items: [{ id: plan.item, price }],
      proration_behavior: "always_invoice",
      proration_date: prorationAt,
      payment_behavior: "error_if_incomplete",
    }),
  );
  if (changed.kind !== "done") return changed;
  // Only now: had the card been declined, what was scheduled would still hold.
  const released = await attempted(() => release(line, plan, key));
  // The change is made and paid, whatever becomes of the schedule.
  return "reason" in released ? { kind: "done_schedule_left", reason: released.reason } : released;
}

export function changeLater(
  line: Line,
  { plan, price, interval }: { readonly plan: PlanRead; readonly price: string; readonly interval: string },
  key: string,
): Promise<ChangeOutcome> {
  const { sdk, onTrip } = line;
  return attempted(async () => {
    onTrip();
    const schedule =
      plan.schedule === null
        ? await sdk.subscriptionSchedules.create(
            { from_subscription: plan.id },
            { idempotencyKey: `${key}-schedule` },
          )
        : await sdk.subscriptionSchedules.retrieve(plan.schedule);
    expectMade(schedule, "subscription_schedule");
    const phase = schedule.current_phase;
    if (!phase) throw new Error(`schedule ${schedule.id} of subscription ${plan.id} has no present phase`);
    onTrip();
    const updated = await sdk.subscriptionSchedules.update(
      schedule.id,
      {
        end_behavior: "release",
        proration_behavior: "none",
        phases: [
          {
            items: [{ price: plan.price.id, quantity: 1 }],
            start_date: phase.start_date,
            end_date: phase.end_date,
            proration_behavior: "none",
          },
          {
            items: [{ price, quantity: 1 }],
            duration: { interval: interval === "year" ? "year" : "month", interval_count: 1 },
            proration_behavior: "none",
          },
        ],
      },
      { idempotencyKey: `${key}-phases` },
    );
    expectMade(updated, "subscription_schedule");
  });
}

export function cancel(line: Line, plan: PlanRead, key: string): Promise<ChangeOutcome> {
  return attempted(async () => {
    await release(line, plan, key);
    await update(line, plan, `${key}-cancel`, { cancel_at_period_end: true });
  });
}

export function cancelNow(line: Line, plan: PlanRead, key: string): Promise<ChangeOutcome> {
  const { sdk, onTrip } = line;
  return attempted(async () => {
    await release(line, plan, key);
    onTrip();
    expectMade(
      await sdk.subscriptions.cancel(plan.id, {}, { idempotencyKey: `${key}-cancel-now` }),
      "subscription",
    );
  });
}

export function keep(line: Line, plan: PlanRead, key: string): Promise<ChangeOutcome> {
  return attempted(async () => {
    await release(line, plan, key);
    await update(line, plan, `${key}-keep`, { cancel_at_period_end: false });
  });
}

export function pause(line: Line, plan: PlanRead, key: string): Promise<ChangeOutcome> {
  return attempted(() => update(line, plan, `${key}-pause`, { pause_collection: { behavior: "void" } }));
}

export function unpause(line: Line, plan: PlanRead, key: string): Promise<ChangeOutcome> {
  return attempted(async () => {
    // Gone on with already: perhaps by this very change, whose answer was lost.
    if (!plan.isPaused) return;
    await update(line, plan, `${key}-unpause`, { pause_collection: "", ...(plan.isUnpaidFor && anew) });
  });
}

/** A period whose invoice is void is not served for nothing: the one that is paid begins now. */
const anew: Update = {
  billing_cycle_anchor: { type: "now" },
  proration_behavior: "none",
  payment_behavior: "error_if_incomplete",
};

async function update(
  { sdk, onTrip }: Line,
  { id }: PlanRead,
  idempotencyKey: string,
  params: Update,
): Promise<void> {
  onTrip();
  expectMade(await sdk.subscriptions.update(id, params, { idempotencyKey }), "subscription");
}

/** Stripe refuses to end, or not to end, a subscription that a schedule manages. */
async function release({ sdk, onTrip }: Line, { schedule }: PlanRead, key: string): Promise<void> {
  if (schedule === null) return;
  onTrip();
  expectMade(
    await sdk.subscriptionSchedules.release(schedule, {}, { idempotencyKey: `${key}-release` }),
    "subscription_schedule",
  );
}

async function attempted(work: () => Promise<void>): Promise<ChangeOutcome> {
  const { default: Sdk } = await import("stripe");
  try {
    await work();
    return { kind: "done" };
  } catch (error) {
    if (error instanceof Sdk.errors.StripeCardError) return { kind: "declined", reason: error.message };
    if (error instanceof Sdk.errors.StripeInvalidRequestError)
      return { kind: "refused", reason: error.message };
    throw error;
  }
}
