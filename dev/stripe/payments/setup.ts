/** Stores a card for later payments: checked with its bank, and proven by its holder where the bank asks. */
import type { Stripe } from "stripe";
import { keepMethod } from "../objects/payment-methods.ts";
import { idOf } from "../reference.ts";
import { onItsOwn, type Cause, type World } from "../world.ts";
import { frozen } from "./intent.ts";
import { FAILED_PROOF } from "./refuse.ts";
import type { Decline } from "./test-cards.ts";

export type NewSetupIntent = {
  readonly customer: string | null;
  readonly description: string | null;
  readonly metadata: Record<string, string>;
  readonly usage: string;
  readonly method: string | null;
};

export function newSetupIntent(world: World, cause: Cause, given: NewSetupIntent): Stripe.SetupIntent {
  const id = world.id("seti_1", 23);
  const intent = world.billing.setupIntents.add({
    id,
    object: "setup_intent",
    allowed_payment_method_types: ["card"],
    application: null,
    automatic_payment_methods: null,
    cancellation_reason: null,
    client_secret: `${id}_secret_${world.id("", 25)}`,
    created: world.seconds(),
    customer: given.customer,
    customer_account: null,
    description: given.description,
    excluded_payment_method_types: null,
    flow_directions: null,
    last_setup_error: null,
    latest_attempt: null,
    livemode: false,
    managed_payments: null,
    mandate: null,
    metadata: given.metadata,
    next_action: null,
    on_behalf_of: null,
    payment_method: given.method,
    payment_method_configuration_details: null,
    payment_method_options: {
      card: { mandate_options: null, network: null, request_three_d_secure: "automatic" },
    },
    payment_method_types: ["card"],
    single_use_mandate: null,
    status: given.method === null ? "requires_payment_method" : "requires_confirmation",
    usage: given.usage,
  });
  world.emit(cause, "setup_intent.created", intent);
  return intent;
}

/** @returns what came of it; told as events. */
export function confirmSetup(
  world: World,
  cause: Cause,
  intent: Stripe.SetupIntent,
  method: Stripe.PaymentMethod,
): "stored" | "asks" | "declined" {
  const held = world.billing.cards.get(method.id);
  if (!held) throw new Error(`${method.id} is no card`);
  if (held.card.authenticates) {
    intent.status = "requires_action";
    intent.payment_method = method.id;
    intent.next_action = {
      type: "redirect_to_url",
      redirect_to_url: { return_url: null, url: `${world.url()}/s/${intent.id}/authenticate` },
    };
    world.emit(cause, "setup_intent.requires_action", intent);
    return "asks";
  }
  if (held.card.decline && !held.card.attaches) {
    failSetup(world, cause, intent, method, held.card.decline);
    return "declined";
  }
  store(world, cause, intent, method);
  return "stored";
}

/** The holder answers their bank. @returns undefined when nobody asked. */
export function proveSetup(
  world: World,
  intent: Stripe.SetupIntent,
  completes: boolean,
): "stored" | "failed" | undefined {
  const method = world.paymentMethods.get(idOf(intent.payment_method));
  if (intent.status !== "requires_action" || !method) return undefined;
  intent.next_action = null;
  if (!completes) {
    failSetup(world, onItsOwn, intent, method, undefined);
    return "failed";
  }
  store(world, onItsOwn, intent, method);
  return "stored";
}

function store(world: World, cause: Cause, intent: Stripe.SetupIntent, method: Stripe.PaymentMethod): void {
  const held = world.billing.cards.get(method.id);
  if (held) world.billing.cards.set(method.id, { card: held.card, proven: true });
  intent.status = "succeeded";
  intent.payment_method = method.id;
  intent.next_action = null;
  intent.last_setup_error = null;
  const customer = idOf(intent.customer);
  if (customer !== "" && method.customer === null) keepMethod(world, cause, method, customer);
  world.emit(cause, "setup_intent.succeeded", intent);
}

/** @param decline undefined when the holder did not prove who they are. */
function failSetup(
  world: World,
  cause: Cause,
  intent: Stripe.SetupIntent,
  method: Stripe.PaymentMethod,
  decline: Decline | undefined,
): void {
  intent.status = "requires_payment_method";
  intent.payment_method = null;
  intent.last_setup_error = decline
    ? {
        code: decline.code,
        ...(decline.declineCode === undefined ? {} : { decline_code: decline.declineCode }),
        message: decline.message,
        payment_method: frozen(method),
        type: "card_error",
      }
    : {
        code: "setup_intent_authentication_failure",
        message: FAILED_PROOF.message,
        payment_method: frozen(method),
        type: "invalid_request_error",
      };
  world.emit(cause, "setup_intent.setup_failed", intent);
}
