/** Boots the stand-ins that the variables ask for, and makes them ready: schema, catalogue, processor citizen. */
import { randomUUID } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import Stripe from "stripe";
import { migrate } from "../cli/migrate.ts";
import { apply, read } from "../cli/stripe/apply.ts";
import { plan, wanted, WEBHOOK_EVENTS } from "../cli/stripe/plan.ts";
import { applyVenice, planVenice, readVenice } from "../cli/venice-setup.ts";
import { parseEnv, type Env } from "../lib/env.ts";
import { openingRate } from "../lib/rate/target.ts";
import { stripeClient } from "../lib/stripe/client.ts";
import { PROCESSOR } from "../lib/processor.ts";
import { startAirtable, type Airtable } from "./airtable/start.ts";
import { createClock, type Clock } from "./clock.ts";
import type { Environment, Service, Variables } from "./environment.ts";
import { guard } from "./guard.ts";
import { letterPreviews } from "./letter-samples.ts";
import { startMailbox, type Mailbox } from "./mailbox/start.ts";
import { assertPortsFree } from "./ports.ts";
import { startGateway, type Gateway } from "./postgres/gateway.ts";
import { startPostgres, type PostgresServer } from "./postgres/server.ts";
import { startStripe, type StripeStandIn } from "./stripe/start.ts";
import { startUpstash, type Upstash } from "./upstash/start.ts";
import { startVenice, type VeniceApi } from "./venice/start.ts";

export type StackOptions = {
  readonly environment: Environment;
  /** Where the site answers: Stripe's webhooks go there. */
  readonly siteUrl: string;
  /** What else is done when days pass on Stripe's control page, after each of them. */
  readonly afterDay?: (from: Date, to: Date) => Promise<void>;
  /** A folder that keeps the database between runs; without it everything is thrown away at the end. */
  readonly keepIn?: string | undefined;
};

export type Stack = {
  /** What the functions need, whoever runs them. */
  readonly variables: Variables;
  /** Everybody's but Postgres' and Redis': it is moved on Stripe's control page. */
  readonly clock: Clock;
  readonly postgres: { readonly ownerUrl: string; readonly gateway: Gateway } | undefined;
  readonly upstash: Upstash | undefined;
  readonly stripe: StripeStandIn | undefined;
  readonly airtable: Airtable | undefined;
  /** The game's HTTP API, over the Airtable stand-in's base. */
  readonly venice: VeniceApi | undefined;
  readonly mailbox: Mailbox | undefined;
  /** Ends everything; a second call does nothing. */
  close(): Promise<void>;
};

