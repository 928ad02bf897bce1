/** Early fraud warnings: an issuer thinks that a payment was not its card holder's. */
import type { Stripe } from "stripe";
import { noSuch } from "../protocol/errors.ts";
import { createdWithin, page } from "../protocol/list.ts";
import { route } from "../protocol/route.ts";
import { idOf } from "../reference.ts";
import { onItsOwn, type World } from "../world.ts";

export function warnOfFraud(
  world: World,
  charge: Stripe.Charge,
  fraudType: string,
): Stripe.Radar.EarlyFraudWarning {
  const warning = world.billing.fraudWarnings.add({
    id: world.id("issfr_1", 23),
    object: "radar.early_fraud_warning",
    // A payment that is disputed or given back needs nothing done any more.
    actionable: !charge.disputed && !charge.refunded,
    charge: charge.id,
    created: world.seconds(),
    fraud_type: fraudType,
    livemode: false,
    payment_intent: idOf(charge.payment_intent),
  });
  world.emit(onItsOwn, "radar.early_fraud_warning.created", warning);
  return warning;
}

export const earlyFraudWarnings = [
  route<Stripe.Radar.EarlyFraudWarningRetrieveParams>({
    verb: "GET",
    path: "/v1/radar/early_fraud_warnings/:id",
    method: "EarlyFraudWarningResource.retrieve",
    supports: [],
    answers: "radar.early_fraud_warning",
    run({ world, id }) {
      const warning = world.billing.fraudWarnings.get(id);
      if (!warning) throw noSuch("early_fraud_warning", id, "early_fraud_warning");
      return warning;
    },
  }),
  route<Stripe.Radar.EarlyFraudWarningListParams>({
    verb: "GET",
    path: "/v1/radar/early_fraud_warnings",
    method: "EarlyFraudWarningResource.list",
    supports: ["charge", "created", "payment_intent", "limit", "starting_after", "ending_before"],
    answers: "radar.early_fraud_warning",
    run({ world, params }) {
      const all = world.billing.fraudWarnings
        .newestFirst()
        .filter(createdWithin(params.created))
        .filter(({ charge }) => params.charge === undefined || charge === params.charge)
        .filter(
          ({ payment_intent: intent }) =>
            params.payment_intent === undefined || intent === params.payment_intent,
        );
      return page(all, params, "/v1/radar/early_fraud_warnings", "early fraud warning");
    },
  }),
];
