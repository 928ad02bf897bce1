/** The billing portal: what customers may do there, and their sessions. */
import type { Stripe } from "stripe";
import { inTimeOf } from "../billing/time.ts";
import { customerNamed } from "../customers/find.ts";
import { invalid, missing, noSuch, noSuchIn, unsupported } from "../protocol/errors.ts";
import { page } from "../protocol/list.ts";
import { mergeMetadata } from "../protocol/metadata.ts";
import { route } from "../protocol/route.ts";
import type { Cause, World } from "../world.ts";
import { copy } from "../world.ts";
import { priceOfProduct } from "./prices.ts";

type Features = Stripe.BillingPortal.Configuration.Features;
type GivenFeatures = Stripe.BillingPortal.ConfigurationUpdateParams.Features;

const noFeatures: Features = {
  customer_update: { allowed_updates: [], enabled: false },
  invoice_history: { enabled: false },
  payment_method_update: { enabled: false, payment_method_configuration: null },
  subscription_cancel: {
    cancellation_reason: {
      enabled: false,
      feedback_options: null,
      options: ["too_expensive", "missing_features", "switched_service", "unused", "other"],
    },
    enabled: false,
    mode: "at_period_end",
    proration_behavior: "none",
  },
  subscription_pause: { duration: { interval_options: [], type: "indefinite" }, enabled: false },
  subscription_update: {
    billing_cycle_anchor: null,
    default_allowed_updates: [],
    enabled: false,
    products: [],
    proration_behavior: "none",
    schedule_at_period_end: { conditions: [] },
    trial_update_behavior: "end_trial",
  },
};

/** What is not said stays as it was. @throws Refusal */
function featuresOf(world: World, before: Features, given: GivenFeatures): Features {
  const { subscription_update: update, subscription_cancel: cancel } = given;
  const features: Features = {
    ...before,
    customer_update: {
      enabled: given.customer_update?.enabled ?? before.customer_update.enabled,
      allowed_updates: given.customer_update?.allowed_updates || before.customer_update.allowed_updates,
    },
    invoice_history: { enabled: given.invoice_history?.enabled ?? before.invoice_history.enabled },
    payment_method_update: {
      ...before.payment_method_update,
      enabled: given.payment_method_update?.enabled ?? before.payment_method_update.enabled,
    },
    subscription_cancel: {
      cancellation_reason: {
        ...before.subscription_cancel.cancellation_reason,
        enabled:
          cancel?.cancellation_reason?.enabled ?? before.subscription_cancel.cancellation_reason.enabled,
        options:
          cancel?.cancellation_reason?.options || before.subscription_cancel.cancellation_reason.options,
      },
      enabled: cancel?.enabled ?? before.subscription_cancel.enabled,
      mode: cancel?.mode ?? before.subscription_cancel.mode,
      proration_behavior: cancel?.proration_behavior ?? before.subscription_cancel.proration_behavior,
    },
    subscription_update: {
      ...before.subscription_update,
      enabled: update?.enabled ?? before.subscription_update.enabled,
      default_allowed_updates:
        update?.default_allowed_updates || before.subscription_update.default_allowed_updates,
      products: update?.products
        ? productsOf(world, update.products)
        : (before.subscription_update.products ?? []),
      proration_behavior: update?.proration_behavior ?? before.subscription_update.proration_behavior,
      schedule_at_period_end: {
        conditions:
          update?.schedule_at_period_end?.conditions ||
          before.subscription_update.schedule_at_period_end.conditions,
      },
    },
  };
  if (features.subscription_update.enabled) {
    const at = "features[subscription_update]";
    if (features.subscription_update.default_allowed_updates.length === 0)
      throw missing(`${at}[default_allowed_updates]`);
    if ((features.subscription_update.products ?? []).length === 0) throw missing(`${at}[products]`);
  }
  return features;
}

function productsOf(
  world: World,
  given: readonly { product: string; prices: string[] }[],
): NonNullable<Features["subscription_update"]["products"]> {
  return given.map(({ product, prices }, index) => {
    const at = `features[subscription_update][products][${index}]`;
    if (!world.products.get(product)) throw noSuchIn(`${at}[product]`, "product", product);
    for (const [place, price] of prices.entries())
      priceOfProduct(world, price, product, `${at}[prices][${place}]`);
    return { adjustable_quantity: { enabled: false, maximum: null, minimum: 1 }, prices, product };
  });
}

function found(world: World, id: string): Stripe.BillingPortal.Configuration {
  const configuration = world.billing.portalConfigurations.get(id);
  if (!configuration) throw noSuch("configuration", id, "configuration");
  return configuration;
}

