/** Customers: made, read, changed and deleted through the API. */
import type { Stripe } from "stripe";
import { moveBalance } from "../billing/balance.ts";
import { endSubscription, hasEnded } from "../billing/end.ts";
import { inTimeOf } from "../billing/time.ts";
import { createCustomer } from "../customers/create.ts";
import { refuseBadEmail } from "../customers/email.ts";
import { invalid, noSuch, noSuchIn } from "../protocol/errors.ts";
import { createdWithin, page } from "../protocol/list.ts";
import { mergeMetadata } from "../protocol/metadata.ts";
import { route } from "../protocol/route.ts";
import { copy, type Cause, type World } from "../world.ts";
import { currencyOf } from "./money.ts";
import { methodOf } from "./payment-methods.ts";

function found(world: World, id: string): Stripe.Customer {
  const customer = world.customers.get(id);
  if (!customer) throw noSuch("customer", id);
  return customer;
}

/** As many customers can live by one test clock. */
const MOST_ON_A_CLOCK = 3;

function refuseFullClock(world: World, clockId: string): void {
  if (!world.billing.clocks.get(clockId)) throw noSuchIn("test_clock", "test_helpers.test_clock", clockId);
  const there = world.customers.oldestFirst().filter(({ test_clock: clock }) => clock === clockId);
  if (there.length < MOST_ON_A_CLOCK) return;
  throw invalid(`You can have at most ${MOST_ON_A_CLOCK} customers on a test clock.`, {
    param: "test_clock",
  });
}

function setBalance(world: World, cause: Cause, customer: Stripe.Customer, to: number): void {
  const amount = to - customer.balance;
  if (amount === 0) return;
  inTimeOf(world, customer.id, () =>
    moveBalance(world, cause, customer, { amount, type: "adjustment", currency: customer.currency ?? "usd" }),
  );
}

/** Subscriptions end with their customer, at once. */
function endAll(world: World, cause: Cause, customer: Stripe.Customer): void {
  inTimeOf(world, customer.id, () => {
    for (const subscription of world.billing.subscriptions.oldestFirst()) {
      if (subscription.customer !== customer.id || hasEnded(subscription)) continue;
      endSubscription(world, cause, subscription, "cancellation_requested");
    }
  });
}

const details = ["description", "email", "metadata", "name", "phone", "preferred_locales"];

export const customers = [
  route<Stripe.CustomerCreateParams>({
    verb: "POST",
    path: "/v1/customers",
    method: "CustomerResource.create",
    supports: [...details, "balance", "test_clock"],
    answers: "customer",
    run({ world, cause, params }) {
      const { metadata, balance, test_clock: clock, ...others } = params;
      if (clock !== undefined) refuseFullClock(world, clock);
      const given = { ...others, ...(metadata === undefined ? {} : { metadata }) };
      const make = (): Stripe.Customer =>
        createCustomer(world, cause, { ...given, ...(clock === undefined ? {} : { test_clock: clock }) });
      const time = clock === undefined ? undefined : world.billing.clocks.get(clock)?.frozen_time;
      const customer = time === undefined ? make() : world.within(time, make);
      if (balance) setBalance(world, cause, customer, balance);
      return customer;
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
    supports: [...details, "balance", "invoice_settings.default_payment_method"],
    answers: "customer",
    run({ world, id, cause, params }) {
      const customer = found(world, id);
      const method = params.invoice_settings?.default_payment_method;
      if (method) methodOf(world, id, method, "invoice_settings[default_payment_method]");
      if (params.email !== undefined) refuseBadEmail(params.email, "email");
      const metadata = mergeMetadata(customer.metadata, params.metadata);
      const before = copy(customer);
      if (params.email !== undefined) customer.email = params.email;
      if (params.name !== undefined) customer.name = params.name;
      if (params.phone !== undefined) customer.phone = params.phone;
      if (params.description !== undefined) customer.description = params.description;
      if (params.preferred_locales !== undefined) customer.preferred_locales = params.preferred_locales;
      if (method !== undefined) customer.invoice_settings.default_payment_method = method || null;
      customer.metadata = metadata;
      world.emit(cause, "customer.updated", customer, before);
      if (params.balance !== undefined) setBalance(world, cause, customer, params.balance);
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
      endAll(world, cause, customer);
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
    supports: ["created", "email", "test_clock", "limit", "starting_after", "ending_before"],
    answers: "customer",
    run({ world, params }) {
      const all = world.customers
        .newestFirst()
        .filter(createdWithin(params.created))
        .filter(({ email }) => params.email === undefined || email === params.email)
        // Without a clock, those that live by one are left out.
        .filter(({ test_clock: clock }) => (clock ?? null) === (params.test_clock ?? null));
      return page(all, params, "/v1/customers", "customer");
    },
  }),
  route<Stripe.CustomerCreateBalanceTransactionParams>({
    verb: "POST",
    path: "/v1/customers/:id/balance_transactions",
    method: "CustomerResource.createBalanceTransaction",
    supports: ["amount", "currency", "description", "metadata"],
    answers: "customer_balance_transaction",
    run({ world, id, cause, params }) {
      const customer = found(world, id);
      const currency = currencyOf(params.currency, "currency");
      if (customer.currency && customer.currency !== currency) {
        throw invalid(`You cannot combine currencies on a single customer; theirs is ${customer.currency}.`, {
          param: "currency",
        });
      }
      if (params.amount === 0) throw invalid("The amount must not be zero.", { param: "amount" });
      const metadata = mergeMetadata(null, params.metadata);
      return inTimeOf(world, id, () =>
        moveBalance(world, cause, customer, {
          amount: params.amount,
          type: "adjustment",
          currency,
          description: params.description ?? null,
          metadata,
        }),
      );
    },
  }),
  route<Stripe.CustomerListBalanceTransactionsParams>({
    verb: "GET",
    path: "/v1/customers/:id/balance_transactions",
    method: "CustomerResource.listBalanceTransactions",
    supports: ["created", "limit", "starting_after", "ending_before"],
    answers: "customer_balance_transaction",
    run({ world, id, params }) {
      found(world, id);
      const all = world.billing.balances
        .newestFirst()
        .filter(createdWithin(params.created))
        .filter(({ customer }) => customer === id);
      return page(all, params, `/v1/customers/${id}/balance_transactions`, "customer balance transaction");
    },
  }),
];