/**
 * Starts each stand-in at the address its variables name. A service of your own is left alone: never migrated, never set up.
 * @throws PortBusy with the holder of a port; BadEnvironment; a stand-in's own error. Nothing is left running then.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { environment, siteUrl, afterDay, keepIn } = options;
  const { standIns } = environment;
  // `netlify dev` gives the functions its own address in the same way.
  const variables: Variables = { ...environment.variables, URL: siteUrl };
  const env = parseEnv(variables);
  await assertPortsFree(portsOf(environment));
  const clock = createClock(() => new Date());

  const closers: (() => Promise<void>)[] = [];
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closed ??= (async () => {
      // The last started is the first to go.
      for (const end of closers.toReversed()) await end();
    })());

  /** Starts a service's stand-in when it has one, and sees that it is closed. */
  async function start<T extends { close(): Promise<void> }>(
    service: Service,
    open: () => Promise<T>,
  ): Promise<T | undefined> {
    if (!standIns.has(service)) return undefined;
    const opened = await open();
    closers.push(() => opened.close());
    return opened;
  }

  try {
    const openAirtable = start("airtable", () =>
      startAirtable({
        port: portIn(variables["AIRTABLE_ENDPOINT_URL"]),
        apiKey: env.AIRTABLE_API_KEY,
        baseId: env.AIRTABLE_BASE_ID,
        seedProcessor: false,
        // It leaves room for bursts of ours: a limit that is passed costs everybody thirty seconds.
        gameRequestsPerSecond: 1,
        aheadMs: () => clock.aheadMs(),
      }),
    );
    const openVenice = openAirtable.then((base) => {
      if (base === undefined) return undefined;
      return start("airtable", () =>
        startVenice({ airtable: base, port: portIn(variables["VENICE_API_URL"]) }),
      );
    });
    const started = await Promise.allSettled([
      start("postgres", () => openPostgres(variables, keepIn)),
      start("upstash", () =>
        startUpstash({ port: portIn(env.UPSTASH_REDIS_REST_URL), token: env.UPSTASH_REDIS_REST_TOKEN }),
      ),
      start("stripe", () =>
        startStripe({
          ...{ port: portIn(variables["STRIPE_API_BASE"]), apiKey: env.STRIPE_SECRET_KEY, clock },
          ...(afterDay && { afterDay }),
        }),
      ),
      openAirtable,
      openVenice,
      start("mailbox", () =>
        startMailbox({
          port: portIn(variables["MAIL_API_BASE"]),
          apiKey: variables["RESEND_API_KEY"] ?? "",
          now: () => clock.now(),
          previews: () => letterPreviews(siteUrl),
        }),
      ),
    ]);
    for (const each of started) if (each.status === "rejected") throw each.reason;
    const [postgres, upstash, stripe, airtable, venice, mailbox] = started.map((each) =>
      each.status === "fulfilled" ? each.value : undefined,
    ) as [
      OpenedPostgres | undefined,
      Upstash | undefined,
      StripeStandIn | undefined,
      Airtable | undefined,
      VeniceApi | undefined,
      Mailbox | undefined,
    ];

    await Promise.all([
      postgres && migrate(postgres.ownerUrl, env.DATABASE_URL),
      stripe && sellPacks(env, stripe, siteUrl),
      airtable && settleProcessor(env),
    ]);
    if (postgres && keepIn !== undefined) await meetEmptyVendors(postgres.ownerUrl, stripe, airtable);
    return { variables, clock, postgres, upstash, stripe, airtable, venice, mailbox, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The ports that the stand-ins of an environment listen on, by what for. */
export function portsOf({ variables, standIns }: Environment): Record<string, number> {
  const addresses: readonly (readonly [Service, string, string])[] = [
    ["postgres", "Postgres", "DATABASE_URL"],
    ["postgres", "the Neon gateway", "NEON_FETCH_ENDPOINT"],
    ["upstash", "the Upstash stand-in", "UPSTASH_REDIS_REST_URL"],
    ["stripe", "the Stripe stand-in", "STRIPE_API_BASE"],
    ["airtable", "the Airtable stand-in", "AIRTABLE_ENDPOINT_URL"],
    ["airtable", "Venice's API", "VENICE_API_URL"],
    ["mailbox", "the mailbox", "MAIL_API_BASE"],
  ];
  return Object.fromEntries(
    addresses
      .filter(([service]) => standIns.has(service))
      .map(([, what, name]) => [what, portIn(variables[name])]),
  );
}

function webhookUrl(siteUrl: string): string {
  return `${siteUrl}/.netlify/functions/stripe-webhook`;
}

function portIn(url: string | undefined): number {
  return Number(new URL(url ?? "").port);
}

type OpenedPostgres = { readonly ownerUrl: string; readonly gateway: Gateway; close(): Promise<void> };

async function openPostgres(variables: Variables, keepIn: string | undefined): Promise<OpenedPostgres> {
  const appUrl = new URL(variables["DATABASE_URL"] ?? "");
  const folder =
    keepIn === undefined ? join(tmpdir(), `cascade-postgres-${randomUUID()}`) : join(keepIn, "postgres");
  const server = await startPostgres({ folder, port: Number(appUrl.port), keep: keepIn !== undefined });
  const pid = Number((await readFile(join(folder, "data", "postmaster.pid"), "utf8")).split("\n")[0]);
  const release = guard({ target: pid, signal: "INT", ...(keepIn === undefined ? { folder } : {}) });
  const closeServer = async () => {
    // Ctrl-C in a terminal reaches Postgres as well, and waiting for the end of one that has ended would never end.
    if (isAlive(pid)) await server.close();
    else if (keepIn === undefined) await rm(folder, { recursive: true, force: true });
    release();
  };
  try {
    await createDatabase(server, appUrl.pathname.slice(1));
    const gateway = await startGateway({ port: portIn(variables["NEON_FETCH_ENDPOINT"]) });
    return {
      ownerUrl: server.url(appUrl.pathname.slice(1)),
      gateway,
      close: async () => {
        await gateway.close();
        await closeServer();
      },
    };
  } catch (error) {
    await closeServer();
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
    throw error;
  }
}

async function createDatabase(server: PostgresServer, name: string): Promise<void> {
  await withClient(server.url("postgres"), async (client) => {
    const { rowCount } = await client.query("select from pg_database where datname = $1", [name]);
    if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`);
  });
}

/** The operator's own setup; only the endpoint is made by control, because its secret must be the variables'. */
async function sellPacks(env: Env, standIn: StripeStandIn, siteUrl: string): Promise<void> {
  const stripe = await stripeClient(env);
  const want = wanted(openingRate, Stripe.API_VERSION, null);
  await apply(stripe, plan(want, await read(stripe, want)), () => undefined);
  standIn.listen({
    url: webhookUrl(siteUrl),
    secret: env.STRIPE_WEBHOOK_SECRET,
    events: [...WEBHOOK_EVENTS],
  });
}

async function settleProcessor(env: Env): Promise<void> {
  await applyVenice(env, planVenice(await readVenice(env)));
}

/**
 * Kept books beside vendors that begin empty: the customers Stripe has forgotten are forgotten here, too, and the
 * processor's purse is what the books last saw. Deliveries that were on their way are lost in Venice, and will say so.
 */
async function meetEmptyVendors(
  ownerUrl: string,
  stripe: unknown,
  airtable: Airtable | undefined,
): Promise<void> {
  await withClient(ownerUrl, async (client) => {
    if (stripe)
      await client.query("update accounts set stripe_customer = null where stripe_customer is not null");
    const { rows } = await client.query<{ purse_millis: string }>("select purse_millis from reserve");
    if (airtable && rows[0]) airtable.setDucats(PROCESSOR, Number(rows[0].purse_millis) / 1_000);
  });
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
