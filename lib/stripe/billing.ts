/** The Billing port over Stripe's SDK. */
import type StripeSdk from "stripe";
import type { Billing } from "./billing-port.ts";
import type { Line } from "./client.ts";
import { adoptCard, listCards, makeDefault, removeCard } from "./cards.ts";
import { guarded } from "./guarded.ts";
import { voidInvoice } from "./invoices.ts";
import { invoicePage, listInvoices, nextInvoice, openPortal } from "./invoice-pages.ts";
import {
  cancel,
  cancelNow,
  changeLater,
  changeNow,
  keep,
  pause,
  previewChange,
  readPlan,
  unpause,
} from "./plans.ts";
import { endStart, findPrice, makeCustomer, openStart, readStart } from "./starts.ts";

type Dialled = { readonly sdk: () => Promise<StripeSdk>; readonly onTrip: () => void };

export function billingOver({ sdk, onTrip }: Dialled): Billing {
  const ask = async <T>(call: (line: Line) => Promise<T>): Promise<T> => {
    const line = { sdk: await sdk(), onTrip };
    return await guarded(() => call(line));
  };
  return {
    makeCustomer: (account) => ask((line) => makeCustomer(line, account)),
    findPrice: (price) => ask((line) => findPrice(line, price)),
    openStart: (request) => ask((line) => openStart(line, request)),
    readStart: (session) => ask((line) => readStart(line, session)),
    endStart: (session) => ask((line) => endStart(line, session)),
    readPlan: (subscription) => ask((line) => readPlan(line, subscription)),
    previewChange: (change) => ask((line) => previewChange(line, change)),
    changeNow: (change, key) => ask((line) => changeNow(line, change, key)),
    changeLater: (change, key) => ask((line) => changeLater(line, change, key)),
    cancel: (plan, key) => ask((line) => cancel(line, plan, key)),
    cancelNow: (plan, key) => ask((line) => cancelNow(line, plan, key)),
    keep: (plan, key) => ask((line) => keep(line, plan, key)),
    pause: (plan, key) => ask((line) => pause(line, plan, key)),
    unpause: (plan, key) => ask((line) => unpause(line, plan, key)),
    openPortal: (customer, returnUrl) => ask((line) => openPortal(line, customer, returnUrl)),
    listInvoices: (customer, after) => ask((line) => listInvoices(line, customer, after)),
    invoicePage: (invoice) => ask((line) => invoicePage(line, invoice)),
    nextInvoice: (subscription) => ask((line) => nextInvoice(line, subscription)),
    listCards: (holder) => ask((line) => listCards(line, holder)),
    makeDefault: (holder, card) => ask((line) => makeDefault(line, holder, card)),
    voidInvoice: (invoice) => ask((line) => voidInvoice(line, invoice)),
    adoptCard: (subscription) => ask((line) => adoptCard(line, subscription)),
    removeCard: (card) => ask((line) => removeCard(line, card)),
  };
}
