/** A thousand purchases wait at once: they are sent in their turn, at what our share of Airtable allows, and the game gets its own. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { RunReport } from "../../lib/delivery/run.ts";
import { ROWS_PER_WRITE } from "../../lib/venice/port.ts";
import { useShop } from "../support/selling.ts";
import { byRow } from "../support/transport.ts";
import { useWorld } from "../support/world.ts";

/** Airtable's five requests a second: ours two, the game's three. */
const share = 2;
const gamesShare = 3;
const waiting = 1_000;
/** Functions that payments have started, beside the minute's own. */
const instances = 4;
const minuteMs = 60_000;
/** Payments start runs, no loop does: what spins in this process would hold up Airtable, too, which in truth is elsewhere. */
const pauseMs = 400;
/** A create and an activation for each ten. */
const requestsPerBatch = 2;

const world = useWorld(
  { ...byRow.variables, AIRTABLE_REQUESTS_PER_SECOND: String(share) },
  { requestsPerSecond: share + gamesShare, gameRequestsPerSecond: gamesShare, penaltyMs: 5_000 },
);
const shop = useShop(world, ["RialtoBanker", "LaceWeaverOrsola"], "real");

/** On a quiet machine, and without a second try: one would hide a pace that is wrong now and then. */
test("a thousand at once, five functions at work, the game beside them", { timeout: 900_000 }, async () => {
  await shop.reset();
  // Everything that is loaded late is loaded now.
  await shop.run();
  await shop.sell(
    Array.from({ length: waiting }, (_, index) => ({
      buyer: shop.buyers[index % shop.buyers.length] ?? never(),
      ducats: 5,
    })),
  );
  world.airtable.resetLimit();
  world.airtable.faults.forget();
  const burst = { isOver: false };
  const refusals: unknown[] = [];
  let games = 0;
  const game = (async () => {
    while (!burst.isOver) {
      await world.airtable.game.asks.page("CITIZENS", { maxRecords: 1 });
      games += 1;
    }
  })().catch((refusal: unknown) => void refusals.push(refusal));
  const startedAt = performance.now();
  const stops: string[] = [];
  let runs = 0;
  const drain = async (run: () => Promise<RunReport | Error>, pauseMs: number) => {
    while (refusals.length === 0 && (await pending()) > 0) {
      const endsAt = performance.now() + pauseMs;
      const report = await run();
      runs += 1;
      if (report instanceof Error) throw report;
      if (report.stopped !== null) stops.push(report.stopped);
      while (performance.now() < endsAt && (await pending()) > 0) await sleep(100);
    }
  };
  await Promise.all([
    drain(shop.run, minuteMs),
    ...Array.from({ length: instances }, () => drain(shop.runAfterPayment, pauseMs)),
  ]);
  const seconds = (performance.now() - startedAt) / 1_000;
  burst.isOver = true;
  await game;

  const requests = world.airtable.faults.seen;
  const writes = requests.filter(({ method }) => method !== "GET").length;
  const ceiling = (share / requestsPerBatch) * ROWS_PER_WRITE;
  const figures = {
    seconds,
    requests: requests.length,
    requestsPerSecond: requests.length / seconds,
    writes,
    runs,
    deliveriesPerSecond: waiting / seconds,
    ceiling,
    ofCeiling: waiting / seconds / ceiling,
    ofShare: requests.length / seconds / share,
    gamesPerSecond: games / seconds,
    stops,
  };
  process.stdout.write(`burst: ${JSON.stringify(figures)}\n`);

  expect(refusals).toEqual([]);
  expect(requests.filter(({ status }) => status !== 200)).toEqual([]);
  expect(waiting / seconds).toBeGreaterThan(0.8 * ceiling);
  expect(games / seconds).toBeGreaterThan(0.8 * gamesShare);
  expect(await mostYoungerBefore()).toBeLessThan(100);
});

let counting: Promise<unknown> = Promise.resolve();

/** One question after another. */
async function pending(): Promise<number> {
  const mine = counting.then(count);
  counting = mine;
  return mine;
}

async function count(): Promise<number> {
  const [row] = await world.database.rows<{ count: number }>(
    "select count(*)::int as count from deliveries where status in ('pending', 'planned')",
  );
  return row?.count ?? 0;
}

/** Of all deliveries, the most younger ones that were sent before it. */
async function mostYoungerBefore(): Promise<number> {
  const [row] = await world.database.rows<{ most: number }>(
    `with ranked as (
       select id, activated_at, row_number() over (order by created_at, id) as age from deliveries)
     select max((select count(*) from ranked younger
       where younger.age > older.age and younger.activated_at < older.activated_at))::int as most
     from ranked older`,
  );
  return row?.most ?? Number.NaN;
}

function never(): never {
  throw new Error("nobody buys");
}
