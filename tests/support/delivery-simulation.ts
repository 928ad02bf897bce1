/** A shop's days drawn by a seed: many purchases, everything going wrong, until it is quiet; then each ducat is looked for. */
import { afterAll, expect, test } from "vitest";
import { SECOND_MS } from "../../lib/clock.ts";
import { messageOf, Unavailable } from "../../lib/errors.ts";
import { Died, minutes, processor } from "./delivering.ts";
import { chanceOf } from "./random.ts";
import { rowsOf, useShop, type Delivery } from "./selling.ts";
import {
  booksFollow,
  endsOf,
  isOver,
  nobodyIsForgotten,
  readPurses,
  rounded,
  type Ended,
} from "./soundness.ts";
import type { OnStep } from "./steps.ts";
import type { Transport } from "./transport.ts";
import { allFaults, rowHit, type Place } from "./venice-faults.ts";
import { endPenalty, useWorld } from "./world.ts";

const citizens = [
  "RialtoBanker",
  "LaceWeaverOrsola",
  "Bepi_Dall'Oro",
  "GlassMaker_Zorzi",
  "SpiceTraderLeyla",
  "gondoliere_77",
];
/** Each more than eleven times the one before: what came to a citizen says how often each amount did. Ties are many. */
const amounts = [5, 60, 720, 8_640];
const paidAtMost = 11;
/** Too little for a forged amount of 999,999: what that pays is proved in the pairs. */
const processorsDucats = 900_000;
/** A seed's own fortnight, so that no clock goes back from one to the next. */
const firstDay = Date.UTC(2026, 0, 1);
const fortnightMs = minutes(14 * 24 * 60);

/** What can happen to a worker, beside all that can happen to Venice. */
const fates = [
  "dies",
  "dies, its next call comes late",
  "pauses",
  "its clock is wrong",
  "postgres is away",
  "postgres is away once it is done",
] as const;

export type Drains = "one drain" | "five drains at once";

