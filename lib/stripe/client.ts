/** Stripe's SDK, loaded and built at the first use, bounded in time and tries. */
import type StripeSdk from "stripe";
import type { Env } from "../env.ts";

const timeoutMs = 8_000;
const retries = 2;

/** What a request to Stripe is made with; `onTrip` counts it. */
export type Line = { readonly sdk: StripeSdk; readonly onTrip: () => void };

const clients = new Map<string, StripeSdk>();

export async function stripeClient(
  env: Pick<Env, "STRIPE_SECRET_KEY" | "STRIPE_API_BASE">,
): Promise<StripeSdk> {
  const key = `${env.STRIPE_API_BASE ?? ""} ${env.STRIPE_SECRET_KEY}`;
  const known = clients.get(key);
  if (known) return known;
  const { default: Sdk } = await import("stripe");
  const base = env.STRIPE_API_BASE ? new URL(env.STRIPE_API_BASE) : undefined;
  const client = new Sdk(env.STRIPE_SECRET_KEY, {
    timeout: timeoutMs,
    maxNetworkRetries: retries,
    telemetry: false,
    appInfo: { name: "CASCADE" },
    ...(base && {
      host: base.hostname,
      port: base.port || (base.protocol === "https:" ? 443 : 80),
      protocol: base.protocol === "https:" ? ("https" as const) : ("http" as const),
    }),
  });
  clients.set(key, client);
  return client;
}
