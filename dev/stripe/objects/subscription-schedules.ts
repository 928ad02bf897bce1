/** Subscription schedules: what a subscription becomes, and when. They take over one that is there. */
import type { Stripe } from "stripe";
import { changeSubscription } from "../billing/announce.ts";
import { endSubscription } from "../billing/end.ts";
import { boundary } from "../billing/interval.ts";
import { changeSchedule, releaseSchedule } from "../billing/phases.ts";
import { recurringPrice } from "../billing/read.ts";
import { periodOf } from "../billing/subscription.ts";
import { inTimeOf } from "../billing/time.ts";
import { enterPhase } from "../billing/turn.ts";
import { invalid, missing, noSuch, noSuchIn, unsupported } from "../protocol/errors.ts";
import { createdWithin, page } from "../protocol/list.ts";
import { mergeMetadata } from "../protocol/metadata.ts";
import { route, type Call } from "../protocol/route.ts";
import { idOf } from "../reference.ts";
import type { Cause, World } from "../world.ts";

type Phase = Stripe.SubscriptionSchedule.Phase;
type GivenPhase = Stripe.SubscriptionScheduleUpdateParams.Phase;

/** The schedule of a subscription that is there: its present period is the first phase. */
export function scheduleFrom(
  world: World,
  cause: Cause,
  subscription: Stripe.Subscription,
  metadata: Record<string, string>,
): Stripe.SubscriptionSchedule {
  if (subscription.schedule !== null) {
    throw invalid(
      `You cannot migrate a subscription that is already attached to a schedule: ${idOf(subscription.schedule)}.`,
      { param: "from_subscription" },
    );
  }
  const { start, end } = periodOf(subscription);
  const items = subscription.items.data.map((item) =>
    phaseItem(item.price, item.quantity ?? 1, item.metadata),
  );
  const schedule = world.billing.schedules.add({
    id: world.id("sub_sched_1", 23),
    object: "subscription_schedule",
    application: null,
    billing_mode: { flexible: { proration_discounts: "included" }, type: "flexible" },
    canceled_at: null,
    completed_at: null,
    created: world.seconds(),
    current_phase: { start_date: start, end_date: end },
    customer: idOf(subscription.customer),
    customer_account: null,
    default_settings: {
      application_fee_percent: null,
      automatic_tax: { disabled_reason: null, enabled: false, liability: null },
      billing_cycle_anchor: "automatic",
      billing_thresholds: null,
      collection_method: "charge_automatically",
      default_payment_method: null,
      description: null,
      invoice_settings: {
        account_tax_ids: null,
        custom_fields: null,
        days_until_due: null,
        description: null,
        footer: null,
        issuer: { type: "self" },
      },
      on_behalf_of: null,
      transfer_data: null,
    },
    end_behavior: "release",
    livemode: false,
    metadata,
    pause_schedules: [],
    phases: [newPhase({ start, end, items, currency: subscription.currency })],
    released_at: null,
    released_subscription: null,
    status: "active",
    subscription: subscription.id,
    test_clock: subscription.test_clock,
  });
  changeSubscription(world, cause, subscription, () => {
    subscription.schedule = schedule.id;
  });
  world.emit(cause, "subscription_schedule.created", schedule);
  return schedule;
}

type PhaseParts = {
  readonly start: number;
  readonly end: number;
  readonly items: Stripe.SubscriptionSchedule.Phase.Item[];
  readonly currency: string;
  readonly metadata?: Record<string, string>;
  readonly behavior?: Stripe.SubscriptionSchedule.Phase.ProrationBehavior;
  readonly anchor?: Stripe.SubscriptionSchedule.Phase.BillingCycleAnchor | null;
};

function newPhase(parts: PhaseParts): Phase {
  return {
    add_invoice_items: [],
    application_fee_percent: null,
    billing_cycle_anchor: parts.anchor ?? null,
    billing_thresholds: null,
    collection_method: null,
    currency: parts.currency,
    default_payment_method: null,
    default_tax_rates: [],
    description: null,
    discounts: [],
    end_date: parts.end,
    invoice_settings: null,
    items: parts.items,
    metadata: parts.metadata ?? {},
    on_behalf_of: null,
    proration_behavior: parts.behavior ?? "create_prorations",
    start_date: parts.start,
    transfer_data: null,
    trial_end: null,
  };
}

function phaseItem(
  price: Stripe.Price,
  quantity: number,
  metadata: Record<string, string>,
): Stripe.SubscriptionSchedule.Phase.Item {
  return {
    billing_thresholds: null,
    discounts: [],
    metadata: { ...metadata },
    plan: price.id,
    price: price.id,
    quantity,
    tax_rates: [],
  };
}

