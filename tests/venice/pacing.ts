/** Our share of a strict Airtable: five requests a second, of which the game may take three, and instances of ours. */
import { afterAll, beforeAll, beforeEach } from "vitest";
import { startAirtable, type Airtable } from "../../dev/airtable/start.ts";
import { startGateway, type Gateway } from "../../dev/postgres/gateway.ts";
import { startUpstash, type Upstash } from "../../dev/upstash/start.ts";
import { openApp } from "../../lib/app.ts";
import { Unavailable } from "../../lib/errors.ts";
import { venice } from "../../lib/venice/open.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { site } from "../support/call.ts";

export type Parts = {
  readonly database: TestDatabase;
  readonly gateway: Gateway;
  readonly upstash: Upstash;
  readonly airtable: Airtable;
  /** Redis' clock runs on. */
  elapse(ms: number): void;
};

export function useParts(): Parts {
  let database: TestDatabase, gateway: Gateway, upstash: Upstash, airtable: Airtable;
  let elapsed = 0;
  beforeAll(async () => {
    database = await createDatabase();
    gateway = await startGateway();
    upstash = await startUpstash({ now: () => new Date(Date.now() + elapsed) });
    airtable = await startAirtable({ requestsPerSecond: 5, gameRequestsPerSecond: 3, penaltyMs: 1_000 });
    Object.assign(process.env, {
      ...{ URL: site, DATABASE_URL: database.appUrl, NEON_FETCH_ENDPOINT: `${gateway.url}/sql` },
      ...{ STRIPE_SECRET_KEY: "sk_test_pace", STRIPE_WEBHOOK_SECRET: "whsec_pace" },
      AIRTABLE_API_KEY: airtable.apiKey,
      AIRTABLE_BASE_ID: airtable.baseId,
      AIRTABLE_ENDPOINT_URL: airtable.url,
      AIRTABLE_REQUESTS_PER_SECOND: "2",
      UPSTASH_REDIS_REST_URL: upstash.url,
      UPSTASH_REDIS_REST_TOKEN: upstash.token,
      REDIS_TIMEOUT_MS: "1000",
      JWT_SECRET_KEY: "a secret of thirty-two characters or more",
    });
    // Everything that is loaded late is loaded now.
    await instance().ask();
  });
  beforeEach(async () => {
    for (const { faults } of [gateway, upstash, airtable]) {
      faults.clear();
      faults.forget();
    }
    airtable.resetLimit();
    await upstash.clear();
    await database.rows("update pace set next_at = '-infinity'");
  });
  afterAll(async () => {
    for (const part of [airtable, upstash, gateway]) await part.close();
    await database.drop();
  });
  return {
    get database() {
      return database;
    },
    get gateway() {
      return gateway;
    },
    get upstash() {
      return upstash;
    },
    get airtable() {
      return airtable;
    },
    elapse: (ms) => void (elapsed += ms),
  };
}

/** A function's instance with an app of its own; `ask` is one request to Airtable. */
export function instance() {
  const app = openApp({ venice });
  return { trips: app.trips.counts, ask: () => app.venice.walletOf("RialtoBanker") };
}

/** What a request that was not let through says: the service that is missing, and when to ask again. */
export async function refusal(asked: Promise<unknown>) {
  const error = await asked.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Unavailable))
    throw new Error("it was let through, or failed otherwise", { cause: error });
  return { port: error.port, effect: error.effect, retryAfterSeconds: error.retryAfterSeconds };
}

/** The most requests of ours that Airtable saw in any real second. */
export function mostInASecond(parts: Parts): number {
  const times = parts.airtable.faults.seen.map(({ at }) => Date.parse(at)).sort((one, other) => one - other);
  return Math.max(...times.map((from) => times.filter((time) => time >= from && time - from < 1_000).length));
}

export const statuses = (parts: Parts) => parts.airtable.faults.seen.map(({ status }) => status);

/**
 * For what is measured in real seconds at the stand-in: our room is 100 ms, and a machine with other work holds the whole
 * process up for longer. A wrong pace fails each time.
 */
export const onAQuietMachine = { retry: 2, timeout: 60_000 };