const configurationParams = [
  "business_profile",
  "default_return_url",
  "features.customer_update",
  "features.invoice_history",
  "features.payment_method_update.enabled",
  "features.subscription_cancel",
  "features.subscription_update.default_allowed_updates",
  "features.subscription_update.enabled",
  "features.subscription_update.products.prices",
  "features.subscription_update.products.product",
  "features.subscription_update.proration_behavior",
  "features.subscription_update.schedule_at_period_end",
  "metadata",
  "name",
];

function profileOf(
  given: Stripe.BillingPortal.ConfigurationUpdateParams.BusinessProfile | undefined,
  before: Stripe.BillingPortal.Configuration.BusinessProfile,
): Stripe.BillingPortal.Configuration.BusinessProfile {
  return {
    headline: given?.headline === undefined ? before.headline : given.headline || null,
    privacy_policy_url:
      given?.privacy_policy_url === undefined ? before.privacy_policy_url : given.privacy_policy_url || null,
    terms_of_service_url:
      given?.terms_of_service_url === undefined
        ? before.terms_of_service_url
        : given.terms_of_service_url || null,
  };
}

const noProfile = { headline: null, privacy_policy_url: null, terms_of_service_url: null };

export const portalConfigurations = [
  route<Stripe.BillingPortal.ConfigurationCreateParams>({
    verb: "POST",
    path: "/v1/billing_portal/configurations",
    method: "PortalConfigurationResource.create",
    supports: configurationParams,
    answers: "billing_portal.configuration",
    run({ world, cause, params }) {
      const features = featuresOf(world, noFeatures, params.features);
      const configuration = world.billing.portalConfigurations.add({
        id: world.id("bpc_1", 23),
        object: "billing_portal.configuration",
        active: true,
        application: null,
        business_profile: profileOf(params.business_profile, noProfile),
        created: world.seconds(),
        default_return_url: params.default_return_url || null,
        features,
        is_default: false,
        livemode: false,
        login_page: { enabled: false, url: null },
        metadata: mergeMetadata(null, params.metadata),
        name: params.name || null,
        updated: world.seconds(),
      });
      world.emit(cause, "billing_portal.configuration.created", configuration);
      return configuration;
    },
  }),
  route<Stripe.BillingPortal.ConfigurationRetrieveParams>({
    verb: "GET",
    path: "/v1/billing_portal/configurations/:id",
    method: "PortalConfigurationResource.retrieve",
    supports: [],
    answers: "billing_portal.configuration",
    run: ({ world, id }) => found(world, id),
  }),
  route<Stripe.BillingPortal.ConfigurationUpdateParams>({
    verb: "POST",
    path: "/v1/billing_portal/configurations/:id",
    method: "PortalConfigurationResource.update",
    supports: ["active", ...configurationParams],
    answers: "billing_portal.configuration",
    run({ world, id, cause, params }) {
      const configuration = found(world, id);
      const features = featuresOf(world, configuration.features, params.features ?? {});
      const metadata = mergeMetadata(configuration.metadata, params.metadata);
      if (params.active === false && configuration.is_default) {
        throw invalid("You cannot deactivate the default configuration.", { param: "active" });
      }
      const before = copy(configuration);
      configuration.features = features;
      configuration.metadata = metadata;
      configuration.business_profile = profileOf(params.business_profile, configuration.business_profile);
      if (params.active !== undefined) configuration.active = params.active;
      if (params.name !== undefined) configuration.name = params.name || null;
      if (params.default_return_url !== undefined)
        configuration.default_return_url = params.default_return_url || null;
      configuration.updated = world.seconds();
      world.emit(cause, "billing_portal.configuration.updated", configuration, before);
      return configuration;
    },
  }),
  route<Stripe.BillingPortal.ConfigurationListParams>({
    verb: "GET",
    path: "/v1/billing_portal/configurations",
    method: "PortalConfigurationResource.list",
    supports: ["active", "is_default", "limit", "starting_after", "ending_before"],
    answers: "billing_portal.configuration",
    run({ world, params }) {
      const all = world.billing.portalConfigurations
        .newestFirst()
        .filter(({ active }) => params.active === undefined || active === params.active)
        .filter(
          ({ is_default: isDefault }) => params.is_default === undefined || isDefault === params.is_default,
        );
      return page(all, params, "/v1/billing_portal/configurations", "configuration");
    },
  }),
];

type GivenFlow = NonNullable<Stripe.BillingPortal.SessionCreateParams["flow_data"]>;
type Flow = Stripe.BillingPortal.Session.Flow;

