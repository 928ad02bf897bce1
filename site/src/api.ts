/** The calls of buying and spending: packs, rate, quote, checkout, tier, balances, API keys. */
import { anything, call, post, remove } from "./call.ts";
import {
  checkoutShape,
  creditShape,
  keysShape,
  newKeyShape,
  packsShape,
  planPreviewShape,
  purchaseShape,
  quoteShape,
  rateShape,
  sentShape,
  tierShape,
  tierStartShape,
  type PlanPreview,
} from "./wire.ts";

export type Order = ({ readonly pack: string } | { readonly amountCents: number }) & {
  readonly deliverTo: "venice" | "wallet";
  /** As it was typed. */
  readonly promotionCode?: string | undefined;
};

export const readPacks = () => call("packs", packsShape);
export const readRate = () => call("rate", rateShape);
export const readCredit = () => call("credit-status", creditShape);
/** With all that happened to it. */
export const readPurchase = (id: string) => call(`purchases/${encodeURIComponent(id)}`, purchaseShape);
/** Whole ducats of the wallet, to the account's citizen. The same key for each retry. */
export const sendToVenice = (ducats: number, idempotencyKey: string) =>
  call("withdraw", sentShape, {
    method: "POST",
    json: { ducats },
    headers: { "idempotency-key": idempotencyKey },
  });
export const readKeys = () => call("api-keys", keysShape);

/** What the order costs and gives now, promised for a quarter of an hour. */
export const takeQuote = (order: Order) => post("quote", quoteShape, order);

/** The same key for each retry of the same order: it opens one purchase, however often it is sent. */
export const openCheckout = (quote: string, idempotencyKey: string) =>
  call("create-checkout", checkoutShape, {
    method: "POST",
    json: { quote },
    headers: { "idempotency-key": idempotencyKey },
  });

export type Plan = { readonly tier: string; readonly period: "month" | "year" };

export const readTier = () => call("subscription", tierShape);
/** Opens its payment page. */
export const startTier = (plan: Plan) => post("subscription", tierStartShape, { action: "start", ...plan });
export const previewTier = (plan: Plan) =>
  post("subscription", planPreviewShape, { action: "preview", ...plan });

/** For just what the preview said. The same key for each retry. */
export const changeTier = (plan: Plan, preview: PlanPreview, idempotencyKey: string) => {
  const { prorationAt, dueNowCents } = preview;
  return askTier({ action: "change", ...plan, prorationAt, dueNowCents }, idempotencyKey);
};
export type TierAct = "cancel" | "keep" | "pause" | "unpause";
/** The same key for each retry. */
export const actOnTier = (action: TierAct, idempotencyKey: string) => askTier({ action }, idempotencyKey);

const askTier = (json: object, idempotencyKey: string) =>
  call("subscription", tierShape, {
    method: "POST",
    json,
    headers: { "idempotency-key": idempotencyKey },
  });

export type NewKey = {
  readonly name: string;
  readonly scopes: readonly string[];
  /** Without it the key works until it is revoked. */
  readonly expiresInDays?: number;
};

const keyPath = (id: string) => `api-keys/${encodeURIComponent(id)}`;

export const createKey = (key: NewKey) => post("api-keys", newKeyShape, key);
/** A new secret in the key's place; the old one works on for so many days. */
export const rerollKey = (id: string, overlapDays: number) => post(keyPath(id), newKeyShape, { overlapDays });
export const revokeKey = (id: string) => remove(keyPath(id), anything);
