/** Reading again what Stripe keeps: pages of lists, and single objects by their ids. */
import type StripeSdk from "stripe";
import * as z from "zod";
import { expectObject } from "./answers.ts";
import type { BalanceTransaction, Page, Span } from "./history.ts";
import type { VerifiedEvent } from "./port.ts";

const perPage = 100;

/** Two tries of five seconds: a scheduled run has many of these to make, and another run comes. */
export const bounds = { timeout: 5_000, maxNetworkRetries: 1 };

export async function eventsPage(
  sdk: StripeSdk,
  types: readonly string[],
  span: Span,
  after: string | null,
): Promise<Page<VerifiedEvent>> {
  const list = await sdk.events.list({ types: [...types], ...within(span, after) }, bounds);
  return pageOf(list, "event", verified);
}

export async function readEvent(sdk: StripeSdk, id: string): Promise<VerifiedEvent | null> {
  const event = await found(() => sdk.events.retrieve(id, {}, bounds));
  if (event === null) return null;
  expectObject(event, "event");
  return verified(event);
}

const reference = z.object({ object: z.string(), id: z.string() });

/** What facts are made of, by the name of the object. */
const readers: Readonly<
  Record<string, (sdk: StripeSdk, id: string) => Promise<{ object: string; livemode?: boolean }>>
> = {
  "checkout.session": (sdk, id) => sdk.checkout.sessions.retrieve(id, { expand: ["payment_intent"] }, bounds),
  payment_intent: (sdk, id) => sdk.paymentIntents.retrieve(id, {}, bounds),
  charge: (sdk, id) => sdk.charges.retrieve(id, {}, bounds),
  refund: (sdk, id) => sdk.refunds.retrieve(id, {}, bounds),
  dispute: (sdk, id) => sdk.disputes.retrieve(id, {}, bounds),
};

export async function readCurrent(sdk: StripeSdk, object: unknown) {
  const asked = reference.safeParse(object);
  const reader = asked.success ? readers[asked.data.object] : undefined;
  if (!asked.success || !reader) return null;
  const answer = await found(() => reader(sdk, asked.data.id));
  if (answer === null) return null;
  expectObject(answer, asked.data.object);
  return { object: answer, livemode: answer.livemode ?? false };
}

export async function balancePage(
  sdk: StripeSdk,
  span: Span,
  after: string | null,
): Promise<Page<BalanceTransaction>> {
  const params = { ...within(span, after), expand: ["data.source"] };
  const list = await sdk.balanceTransactions.list(params, bounds);
  return pageOf(list, "balance_transaction", (transaction) => ({
    id: transaction.id,
    created: transaction.created,
    type: transaction.type,
    category: transaction.reporting_category,
    ...sourceOf(transaction.source),
    amountCents: transaction.amount,
    feeCents: transaction.fee,
    currency: transaction.currency,
  }));
}

export function within({ from, to }: Span, after: string | null) {
  return {
    created: { gte: from, lt: to },
    limit: perPage,
    ...(after === null ? {} : { starting_after: after }),
  };
}

type Listed = { readonly object?: string };

export function pageOf<T extends Listed, Item>(
  list: { readonly object?: string; readonly data: readonly T[]; readonly has_more: boolean },
  name: string,
  item: (each: T) => Item,
): Page<Item> {
  expectObject(list, "list");
  for (const each of list.data) expectObject(each, name);
  return { items: list.data.map(item), hasMore: list.has_more };
}

export async function found<T>(read: () => Promise<T>): Promise<T | null> {
  const { default: Sdk } = await import("stripe");
  try {
    return await read();
  } catch (error) {
    if (error instanceof Sdk.errors.StripeInvalidRequestError && error.code === "resource_missing")
      return null;
    throw error;
  }
}

function verified(event: StripeSdk.Event): VerifiedEvent {
  const { id, type, livemode, created } = event;
  return {
    id,
    type,
    apiVersion: event.api_version,
    livemode,
    created,
    object: event.data.object,
    payload: event,
  };
}

const named = z.union([z.string(), z.object({ id: z.string() }).transform(({ id }) => id)]);
const sourceShape = z.object({ id: z.string(), payment_intent: named.nullish() });

/** A charge, a refund or a dispute names its PaymentIntent; a payout none. */
function sourceOf(source: unknown): { readonly source: string | null; readonly payment: string | null } {
  if (typeof source === "string") return { source, payment: null };
  const known = sourceShape.safeParse(source);
  return known.success
    ? { source: known.data.id, payment: known.data.payment_intent ?? null }
    : { source: null, payment: null };
}