/** Phases follow each other without a gap; those that are over may be left out. */
function readPhases(
  world: World,
  schedule: Stripe.SubscriptionSchedule,
  given: readonly GivenPhase[],
): Phase[] {
  const current = schedule.current_phase;
  const [first] = schedule.phases;
  let start = firstStart(world, given[0]?.start_date) ?? current?.start_date ?? world.seconds();
  if (current && start !== current.start_date && start !== first?.start_date) {
    throw invalid(
      "You can not modify the start date of the current phase. If you are attempting to modify phases, you must also " +
        "pass in the start date of the current phase.",
      { param: "phases[0][start_date]" },
    );
  }
  const phases = given.map((each, index) => {
    const at = `phases[${index}]`;
    if (index > 0 && each.start_date !== undefined && each.start_date !== start) {
      throw invalid("The start date of a phase must equal the end date of the phase before it.", {
        param: `${at}[start_date]`,
      });
    }
    const phase = readPhase(world, schedule, each, start, at, index === given.length - 1);
    start = phase.end_date;
    return phase;
  });
  if (
    current &&
    !phases.some((phase) => phase.start_date <= world.seconds() && phase.end_date >= world.seconds())
  ) {
    throw invalid("The subscription schedule update is missing at least one active phase.", {
      param: "phases",
    });
  }
  return phases;
}

function firstStart(world: World, given: number | "now" | undefined): number | undefined {
  return given === "now" ? world.seconds() : given;
}

function readPhase(
  world: World,
  schedule: Stripe.SubscriptionSchedule,
  given: GivenPhase,
  start: number,
  at: string,
  isLast: boolean,
): Phase {
  const prices = given.items.map((item, index) => {
    if (item.price === undefined) throw missing(`${at}[items][${index}][price]`);
    return recurringPrice(world, item.price, `${at}[items][${index}][price]`);
  });
  const every = prices[0]?.recurring;
  const end = endOf(world, given, start, at) ?? (isLast && every ? boundary(start, every, 1) : undefined);
  if (end === undefined || end <= start) {
    throw invalid("The end date of a phase must be after its start date.", { param: `${at}[end_date]` });
  }
  return newPhase({
    start,
    end,
    items: given.items.map((item, index) => {
      const price = prices[index];
      if (!price) throw missing(`${at}[items][${index}][price]`);
      return phaseItem(price, item.quantity ?? 1, mergeMetadata(null, item.metadata));
    }),
    currency: prices[0]?.currency ?? schedule.phases[0]?.currency ?? "usd",
    metadata: mergeMetadata(null, given.metadata),
    behavior: given.proration_behavior ?? "create_prorations",
    anchor: given.billing_cycle_anchor ?? null,
  });
}

function endOf(world: World, given: GivenPhase, start: number, at: string): number | undefined {
  if (given.duration !== undefined && given.end_date !== undefined) {
    throw invalid("You may only specify one of these parameters: duration, end_date.", {
      param: `${at}[end_date]`,
    });
  }
  if (given.duration !== undefined) {
    const { interval, interval_count: count = 1 } = given.duration;
    return boundary(start, { interval, interval_count: count }, 1);
  }
  return given.end_date === "now" ? world.seconds() : given.end_date;
}

/** @param params.phases replaces them all. */
export function updateSchedule(
  world: World,
  cause: Cause,
  schedule: Stripe.SubscriptionSchedule,
  params: Stripe.SubscriptionScheduleUpdateParams,
): void {
  refuseEnded(schedule, "update");
  const phases = params.phases && readPhases(world, schedule, params.phases);
  const metadata = mergeMetadata(schedule.metadata, params.metadata);
  const before = JSON.stringify(currentOf(world, schedule)?.items);
  changeSchedule(world, cause, schedule, () => {
    schedule.metadata = metadata;
    if (params.end_behavior !== undefined) schedule.end_behavior = params.end_behavior;
    if (phases) schedule.phases = phases;
    const current = currentOf(world, schedule);
    if (current) schedule.current_phase = { start_date: current.start_date, end_date: current.end_date };
  });
  const current = currentOf(world, schedule);
  const subscription = world.billing.subscriptions.get(idOf(schedule.subscription));
  if (!current || !subscription || JSON.stringify(current.items) === before) return;
  enterPhase(world, subscription, {
    ...current,
    proration_behavior: params.proration_behavior ?? "create_prorations",
  });
}

function currentOf(world: World, schedule: Stripe.SubscriptionSchedule): Phase | undefined {
  const now = world.seconds();
  return schedule.phases.find((phase) => phase.start_date <= now && phase.end_date > now);
}

