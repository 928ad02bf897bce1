/** `npm run venice:replenish [-- --amount N [--mint] [--yes]]`: tops the processor citizen's purse up; without an amount, looks. */
import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";
import type { Core } from "../lib/app.ts";
import { systemClock } from "../lib/clock.ts";
import { closePg, openPg } from "../lib/db/pg.ts";
import { DatabaseRefusal } from "../lib/db/port.ts";
import { messageOf, Unavailable } from "../lib/errors.ts";
import { randomId, randomText } from "../lib/ids.ts";
import { logToStdout } from "../lib/log.ts";
import { MILLIS_PER_DUCAT, millis, printDucats, type Millis } from "../lib/money.ts";
import { createTrips } from "../lib/trips.ts";
import { PROCESSOR } from "../lib/processor.ts";
import { confirm } from "./confirm.ts";
import { environmentFor, portsEnvironmentFor } from "./environment.ts";
import type { Replenishment } from "./venice/books.ts";
import { ducats } from "./venice/ducats.ts";
import {
  goOn,
  isSame,
  objection,
  readAmount,
  replenish,
  survey,
  type Outcome,
  type Ports,
  type Survey,
} from "./venice/replenish.ts";

const insufficientPrivilege = "42501";
const again = "Run the command again in two minutes: it looks first, and goes on with the same request.";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      amount: { type: "string" },
      mint: { type: "boolean", default: false },
      yes: { type: "boolean", default: false },
    },
  });
  const kind = values.mint ? ("mint" as const) : ("transfer" as const);
  const wish = values.amount === undefined ? null : { kind, millis: readAmount(values.amount) };
  if (wish === null && values.mint) throw new Error("How much? Give --amount N. Nothing was changed.");
  const { ports, treasury } = open();

  const found = await survey(ports, treasury);
  show(found, treasury);
  if (found.atHand) {
    const { atHand } = found;
    console.log(`Under way: ${describe(atHand)}.`);
    if (!isSame(atHand, wish))
      throw new Error(
        `Another one begins when ${atHand.id} is over: run this without --amount to look at it.`,
      );
    if (atHand.state === "planned" && !(await agreed(values.yes, atHand))) return;
    report(await goOn(ports, atHand));
    return;
  }
  if (wish === null) return;
  const why = objection(found, wish, treasury);
  if (why !== null) throw new Error(`${why} Nothing was changed.`);
  explain(wish, found, treasury);
  if (!(await agreed(values.yes, wish))) return;
  const payer = kind === "transfer" ? (treasury ?? null) : null;
  report(await replenish(ports, { ...wish, id: `rpl_${randomText(20)}`, payer }));
}

function open(): { readonly ports: Ports; readonly treasury: string | undefined } {
  const env = portsEnvironmentFor([
    "AIRTABLE_API_KEY",
    "AIRTABLE_BASE_ID",
    "AIRTABLE_ENDPOINT_URL",
    "AIRTABLE_REQUESTS_PER_SECOND",
    "UPSTASH_REDIS_REST_URL",
    "UPSTASH_REDIS_REST_TOKEN",
    "REDIS_TIMEOUT_MS",
    "TREASURY_CITIZEN",
  ]);
  const { MIGRATION_DATABASE_URL } = environmentFor(["MIGRATION_DATABASE_URL"]);
  const url = MIGRATION_DATABASE_URL ?? environmentFor(["DATABASE_URL"]).DATABASE_URL;
  const core: Core = {
    // The pace of our requests is kept in Postgres while Redis is away.
    env: { ...env, DATABASE_URL: url, DATABASE_DRIVER: "pg" },
    clock: systemClock,
    newId: randomId,
    log: logToStdout,
    trips: createTrips(),
    visit: "{}",
  };
  const db = openPg({ url }, () => undefined);
  return { ports: { db, clock: systemClock, ducats: ducats(core) }, treasury: env.TREASURY_CITIZEN };
}

