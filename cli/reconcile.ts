/** `npm run reconcile [-- --since 2026-11-01] [-- --fix [--yes]]`: Stripe, the books and Venice side by side; repairs when asked. */
import { parseArgs } from "node:util";
import type { App, Core } from "../lib/app.ts";
import { later, systemClock } from "../lib/clock.ts";
import { closePg, openPg } from "../lib/db/pg.ts";
import { DatabaseRefusal } from "../lib/db/port.ts";
import { messageOf, Unavailable } from "../lib/errors.ts";
import { randomId } from "../lib/ids.ts";
import { logToStdout } from "../lib/log.ts";
import { compare, type Compared } from "../lib/reconcile/compare.ts";
import { defaultWindowMs } from "../lib/reconcile/on-demand.ts";
import { repair } from "../lib/reconcile/repair.ts";
import { stripe, stripeHistory, stripeLists } from "../lib/stripe/open.ts";
import { createTrips } from "../lib/trips.ts";
import { venice } from "../lib/venice/open.ts";
import { confirm } from "./confirm.ts";
import { environmentFor, portsEnvironmentFor } from "./environment.ts";
import { describe, outcomeWords, summary, table } from "./reconcile/table.ts";

const insufficientPrivilege = "42501";
const operator = { kind: "operator" } as const;

type Ports = Core & Pick<App, "db" | "stripe" | "stripeHistory" | "stripeLists" | "venice">;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      since: { type: "string" },
      fix: { type: "boolean", default: false },
      yes: { type: "boolean", default: false },
    },
  });
  const since = readSince(values.since, systemClock());
  const ports = open();
  const compared = await look(ports, since);
  console.log(summary(compared));
  if (compared.findings.length === 0) return;
  console.log(`\n${table(compared.findings)}\n`);
  process.exitCode = 1;
  if (!values.fix) {
    console.log(
      "Nothing was changed. With --fix each is repaired as its line says; docs/operations.md says more.",
    );
    return;
  }
  for (const finding of compared.findings) console.log(`- ${describe(finding)}`);
  if (!values.yes && !(await confirm("Do this?"))) {
    console.log("Nothing was changed. Answer y, or pass --yes.");
    return;
  }
  for (const { id, outcome } of await repair(ports, operator, compared))
    console.log(`${id}: ${outcomeWords[outcome]}`);
  const after = await look(ports, since);
  console.log(`\n${summary(after)}`);
  if (after.findings.length > 0) console.log(`\n${table(after.findings)}`);
  else process.exitCode = 0;
}

async function look(ports: Ports, since: Date): Promise<Compared> {
  const compared = await compare(ports, operator, since);
  if (compared.kind !== "compared") throw new Error(`not compared: ${compared.kind}`);
  return compared;
}

/** @throws Error for what is no day and no time in the past. */
function readSince(text: string | undefined, now: Date): Date {
  if (text === undefined) return later(now, -defaultWindowMs);
  const since = /^\d{4}-\d{2}-\d{2}(T[\d:.]+Z)?$/.test(text) ? new Date(text) : new Date(NaN);
  if (!(since <= now))
    throw new Error(
      `--since ${text}: give a day that is over, as 2026-11-01, or a time in UTC. Nothing was changed.`,
    );
  return since;
}

function open(): Ports {
  const env = portsEnvironmentFor([
    "STRIPE_SECRET_KEY",
    "STRIPE_API_BASE",
    "AIRTABLE_API_KEY",
    "AIRTABLE_BASE_ID",
    "AIRTABLE_ENDPOINT_URL",
    "AIRTABLE_REQUESTS_PER_SECOND",
    "UPSTASH_REDIS_REST_URL",
    "UPSTASH_REDIS_REST_TOKEN",
    "REDIS_TIMEOUT_MS",
  ]);
  const { MIGRATION_DATABASE_URL } = environmentFor(["MIGRATION_DATABASE_URL"]);
  const url = MIGRATION_DATABASE_URL ?? environmentFor(["DATABASE_URL"]).DATABASE_URL;
  const core: Core = {
    // The pace of our requests to Airtable is kept in Postgres while Redis is away.
    env: { ...env, DATABASE_URL: url, DATABASE_DRIVER: "pg" },
    clock: systemClock,
    newId: randomId,
    log: logToStdout,
    trips: createTrips(),
    visit: "{}",
  };
  return {
    ...core,
    db: openPg({ url }, () => undefined),
    stripe: stripe(core),
    stripeHistory: stripeHistory(core),
    stripeLists: stripeLists(core),
    venice: venice(core),
  };
}

function complaint(error: unknown): string {
  if (error instanceof DatabaseRefusal && error.code === insufficientPrivilege)
    return "Only the database's owner compares and repairs: set MIGRATION_DATABASE_URL to its URL. Nothing was changed.";
  if (error instanceof Unavailable)
    return `${messageOf(error)}. Run the command again: what was repaired stays so, and is not found any more.`;
  return messageOf(error);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(complaint(error));
    process.exitCode = 1;
  } finally {
    await closePg();
  }
}
