/** Makes a customer: through the API, or because somebody paid on the hosted page. */
import type { Stripe } from "stripe";
import { mergeMetadata, type MetadataParam } from "../protocol/metadata.ts";
import type { Cause, World } from "../world.ts";
import { refuseBadEmail } from "./email.ts";

type NewCustomer = {
  email?: string;
  name?: string | null;
  phone?: string;
  description?: string;
  metadata?: MetadataParam;
  preferred_locales?: string[];
  test_clock?: string | null;
};

export function createCustomer(world: World, cause: Cause, params: NewCustomer): Stripe.Customer {
  if (params.email !== undefined) refuseBadEmail(params.email, "email");
  const customer: Stripe.Customer = {
    id: world.id("cus_", 14),
    object: "customer",
    address: null,
    balance: 0,
    created: world.seconds(),
    currency: null,
    customer_account: null,
    default_source: null,
    delinquent: false,
    description: params.description ?? null,
    discount: null,
    email: params.email ?? null,
    invoice_prefix: world.id("", 8).toUpperCase(),
    invoice_settings: {
      custom_fields: null,
      default_payment_method: null,
      footer: null,
      rendering_options: null,
    },
    livemode: false,
    metadata: mergeMetadata(null, params.metadata),
    name: params.name ?? null,
    next_invoice_sequence: 1,
    phone: params.phone ?? null,
    preferred_locales: params.preferred_locales ?? [],
    shipping: null,
    tax_exempt: "none",
    test_clock: params.test_clock ?? null,
  };
  world.customers.add(customer);
  world.emit(cause, "customer.created", customer);
  return customer;
}
