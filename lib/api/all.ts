/** Every function's declaration: what `openapi` serves, and what the architecture test compares with the folder. */
import type { Declaration } from "../http/declare.ts";
import {
  citizenApi,
  citizenProofApi,
  emailVerificationApi,
  meApi,
  passwordApi,
  passwordResetApi,
  sessionsApi,
} from "./account.ts";
import { apiKeysApi } from "./api-keys.ts";
import { citizensApi } from "./citizens.ts";
import { billingPortalApi, invoicesApi, paymentMethodsApi } from "./billing.ts";
import { createCheckoutApi } from "./create-checkout.ts";
import { creditStatusApi } from "./credit-status.ts";
import { deadLettersApi, deliveriesApi, withdrawApi } from "./deliveries.ts";
import {
  deliverDucatsApi,
  forgetExpiredApi,
  healthApi,
  notifyCitizensApi,
  openapiApi,
  reconcileStripeApi,
  keepSubscriptionsApi,
  refreshCitizensApi,
  replenishmentCheckApi,
  sendLettersApi,
  updateRateApi,
} from "./operations.ts";
import { refundsApi } from "./refunds.ts";
import { packsApi } from "./packs.ts";
import { purchasesApi } from "./purchases.ts";
import { passkeysApi } from "./passkeys.ts";
import { quoteApi } from "./quote.ts";
import { rateApi } from "./rate.ts";
import { reconciliationApi } from "./reconciliation.ts";
import { loginApi, logoutApi, passkeyLoginApi, refreshApi, signupApi, veniceLoginApi } from "./sign-in.ts";
import { accountsApi, auditApi, lettersApi } from "./staff.ts";
import { stripeWebhookApi } from "./stripe-webhook.ts";
import { subscriptionApi } from "./subscription.ts";
import { usageApi } from "./usage.ts";

export const declarations: readonly Declaration[] = [
  packsApi,
  rateApi,
  signupApi,
  loginApi,
  passkeyLoginApi,
  veniceLoginApi,
  refreshApi,
  logoutApi,
  meApi,
  sessionsApi,
  passwordApi,
  passwordResetApi,
  emailVerificationApi,
  passkeysApi,
  citizenApi,
  citizenProofApi,
  citizensApi,
  quoteApi,
  createCheckoutApi,
  stripeWebhookApi,
  creditStatusApi,
  purchasesApi,
  subscriptionApi,
  billingPortalApi,
  invoicesApi,
  paymentMethodsApi,
  withdrawApi,
  deliveriesApi,
  apiKeysApi,
  usageApi,
  accountsApi,
  auditApi,
  lettersApi,
  deadLettersApi,
  refundsApi,
  reconciliationApi,
  healthApi,
  openapiApi,
  deliverDucatsApi,
  replenishmentCheckApi,
  sendLettersApi,
  forgetExpiredApi,
  refreshCitizensApi,
  notifyCitizensApi,
  updateRateApi,
  reconcileStripeApi,
  keepSubscriptionsApi,
];