function show(found: Survey, treasury: string | undefined): void {
  const { processor, promisedMillis, underWay, last } = found;
  console.log(
    processor
      ? `${PROCESSOR} has ${printDucats(processor.millis)} ducats, ${printDucats(promisedMillis)} of them promised; ` +
          `${underWay} deliveries are under way.`
      : `${PROCESSOR} is not in Venice, or has no purse.`,
  );
  if (treasury !== undefined && found.treasury)
    console.log(`The treasury citizen ${treasury} has ${printDucats(found.treasury.millis)} ducats.`);
  if (last && !found.atHand) console.log(`The last top-up: ${describe(last)}.`);
}

type Wish = Pick<Replenishment, "kind" | "millis">;

function explain(wish: Wish, { processor, underWay }: Survey, treasury: string | undefined): void {
  const amount = printDucats(wish.millis);
  if (wish.kind === "transfer") {
    console.log(
      `This makes a stratagem: ${treasury ?? ""} transfers ${amount} ducats to ${PROCESSOR} in the game's next run. ` +
        "It is in the audit log.",
    );
    return;
  }
  const before = processor?.millis ?? millis(0n);
  console.log(
    `This writes the purse of ${PROCESSOR}: from ${printDucats(before)} to ${printDucats(millis(before + wish.millis))} ` +
      "ducats, out of nothing. It is in the audit log.\n" +
      "WARNING: it races with the game. What the game pays or receives between our reading and our writing is lost or " +
      `minted twice, and what ends just then becomes uncertain. ${underWay} deliveries are under way.`,
  );
}

async function agreed(yes: boolean, { kind, millis: amount }: Wish): Promise<boolean> {
  if (yes) return true;
  const isAgreed =
    kind === "mint" ? await typedAgain(amount) : await confirm(`Top up by ${printDucats(amount)} ducats?`);
  if (isAgreed) return true;
  console.log(
    `Nothing was changed. ${kind === "mint" ? "Type the amount again" : "Answer y"}, or pass --yes.`,
  );
  process.exitCode = 1;
  return false;
}

/** A yes is typed too easily for this; without a terminal to ask on, false. */
async function typedAgain(amount: Millis): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const typed = await terminal.question("Type the amount again to write the purse: ");
    return typed.trim() === String(amount / MILLIS_PER_DUCAT);
  } finally {
    terminal.close();
  }
}

function describe({ id, kind, millis: amount, state, createdAt }: Replenishment): string {
  return `${id}, ${kind} of ${printDucats(amount)} ducats, ${state}, asked for at ${createdAt}`;
}

function report(outcome: Outcome): void {
  if (outcome.kind === "busy") {
    console.error(`Another command is at work on this, or has just ended. ${again}`);
    process.exitCode = 1;
    return;
  }
  const { id, purseBefore, purseAfter } = outcome.replenishment;
  if (purseBefore !== null && purseAfter !== null)
    console.log(
      `The purse was ${printDucats(purseBefore)} ducats, ${printDucats(purseAfter)} were written.` +
        (outcome.kind === "came" ? ` It is ${printDucats(outcome.purse)} now.` : ""),
    );
  switch (outcome.kind) {
    case "waiting":
      console.log(`${id} is active and waits for the game's next run. Look again without --amount.`);
      return;
    case "came":
      console.log(`${id} came. Deliveries are under way: the minute's run books it together with them.`);
      return;
    case "done":
      console.log(`${id} is done: the purse shows it.`);
      return;
    case "failed":
      console.error(`${id} failed, and credited nothing: see its evidence in \`replenishments\`.`);
      break;
    case "unclear":
      console.error(
        `${id} is unclear: compare its row (Airtable), the purses and its evidence in \`replenishments\`, then decide as ` +
          "docs/operations.md says.",
      );
  }
  process.exitCode = 1;
}

function complaint(error: unknown): string {
  if (error instanceof DatabaseRefusal && error.code === insufficientPrivilege)
    return "Only the database's owner tops up: set MIGRATION_DATABASE_URL to its URL. Nothing was changed.";
  if (error instanceof Unavailable) return `${messageOf(error)}. ${again}`;
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