/** SEED=7: that one alone. SEEDS=1000: so many, from 1; 20 unless told. */
function seedsToRun(): number[] {
  const one = process.env["SEED"];
  if (one) return [Number(one)];
  // `130-1000`, or how many.
  const [last = 20, first = 1] = (process.env["SEEDS"] ?? "20").split("-").map(Number).toReversed();
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

export function proveSimulation(transport: Transport, drains: Drains): void {
  const world = useWorld(transport.variables);
  const shop = useShop(world, citizens);
  const faults = allFaults().filter(({ kind }) => !kind.startsWith("gateway"));
  const counts = { purchases: 0, faults: new Map<string, number>(), ends: new Map<string, number>() };
  let seedsDone = 0;
  let seconds = 0;

  afterAll(() => {
    const table = (of: ReadonlyMap<string, number>) =>
      [...of]
        .sort(([, one], [, other]) => other - one)
        .map(([name, count]) => `  ${String(count).padStart(7)} ${name}`);
    process.stdout.write(
      [
        `${transport.name}, ${drains}: ${seedsDone} seeds, ${counts.purchases} purchases, ${seconds.toFixed(0)} s, ` +
          `of them ${processorSeconds().toFixed(0)} s of our processor`,
        "faults",
        ...table(counts.faults),
        "ends",
        ...table(counts.ends),
        "",
      ].join("\n"),
    );
  });

  test(`${transport.name}, ${drains}`, { timeout: 7_200_000 }, async () => {
    const seeds = seedsToRun();
    const startedAt = performance.now();
    const failed: string[] = [];
    for (const seed of seeds) {
      try {
        await live(seed);
      } catch (error) {
        failed.push(`SEED=${seed} replays it: ${messageOf(error)}`);
        process.stdout.write(`${failed.at(-1)}\n`);
      }
      seedsDone += 1;
      seconds = (performance.now() - startedAt) / 1_000;
      if (seedsDone % 50 === 0)
        process.stdout.write(`${drains}: ${seedsDone} of ${seeds.length} seeds, ${seconds.toFixed(0)} s\n`);
    }
    expect(failed).toEqual([]);
    expect(seedsDone).toBe(seeds.length);
  });

  /** One seed: its days, until it is quiet, and the judgement. */
  async function live(seed: number): Promise<void> {
    const chance = chanceOf(seed);
    const tally = (name: string) => void counts.faults.set(name, (counts.faults.get(name) ?? 0) + 1);
    shop.passTo(new Date(firstDay + seed * fortnightMs + minutes(chance.between(0, 24 * 60))));
    await shop.reset();
    world.airtable.setDucats(processor, processorsDucats);
    await world.database.rows("update reserve set purse_millis = $1", [processorsDucats * 1_000]);
    // The pauses between tries are the database's chance.
    await world.database.rows("select setseed($1)", [seed / 2 ** 32]);
    const purses = readPurses(world);
    /**
     * The purse shows sums: what moves it without a word and what rows only say can cancel each other in one interval, and two
     * movements without a word are one that fits nothing. Each leaves to a forger, and to two accidents at once, what decision 5
     * names; so a seed has rows that lie, any number of them, or one silent movement between two runs of the game.
     */
    const side = chance.pick(["moves", "says"] as const);
    const possible = faults.filter(({ lie }) => lie === "none" || lie === "neither" || lie === side);
    let hasMoved = false;
    const deliveries: Delivery[] = [];
    const rowsPaid = new Map<string, Delivery>();
    const forged = new Set<string>();
    const doubled = new Map<string, number>();
    const outside = { ducats: 0 };
    const undo: (() => void)[] = [];
    let drawn = 0;
    let burned = 0;
    /** What happened, for whoever has to find out why. */
    const story: string[] = [];
    const note = (what: string) => void story.push(`${shop.clock.now.toISOString()} ${what}`);

    async function sell(count: number): Promise<void> {
      const orders = Array.from({ length: count }, () => ({
        buyer: chance.pick(shop.buyers),
        ducats: chance.pick(amounts),
      }));
      deliveries.push(...(await shop.sell(orders)));
      note(
        `sold: ${deliveries
          .slice(-count)
          .map(({ deliveryId, ducats }) => `${deliveryId} ${ducats}`)
          .join(", ")}`,
      );
    }

    async function strike(): Promise<void> {
      const fault = chance.pick(possible);
      const hit = chance.pick(deliveries);
      const place: Place = { world, delivery: hit, outside, undo };
      const row = rowHit(place);
      if (fault.needsRow && !row) return;
      if (fault.lie === "moves" && hasMoved) return;
      // A copy of what is not active, and a run of it by hand, are other deliveries than ours: they prove nothing here.
      if (["row double", "run by id"].includes(fault.name) && row?.fields["Status"] !== "active") return;
      hasMoved ||= fault.lie === "moves";
      drawn += 1;
      tally(fault.name);
      note(`${fault.name}, ${hit.deliveryId}`);
      const planned = world.airtable.gameFaults.planned();
      await fault.strike(place);
      noteStruck(planned);
      if (fault.name === "run by id") notePaid();
      else noteForged();
    }

    /** A worker and what becomes of it at a step of its own. */
    function fate(): { readonly onStep: OnStep; readonly skewMs: number } {
      const fated = chance.pick(fates);
      const at = chance.between(0, 24);
      drawn += 1;
      tally(`worker ${fated}`);
      note(`worker ${fated}, at ${at}`);
      let isDead = false;
      let isOver = false;
      if (fated === "its clock is wrong")
        return { onStep: () => undefined, skewMs: chance.between(-20, 20) * SECOND_MS };
      return {
        skewMs: 0,
        async onStep({ done, next, call }) {
          if (isDead) throw new Died();
          if (isOver || done < at) return;
          switch (fated) {
            case "pauses":
              isOver = true;
              shop.pass(25 * SECOND_MS);
              await shop.run();
              return;
            case "postgres is away":
            case "postgres is away once it is done":
              if (!next.startsWith("db.")) return;
              isOver = true;
              if (fated === "postgres is away once it is done") await call();
              throw new Unavailable("postgres", { effect: "unknown" });
            case "dies":
              break;
            case "dies, its next call comes late":
              late.push({ call, at: shop.clock.now.getTime() + 110 * SECOND_MS });
          }
          isDead = true;
          throw new Died();
        },
      };
    }

    const late: { call: () => Promise<unknown>; at: number }[] = [];

    /** Time passes; calls of the dead arrive in it. */
    async function pass(ms: number): Promise<void> {
      const until = shop.clock.now.getTime() + ms;
      for (const { call, at } of late.splice(0)) {
        if (at > shop.clock.now.getTime()) shop.passTo(new Date(at));
        await call().catch(() => undefined);
      }
      if (until > shop.clock.now.getTime()) shop.passTo(new Date(until));
    }

    async function drain(): Promise<void> {
      const workers = drains === "one drain" ? 1 : 5;
      const reports = await Promise.all(
        Array.from({ length: workers }, () => {
          if (!chance.isLucky(0.3)) return shop.run();
          const { onStep, skewMs } = fate();
          return shop.run(onStep, skewMs);
        }),
      );
      for (const report of reports)
        note(`drained: ${report instanceof Error ? messageOf(report) : JSON.stringify(report)}`);
    }

    /** Eight hours lie between two runs of the game: of their minutes so many that the purse has been explained. */
    async function explain(): Promise<void> {
      for (let looks = 0; looks < 10; looks += 1) {
        await pass(minutes(1));
        const report = await shop.run();
        note(`explained: ${report instanceof Error ? messageOf(report) : report.watching}`);
        if (!(report instanceof Error) && report.watching === "concluded" && report.stopped === null) return;
      }
    }

    /** Rows that say they were paid, though the game did not run. */
    function noteForged(): void {
      for (const delivery of deliveries)
        for (const { id, fields } of rowsOf(world, delivery.deliveryId))
          if (saysPaid(fields) && !rowsPaid.has(id)) forged.add(id);
    }

    function notePaid(): void {
      for (const delivery of deliveries)
        for (const { id, fields } of rowsOf(world, delivery.deliveryId))
          if (saysPaid(fields) && !forged.has(id)) rowsPaid.set(id, delivery);
    }

    /** What the game's own faults that have struck since then burned or paid twice. */
    function noteStruck(planned: ReturnType<typeof world.airtable.gameFaults.planned>): void {
      const left = world.airtable.gameFaults.planned();
      for (const fault of planned) {
        if (left.includes(fault)) continue;
        const hit = deliveries.find(({ deliveryId }) => fault.stratagemId?.startsWith(deliveryId));
        if (!hit) continue;
        if (fault.kind === "twice" || (fault.kind === "stop" && fault.at === "after_credit"))
          doubled.set(hit.deliveryId, (doubled.get(hit.deliveryId) ?? 0) + 1);
        if (fault.kind !== "twice" && fault.at === "after_debit") burned += hit.ducats;
      }
    }

    async function runGame(): Promise<void> {
      const planned = world.airtable.gameFaults.planned();
      const { outcomes } = await world.airtable.runGame();
      note(`the game: ${outcomes.map(({ stratagemId, outcome }) => `${stratagemId} ${outcome}`).join(", ")}`);
      noteStruck(planned);
      notePaid();
    }

    await sell(chance.between(3, 6));
    while (deliveries.length < 20 || drawn < 30) {
      for (let step = chance.between(3, 4); step > 0; step -= 1) {
        if (deliveries.length < 28 && chance.isLucky(0.7)) await sell(chance.between(1, 4));
        for (let struck = chance.between(2, 3); struck > 0; struck -= 1) await strike();
        const isJump = chance.isLucky(0.1);
        if (isJump) tally("clock jump");
        await pass(isJump ? minutes(chance.between(60, 400)) : chance.between(20, 400) * SECOND_MS);
        await drain();
      }
      await explain();
      await runGame();
      for (let looks = chance.between(1, 2); looks > 0; looks -= 1) {
        await pass(minutes(1));
        if (chance.isLucky(0.3)) await strike();
        await drain();
      }
      // No bad time lasts longer than to the game's next run; the last to go is the first to come back.
      world.airtable.mend();
      for (const undone of undo.splice(0).reverse()) undone();
      await explain();
      hasMoved = false;
    }

    for (const wire of [world.airtable.faults, world.upstash.faults]) wire.clear();
    await endPenalty(world);
    await pass(minutes(3));
    const again = await untilQuiet(deliveries, runGame, drain);
    // Whatever is over stays over.
    await runGame();
    await shop.runs(1);
    try {
      await judge();
    } catch (error) {
      throw new Error(`${messageOf(error)}\n${story.join("\n")}`, { cause: error });
    }

    async function judge(): Promise<void> {
      const ends = await endsOf(world);
      nobodyIsForgotten(ends);
      const pinned = new Set(ends.map(({ recordId }) => recordId));
      for (const { citizen } of shop.buyers) {
        const paid = timesPaid(purses.cameTo(citizen), `${citizen} holds`);
        for (const ducats of amounts) {
          const here = ends.filter((each) => each.citizen === citizen && each.ducats === ducats);
          const copies = [...rowsPaid].filter(
            ([id, each]) => each.buyer.citizen === citizen && each.ducats === ducats && !pinned.has(id),
          ).length;
          const executed = here.filter(({ status }) => status === "executed").length;
          const uncertain = here.filter(({ status }) => status === "uncertain");
          const atMost = uncertain.reduce(
            (sum, { deliveryId }) => sum + 1 + (doubled.get(deliveryId) ?? 0),
            0,
          );
          const times = (paid.get(ducats) ?? 0) - copies;
          if (times < executed || times > executed + atMost)
            throw new Error(
              `${citizen} was paid ${ducats} ducats ${times} times (and ${copies} by copies): ${JSON.stringify(here)}`,
            );
        }
      }
      expect(purses.gained()).toBeCloseTo(outside.ducats - burned, 1);
      await booksFollow(world, ends, again);
      counts.purchases += deliveries.length;
      for (const { status } of ends) counts.ends.set(status, (counts.ends.get(status) ?? 0) + 1);
    }
  }

  /** Until each delivery is over; what comes back to a wallet is sent again. @returns the ducats that were sent again. */
  async function untilQuiet(
    deliveries: Delivery[],
    runGame: () => Promise<void>,
    drain: () => Promise<void>,
  ): Promise<number> {
    const returned = new Set<string>();
    let again = 0;
    for (let round = 0; round < 12; round += 1) {
      await runGame();
      for (let looks = 0; looks < 6; looks += 1) {
        shop.pass(minutes(1));
        await (looks === 0 && round === 0 ? drain() : shop.run());
        const ends = await endsOf(world);
        if (ends.every(isOver) && (await sendAgain(ends)) === 0) return again;
      }
      shop.pass(minutes(round % 2 === 0 ? 31 : 61));
      await shop.run();
    }
    return again;

    async function sendAgain(ends: readonly Ended[]): Promise<number> {
      const rejected = ends.filter(
        ({ deliveryId, status }) => status === "rejected" && !returned.has(deliveryId),
      );
      for (const { deliveryId } of rejected) {
        const delivery = deliveries.find((each) => each.deliveryId === deliveryId);
        if (!delivery) throw new Error(`${deliveryId} was never sold`);
        returned.add(deliveryId);
        deliveries.push(await shop.sendAgain(delivery));
        again += delivery.ducats;
      }
      return rejected.length;
    }
  }
}

function saysPaid(fields: Readonly<Record<string, unknown>>): boolean {
  return String(fields["Notes"]).includes("Successfully transferred");
}

function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000_000;
}

/** How often each amount is in a sum. */
function timesPaid(sum: number, where: string): ReadonlyMap<number, number> {
  const paid = new Map<number, number>();
  let rest = sum;
  for (const ducats of amounts.toReversed()) {
    const times = Math.floor(rest / ducats);
    paid.set(ducats, times);
    rest = rounded(rest - times * ducats);
  }
  if (rest !== 0 || [...paid].some(([ducats, times]) => ducats < 8_640 && times > paidAtMost))
    throw new Error(`${where} ${sum} ducats more, which is no sum of whole payments`);
  return paid;
}
