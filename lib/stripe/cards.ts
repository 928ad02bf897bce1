/** A customer's cards at Stripe, and which of them is charged. */
import { expectMade, expectObject, idOf } from "./answers.ts";
import type { CardHolder, CardShown } from "./billing-port.ts";
import type { Line } from "./client.ts";
import { found } from "./read-history.ts";

/** More than a person has. */
const limit = 100;

export async function listCards(
  { sdk, onTrip }: Line,
  { customer, subscription }: CardHolder,
): Promise<readonly CardShown[]> {
  for (const asked of [customer, customer, subscription]) if (asked !== null) onTrip();
  const [methods, owner, plan] = await Promise.all([
    sdk.customers.listPaymentMethods(customer, { type: "card", limit }),
    sdk.customers.retrieve(customer),
    subscription === null ? null : sdk.subscriptions.retrieve(subscription),
  ]);
  expectObject(methods, "list");
  expectObject(owner, "customer");
  if (plan !== null) expectObject(plan, "subscription");
  const ofCustomer = owner.deleted === true ? null : owner.invoice_settings.default_payment_method;
  // The subscription's own comes before the customer's.
  const charged = idOf(plan?.default_payment_method ?? ofCustomer);
  return methods.data.flatMap(({ id, card }) =>
    card
      ? [
          {
            id,
            brand: card.brand,
            last4: card.last4,
            expMonth: card.exp_month,
            expYear: card.exp_year,
            isDefault: id === charged,
          },
        ]
      : [],
  );
}

export async function makeDefault(
  { sdk, onTrip }: Line,
  { customer, subscription }: CardHolder,
  card: string,
): Promise<void> {
  onTrip();
  expectMade(
    await sdk.customers.update(customer, { invoice_settings: { default_payment_method: card } }),
    "customer",
  );
  if (subscription === null) return;
  onTrip();
  // Empty unsets it: one of its own would come before the customer's.
  expectMade(await sdk.subscriptions.update(subscription, { default_payment_method: "" }), "subscription");
}

export async function adoptCard({ sdk, onTrip }: Line, subscription: string): Promise<void> {
  onTrip();
  const read = await found(() => sdk.subscriptions.retrieve(subscription));
  if (read === null) return;
  expectObject(read, "subscription");
  const card = idOf(read.default_payment_method);
  if (card !== null)
    await makeDefault({ sdk, onTrip }, { customer: idOf(read.customer), subscription }, card);
}

export async function removeCard({ sdk, onTrip }: Line, card: string): Promise<void> {
  const { default: Sdk } = await import("stripe");
  onTrip();
  try {
    expectMade(await sdk.paymentMethods.detach(card), "payment_method");
  } catch (error) {
    if (!(error instanceof Sdk.errors.StripeInvalidRequestError)) throw error;
    onTrip();
    const method = await sdk.paymentMethods.retrieve(card);
    if (method.customer !== null) throw error;
  }
}
