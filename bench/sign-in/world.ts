/** What both work with: one Postgres, a database for each; and the services that CASCADE's functions call. */
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { migrate } from "../../cli/migrate.ts";
import { startAirtable } from "../../dev/airtable/start.ts";
import { startPostgres } from "../../dev/postgres/server.ts";
import { startUpstash } from "../../dev/upstash/start.ts";

/** A database each, named like the program that uses it. */
export type DatabaseName = "cascade" | "better-auth";

export type World = {
  readonly postgresVersion: string;
  /** Removed at close. */
  readonly folder: string;
  readonly environments: Readonly<Record<DatabaseName, Readonly<Record<string, string>>>>;
  /** All rows of all tables: a sign-in that wrote its session left one more. */
  countRows(database: DatabaseName): Promise<number>;
  close(): Promise<void>;
};

export async function startWorld(): Promise<World> {
  const folder = join(tmpdir(), `cascade-bench-${process.pid}`);
  const closers: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })];
  const close = async () => {
    for (const each of closers.toReversed()) await each();
  };
  try {
    // `keep` has it write to disk as a server does that must not lose anything.
    const postgres = await startPostgres({ folder, keep: true });
    closers.push(() => postgres.close());
    const upstash = await startUpstash();
    closers.push(() => upstash.close());
    const airtable = await startAirtable({ requestsPerSecond: 100_000 });
    closers.push(() => airtable.close());

    await query(postgres.url("postgres"), "create database cascade");
    await query(postgres.url("postgres"), 'create database "better-auth"');
    const appUrl = new URL(postgres.url("cascade"));
    appUrl.username = "cascade_app";
    appUrl.password = "cascade_app";
    await migrate(postgres.url("cascade"), appUrl.href);
    const [version] = await query(
      postgres.url("postgres"),
      "select current_setting('server_version') as text",
    );

    return {
      postgresVersion: version?.text ?? "unknown",
      folder,
      environments: {
        "better-auth": { DATABASE_URL: postgres.url("better-auth") },
        cascade: {
          URL: "http://cascade.test",
          DATABASE_URL: appUrl.href,
          DATABASE_DRIVER: "pg",
          UPSTASH_REDIS_REST_URL: upstash.url,
          UPSTASH_REDIS_REST_TOKEN: upstash.token,
          // The stand-in shares its processors with what is measured: its slowness is no outage.
          REDIS_TIMEOUT_MS: "10000",
          AIRTABLE_API_KEY: airtable.apiKey,
          AIRTABLE_BASE_ID: airtable.baseId,
          AIRTABLE_ENDPOINT_URL: airtable.url,
          AIRTABLE_REQUESTS_PER_SECOND: "100000",
          STRIPE_SECRET_KEY: "sk_test_cascade",
          STRIPE_WEBHOOK_SECRET: "whsec_test_secret",
          JWT_SECRET_KEY: "a secret of thirty-two characters or more",
        },
      },
      countRows: (database) => countRows(postgres.url(database)),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function countRows(url: string): Promise<number> {
  const tables = await query(
    url,
    "select format('select count(*)::text as text from %I.%I', schemaname, tablename) as text from pg_tables where schemaname = 'public'",
  );
  let sum = 0;
  for (const { text } of tables) sum += Number((await query(url, text))[0]?.text);
  return sum;
}

async function query(url: string, statement: string): Promise<{ text: string }[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<{ text: string }>(statement)).rows;
  } finally {
    await client.end();
  }
}
