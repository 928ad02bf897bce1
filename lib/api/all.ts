/** Every function's declaration: what `openapi` serves, and what the architecture test compares with the folder. */
import type { Declaration } from "../http/declare.ts";
import { loginApi, logoutApi, meApi, signupApi } from "./account.ts";
import { apiKeysApi } from "./api-keys.ts";
import { createCheckoutApi } from "./create-checkout.ts";
import { creditStatusApi } from "./credit-status.ts";
import { deliverDucatsApi, healthApi, openapiApi, replenishmentCheckApi } from "./operations.ts";
import { packsApi } from "./packs.ts";
import { stripeWebhookApi } from "./stripe-webhook.ts";
import { usageApi } from "./usage.ts";

export const declarations: readonly Declaration[] = [
  packsApi,
  signupApi,
  loginApi,
  logoutApi,
  meApi,
  createCheckoutApi,
  stripeWebhookApi,
  creditStatusApi,
  apiKeysApi,
  usageApi,
  healthApi,
  openapiApi,
  deliverDucatsApi,
  replenishmentCheckApi,
];
