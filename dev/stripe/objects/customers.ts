/** Customers. */
import type { Stripe } from "stripe";
import { invalid, noSuch, noSuchIn } from "../protocol/errors.ts";
import { createdWithin, page } from "../protocol/list.ts";
import { mergeMetadata, type MetadataParam } from "../protocol/metadata.ts";
import { route } from "../protocol/route.ts";
import { copy, type Cause, type World } from "../world.ts";

type NewCustomer = {
  email?: string;
  name?: string | null;
  phone?: string;
  description?: string;
  metadata?: MetadataParam;
  preferred_locales?: string[];
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
    test_clock: null,
  };
  world.customers.add(customer);
  world.emit(cause, "customer.created", customer);
  return customer;
}

/** @throws Refusal naming `param` when there is no such customer. */
export function customerNamed(world: World, id: string, param: string): Stripe.Customer {
  const customer = world.customers.get(id);
  if (!customer) throw noSuchIn(param, "customer", id);
  return customer;
}

export function refuseBadEmail(email: string, param: string): void {
  if (isEmail(email)) return;
  throw invalid(`Invalid email address: ${email}`, { param, code: "email_invalid" });
}

export function isEmail(text: string): boolean {
  return text.length <= 512 && /^[^\s@]+@[^\s@.]+(\.[^\s@.]+)+$/.test(text);
}

function found(world: World, id: string): Stripe.Customer {
  const customer = world.customers.get(id);
  if (!customer) throw noSuch("customer", id);
  return customer;
}

const details = ["description", "email", "metadata", "name", "phone", "preferred_locales"];

export const customers = [
  route<Stripe.CustomerCreateParams>({
    verb: "POST",
    path: "/v1/customers",
    method: "CustomerResource.create",
    supports: details,
    answers: "customer",
    run({ world, cause, params }) {
      const { metadata, ...others } = params;
      return createCustomer(world, cause, { ...others, ...(metadata === undefined ? {} : { metadata }) });
    },
  }),
  route<Stripe.CustomerRetrieveParams>({
    verb: "GET",
    path: "/v1/customers/:id",
    method: "CustomerResource.retrieve",
    supports: [],
    answers: "customer",
    run: ({ world, id }) => world.deleted.get(id) ?? found(world, id),
  }),
  route<Stripe.CustomerUpdateParams>({
    verb: "POST",
    path: "/v1/customers/:id",
    method: "CustomerResource.update",
    supports: details,
    answers: "customer",
    run({ world, id, cause, params }) {
      const customer = found(world, id);
      if (params.email !== undefined) refuseBadEmail(params.email, "email");
      const metadata = mergeMetadata(customer.metadata, params.metadata);
      const before = copy(customer);
      if (params.email !== undefined) customer.email = params.email;
      if (params.name !== undefined) customer.name = params.name;
      if (params.phone !== undefined) customer.phone = params.phone;
      if (params.description !== undefined) customer.description = params.description;
      if (params.preferred_locales !== undefined) customer.preferred_locales = params.preferred_locales;
      customer.metadata = metadata;
      world.emit(cause, "customer.updated", customer, before);
      return customer;
    },
  }),
  route<Stripe.CustomerDeleteParams>({
    verb: "DELETE",
    path: "/v1/customers/:id",
    method: "CustomerResource.del",
    supports: [],
    answers: undefined,
    run({ world, id, cause }) {
      const customer = found(world, id);
      world.customers.remove(id);
      const gone: Stripe.DeletedCustomer = { id, object: "customer", deleted: true };
      world.deleted.add(gone);
      world.emit(cause, "customer.deleted", customer);
      return gone;
    },
  }),
  route<Stripe.CustomerListParams>({
    verb: "GET",
    path: "/v1/customers",
    method: "CustomerResource.list",
    supports: ["created", "email", "limit", "starting_after", "ending_before"],
    answers: "customer",
    run({ world, params }) {
      const all = world.customers
        .newestFirst()
        .filter(createdWithin(params.created))
        .filter(({ email }) => params.email === undefined || email === params.email);
      return page(all, params, "/v1/customers", "customer");
    },
  }),
];