function flowOf(world: World, customer: string, given: GivenFlow): Flow {
  const { type, after_completion: after } = given;
  const named = given.subscription_cancel ?? given.subscription_update ?? given.subscription_update_confirm;
  if (type === "customer_update" || type === "subscription_pause")
    throw unsupported(`the flow '${type}'`, "flow_data[type]");
  if (type !== "payment_method_update") {
    const param = `flow_data[${type}][subscription]`;
    if (!named || (type === "subscription_cancel") !== (given.subscription_cancel !== undefined)) {
      throw missing(`flow_data[${type}]`);
    }
    const subscription = world.billing.subscriptions.get(named.subscription);
    if (subscription?.customer !== customer) throw noSuchIn(param, "subscription", named.subscription);
    if (subscription.status === "canceled") {
      throw invalid("The subscription is canceled and cannot be changed in the portal.", { param });
    }
    if (type === "subscription_cancel" && subscription.cancel_at !== null) {
      throw invalid("The subscription is already set to be canceled.", { param });
    }
  }
  return {
    after_completion: {
      hosted_confirmation: after?.hosted_confirmation
        ? { custom_message: after.hosted_confirmation.custom_message ?? null }
        : null,
      redirect: after?.redirect ? { return_url: after.redirect.return_url } : null,
      type: after?.type ?? "portal_homepage",
    },
    customer_update: null,
    subscription_cancel: given.subscription_cancel
      ? { retention: null, subscription: given.subscription_cancel.subscription }
      : null,
    subscription_pause: null,
    subscription_update: given.subscription_update ?? null,
    subscription_update_confirm: given.subscription_update_confirm
      ? {
          discounts: null,
          items: given.subscription_update_confirm.items.map(({ id, price, quantity }) => ({
            id,
            price: price ?? null,
            ...(quantity === undefined ? {} : { quantity }),
          })),
          subscription: given.subscription_update_confirm.subscription,
        }
      : null,
    type,
  };
}

/** The one that is named, or the account's own. */
function configurationOf(world: World, id: string | undefined): Stripe.BillingPortal.Configuration {
  if (id !== undefined) {
    const named = world.billing.portalConfigurations.get(id);
    if (!named) throw noSuchIn("configuration", "configuration", id);
    if (!named.active)
      throw invalid("The portal configuration specified is inactive.", { param: "configuration" });
    return named;
  }
  const own = world.billing.portalConfigurations.oldestFirst().find(({ is_default: isDefault }) => isDefault);
  if (own) return own;
  throw invalid(
    "No configuration provided and your test mode default configuration has not been created. Provide a configuration or " +
      "create your default by saving your customer portal settings in test mode at " +
      "https://dashboard.stripe.com/test/settings/billing/portal.",
  );
}

const featureOf = {
  payment_method_update: "payment_method_update",
  subscription_cancel: "subscription_cancel",
  subscription_update: "subscription_update",
  subscription_update_confirm: "subscription_update",
} as const;

function create(
  world: World,
  cause: Cause,
  params: Stripe.BillingPortal.SessionCreateParams,
): Stripe.BillingPortal.Session {
  if (params.customer === undefined) throw missing("customer");
  const customer = customerNamed(world, params.customer, "customer");
  const configuration = configurationOf(world, params.configuration);
  const flow = params.flow_data ? flowOf(world, customer.id, params.flow_data) : null;
  const feature = Object.entries(featureOf).find(([type]) => type === flow?.type)?.[1];
  if (feature && !configuration.features[feature].enabled) {
    throw invalid(
      `This flow is not available: the feature \`${feature}\` is not enabled in the portal configuration.`,
      { param: "flow_data[type]" },
    );
  }
  const returns = params.return_url ?? configuration.default_return_url;
  if (returns !== null && URL.parse(returns) === null) {
    throw invalid("Not a valid URL", { param: "return_url", code: "url_invalid" });
  }
  return inTimeOf(world, customer.id, () => {
    const id = world.id("bps_1", 23);
    const session = world.billing.portalSessions.add({
      id,
      object: "billing_portal.session",
      configuration: configuration.id,
      created: world.seconds(),
      customer: customer.id,
      customer_account: null,
      flow,
      livemode: false,
      locale: params.locale ?? null,
      on_behalf_of: null,
      return_url: returns,
      url: `${world.url()}/p/session/${id}`,
    });
    world.emit(cause, "billing_portal.session.created", session);
    return session;
  });
}

export const portalSessions = [
  route<Stripe.BillingPortal.SessionCreateParams>({
    verb: "POST",
    path: "/v1/billing_portal/sessions",
    method: "PortalSessionResource.create",
    supports: [
      "configuration",
      "customer",
      "flow_data.after_completion",
      "flow_data.subscription_cancel.subscription",
      "flow_data.subscription_update",
      "flow_data.subscription_update_confirm.items",
      "flow_data.subscription_update_confirm.subscription",
      "flow_data.type",
      "locale",
      "return_url",
    ],
    answers: "billing_portal.session",
    run: ({ world, cause, params }) => create(world, cause, params),
  }),
];