function refuseEnded({ status }: Stripe.SubscriptionSchedule, what: "cancel" | "release" | "update"): void {
  if (status === "active" || status === "not_started") return;
  throw invalid(
    `You cannot ${what} a subscription schedule that is currently in the \`${status}\` status. It must be in the ` +
      "`not_started` or `active` status.",
  );
}

function found(world: World, id: string): Stripe.SubscriptionSchedule {
  const schedule = world.billing.schedules.get(id);
  if (!schedule) throw noSuch("subscription_schedule", id, "schedule");
  return schedule;
}

function onSchedule<P extends object>(
  work: (world: World, cause: Cause, schedule: Stripe.SubscriptionSchedule, params: P) => void,
): (call: Call<P>) => Stripe.SubscriptionSchedule {
  return ({ world, id, cause, params }) => {
    const schedule = found(world, id);
    return inTimeOf(world, idOf(schedule.customer), () => {
      work(world, cause, schedule, params);
      return schedule;
    });
  };
}

export const subscriptionSchedules = [
  route<Stripe.SubscriptionScheduleCreateParams>({
    verb: "POST",
    path: "/v1/subscription_schedules",
    method: "SubscriptionScheduleResource.create",
    supports: ["from_subscription", "metadata"],
    answers: "subscription_schedule",
    run({ world, cause, params }) {
      const id = params.from_subscription;
      if (id === undefined)
        throw unsupported("schedules that begin without a subscription", "from_subscription");
      const subscription = world.billing.subscriptions.get(id);
      if (!subscription) throw noSuchIn("from_subscription", "subscription", id);
      if (!["active", "trialing", "past_due"].includes(subscription.status)) {
        throw invalid(`You cannot migrate a subscription that is ${subscription.status}.`, {
          param: "from_subscription",
        });
      }
      const metadata = mergeMetadata(null, params.metadata);
      return inTimeOf(world, idOf(subscription.customer), () =>
        scheduleFrom(world, cause, subscription, metadata),
      );
    },
  }),
  route<Stripe.SubscriptionScheduleRetrieveParams>({
    verb: "GET",
    path: "/v1/subscription_schedules/:id",
    method: "SubscriptionScheduleResource.retrieve",
    supports: [],
    answers: "subscription_schedule",
    run: ({ world, id }) => found(world, id),
  }),
  route<Stripe.SubscriptionScheduleUpdateParams>({
    verb: "POST",
    path: "/v1/subscription_schedules/:id",
    method: "SubscriptionScheduleResource.update",
    supports: [
      "end_behavior",
      "metadata",
      "phases.billing_cycle_anchor",
      "phases.duration",
      "phases.end_date",
      "phases.items.metadata",
      "phases.items.price",
      "phases.items.quantity",
      "phases.metadata",
      "phases.proration_behavior",
      "phases.start_date",
      "proration_behavior",
    ],
    answers: "subscription_schedule",
    run: onSchedule<Stripe.SubscriptionScheduleUpdateParams>(updateSchedule),
  }),
  route<Stripe.SubscriptionScheduleReleaseParams>({
    verb: "POST",
    path: "/v1/subscription_schedules/:id/release",
    method: "SubscriptionScheduleResource.release",
    supports: [],
    answers: "subscription_schedule",
    run: onSchedule((world, cause, schedule) => {
      refuseEnded(schedule, "release");
      releaseSchedule(world, cause, schedule);
    }),
  }),
  route<Stripe.SubscriptionScheduleCancelParams>({
    verb: "POST",
    path: "/v1/subscription_schedules/:id/cancel",
    method: "SubscriptionScheduleResource.cancel",
    supports: [],
    answers: "subscription_schedule",
    run: onSchedule((world, cause, schedule) => {
      refuseEnded(schedule, "cancel");
      const subscription = world.billing.subscriptions.get(idOf(schedule.subscription));
      // The subscription is canceled with its schedule, at once.
      if (subscription) endSubscription(world, cause, subscription, "cancellation_requested");
    }),
  }),
  route<Stripe.SubscriptionScheduleListParams>({
    verb: "GET",
    path: "/v1/subscription_schedules",
    method: "SubscriptionScheduleResource.list",
    supports: ["created", "customer", "scheduled", "limit", "starting_after", "ending_before"],
    answers: "subscription_schedule",
    run({ world, params }) {
      const all = world.billing.schedules
        .newestFirst()
        .filter(createdWithin(params.created))
        .filter(({ customer }) => params.customer === undefined || customer === params.customer)
        .filter(({ status }) => params.scheduled !== true || status === "not_started");
      return page(all, params, "/v1/subscription_schedules", "subscription schedule");
    },
  }),
];
