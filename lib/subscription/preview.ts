/** What a change of plan would come to, reckoned by Stripe: the same before it is shown and before it is made. */
import type { App } from "../app.ts";
import { tierLookupKey } from "../catalog/tiers.ts";
import { SECOND_MS } from "../clock.ts";
import { Unavailable } from "../errors.ts";
import { cents, type Cents } from "../money.ts";
import type { PlanRead, PriceFound } from "../stripe/billing-port.ts";
import { priceNamed, tierOfPrice } from "./prices.ts";
import { whenOf, type Plan } from "./rules.ts";
import { aliveIn, readStanding } from "./show.ts";

/** Why a plan can't be changed just now: an invoice is to be paid, invoices are paused, or it ends with its period. */
export type Hindrance = "unpaid" | "paused" | "ending";

export type Reckoned = {
  readonly kind: "reckoned";
  readonly when: "now" | "later";
  /** Asked for at once. */
  readonly dueNowCents: Cents;
  readonly price: PriceFound;
};

type Ports = Pick<App, "billing" | "env">;

/** When the change would happen; `same`: there is nothing to change. */
export function whenOfChange({ env }: Pick<App, "env">, plan: PlanRead, to: Plan): "same" | "now" | "later" {
  const from = { tier: tierOfPrice(env, plan.price), period: plan.interval };
  return whenOf(from, to, plan.status === "trialing");
}

/** `over`: that time is not in the present period any more. @throws Unavailable */
export async function reckon(
  app: Ports,
  plan: PlanRead,
  to: Plan,
  prorationAt: number,
): Promise<
  | Reckoned
  | { readonly kind: "same" }
  | { readonly kind: "over" }
  | { readonly kind: "hindered"; readonly by: Hindrance }
> {
  const isTrial = plan.status === "trialing";
  const when = whenOfChange(app, plan, to);
  if (when === "same") return { kind: "same" };
  // What an unpaid period, or a void invoice, would be credited with was never paid.
  if (!isTrial && plan.status !== "active") return { kind: "hindered", by: "unpaid" };
  if (plan.isPaused) return { kind: "hindered", by: "paused" };
  if (plan.isEnding) return { kind: "hindered", by: "ending" };
  const price = await app.billing.findPrice({
    named: priceNamed(app.env, to.tier, to.period),
    lookupKey: tierLookupKey(to.tier, to.period),
  });
  const dueNow = when === "now" ? await app.billing.previewChange({ plan, price: price.id, prorationAt }) : 0;
  if (dueNow === null) return { kind: "over" };
  return { kind: "reckoned", when, dueNowCents: cents(BigInt(dueNow)), price };
}

export type PreviewOutcome =
  | {
      readonly kind: "previewed";
      readonly when: "now" | "later";
      readonly dueNowCents: Cents;
      /** Seconds since 1970: the change is reckoned as of then. */
      readonly prorationAt: number;
      /** What each invoice after the change is for, discounts and credits not reckoned in. */
      readonly nextCents: Cents;
      /** When the change happens. */
      readonly at: string;
    }
  | { readonly kind: "unauthorised" | "no_subscription" | "same" }
  | { readonly kind: "hindered"; readonly by: Hindrance };

/** Changes nothing. @throws Unavailable */
export async function previewPlan(
  app: Ports & Pick<App, "db" | "clock">,
  sessionId: string,
  to: Plan,
): Promise<PreviewOutcome> {
  const standing = await readStanding(app, sessionId);
  if (!standing) return { kind: "unauthorised" };
  const alive = aliveIn(standing);
  const plan = alive && (await app.billing.readPlan(alive.id));
  if (!plan) return { kind: "no_subscription" };
  const now = app.clock();
  const prorationAt = Math.floor(now.getTime() / SECOND_MS);
  const reckoned = await reckon(app, plan, to, prorationAt);
  if (reckoned.kind === "same" || reckoned.kind === "hindered") return reckoned;
  if (reckoned.kind === "over")
    throw new Unavailable("stripe", { effect: "none", message: `a period of ${plan.id} begins just now` });
  const { when, dueNowCents, price } = reckoned;
  return {
    kind: "previewed",
    when,
    dueNowCents,
    prorationAt,
    nextCents: cents(BigInt(price.amountCents)),
    at: when === "now" ? now.toISOString() : plan.periodEnd,
  };
}
