/** A shop's days drawn by a seed: many purchases, everything going wrong, until it is quiet; then each ducat is looked for. */
import { afterAll, expect, test } from "vitest";
import { SECOND_MS } from "../../lib/clock.ts";
import { messageOf, Unavailable } from "../../lib/errors.ts";
import { Died, minutes, processor } from "./delivering.ts";
import { chanceOf, type Chance } from "./random.ts";
import { deliveryOf, rowsOf, useShop, type Delivery } from "./selling.ts";
import {
  booksFollow,
  endsOf,
  isOver,
  nobodyIsForgotten,
  readPurses,
  rounded,
  type Ended,
} from "./soundness.ts";
import type { OnStep, Step } from "./steps.ts";
import type { Transport } from "./transport.ts";
import { allFaults, rowHit, type Fault, type Place } from "./venice-faults.ts";
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

/** SEED=7: that one alone. SEEDS=1000: so many, from 1. */
function seedsToRun(unlessTold: string): number[] {
  const one = process.env["SEED"];
  if (one) return [Number(one)];
  // `130-1000`, or how many.
  const [last = 20, first = 1] = (process.env["SEEDS"] ?? unlessTold).split("-").map(Number).toReversed();
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

export function proveSimulation(transport: Transport, drains: Drains, seedsUnlessTold = "20"): void {
  const world = useWorld(transport.variables);
  const shop = useShop(world, citizens);
  const isAsked = transport.route === "try_create";
  const faults = allFaults(transport).filter(({ kind }) => !kind.startsWith("gateway"));
  const counts = { purchases: 0, faults: new Map<string, number>(), ends: new Map<string, number>() };
  let seedsDone = 0;
  let seconds = 0;
  /** What mends the faults that hold on; after a seed that failed, too. */
  const undo: (() => void)[] = [];

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
    const seeds = seedsToRun(seedsUnlessTold);
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
    mendVenice();
    await shop.reset();
    const callsPerWrite = isAsked ? chance.pick([0, 1, 4]) : 0;
    shop.slowGame(callsPerWrite);
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
    let isBadTime = true;
    const deliveries: Delivery[] = [];
    const rowsPaid = new Map<string, Delivery>();
    const forged = new Set<string>();
    const doubled = new Map<string, number>();
    /** Rows that a stranger made as copies of ours. */
    const copied = new Set<string>();
    const outside = { ducats: 0 };
    const unanswered: string[] = [];
    /** The game's own faults that have not struck yet. */
    let waiting: ReturnType<typeof world.airtable.gameFaults.planned> = [];
    /** Whose row each of them is about, whatever it is called by then. */
    const struckOn = new Map<(typeof waiting)[number], Delivery>();
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

    /** By try-create a row is paid while a run looks: a fault finds a delivery that is on its way there, if any. */
    function pickHit({ needsRow, isAhead }: Fault, by: Chance): Delivery {
      if (!isAsked || !(needsRow || isAhead)) return by.pick(deliveries);
      const rows = world.airtable.list("STRATAGEMS");
      const asked = new Set(rows.map(deliveryOf));
      const active = new Set(rows.filter(({ fields }) => fields["Status"] === "active").map(deliveryOf));
      const onItsWay = deliveries.filter(({ deliveryId }) =>
        isAhead ? !asked.has(deliveryId) : active.has(deliveryId),
      );
      return by.pick(onItsWay.length > 0 ? onItsWay : deliveries);
    }

    async function strike(by = chance): Promise<void> {
      notePaid();
      const fault = by.pick(possible);
      const hit = pickHit(fault, by);
      const place: Place = { world, delivery: hit, outside, undo, late: unanswered };
      const row = rowHit(world, hit);
      if (fault.needsRow && !row) return;
      if (fault.lie === "moves" && hasMoved) return;
      // A copy of what is not active, and a run of it by hand, are other deliveries than ours: they prove nothing here.
      if (["row double", "run by id"].includes(fault.name) && row?.fields["Status"] !== "active") return;
      hasMoved ||= fault.lie === "moves";
      drawn += 1;
      tally(fault.name);
      note(`${fault.name}, ${hit.deliveryId}`);
      const before = new Set(rowsOf(world, hit.deliveryId).map(({ id }) => id));
      await fault.strike(place);
      for (const planned of world.airtable.gameFaults.planned())
        if (!struckOn.has(planned)) struckOn.set(planned, hit);
      noteStruck();
      if (fault.name === "row double")
        for (const { id } of rowsOf(world, hit.deliveryId)) if (!before.has(id)) copied.add(id);
      if (fault.name === "try-create repeat")
        doubled.set(hit.deliveryId, (doubled.get(hit.deliveryId) ?? 0) + 1);
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
        return { onStep: giveUp, skewMs: chance.between(-20, 20) * SECOND_MS };
      return {
        skewMs: 0,
        async onStep(step) {
          const { done, next, call } = step;
          if (isDead) throw new Died();
          giveUp(step);
          if (isOver || done < at) return;
          switch (fated) {
            case "pauses":
              isOver = true;
              shop.pass(25 * SECOND_MS);
              await shop.run(giveUp);
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

    /** A call whose caller gives up on it and lives on. */
    function giveUp({ next, call }: Step): void {
      const which = unanswered.indexOf(next);
      if (which < 0) return;
      unanswered.splice(which, 1);
      late.push({ call, at: shop.clock.now.getTime() + 110 * SECOND_MS });
      throw new Unavailable("venice", { effect: "unknown" });
    }

    /** Time passes; calls of the dead arrive in it. */
    async function pass(ms: number): Promise<void> {
      const until = shop.clock.now.getTime() + ms;
      for (const { call, at } of late.splice(0)) {
        if (at > shop.clock.now.getTime()) shop.passTo(new Date(at));
        await call().catch(() => undefined);
      }
      if (until > shop.clock.now.getTime()) shop.passTo(new Date(until));
    }

    /** By try-create a fault comes while a drain is at work, too; drawn from a chance of its own, for drains at once have no order. */
    function meanwhile(onStep: OnStep): OnStep {
      if (!isAsked || !isBadTime || !chance.isLucky(0.6)) return onStep;
      const at = chance.between(0, 40);
      const by = chanceOf(chance.between(1, 2 ** 31));
      return async (step) => {
        if (step.done === at) await strike(by);
        await onStep(step);
      };
    }

    async function drain(): Promise<void> {
      const workers = drains === "one drain" ? 1 : 5;
      const reports = await Promise.all(
        Array.from({ length: workers }, () => {
          if (!chance.isLucky(0.3)) return shop.run(meanwhile(giveUp));
          const { onStep, skewMs } = fate();
          return shop.run(meanwhile(onStep), skewMs);
        }),
      );
      for (const report of reports)
        note(`drained: ${report instanceof Error ? messageOf(report) : JSON.stringify(report)}`);
      noteStruck();
      notePaid();
    }

    /** Eight hours lie between two runs of the game: of their minutes so many that the purse has been explained. */
    async function explain(): Promise<void> {
      for (let looks = 0; looks < 10; looks += 1) {
        await pass(minutes(1));
        const report = await shop.run(giveUp);
        noteStruck();
        notePaid();
        note(`explained: ${report instanceof Error ? messageOf(report) : report.watching}`);
        if (!(report instanceof Error) && report.watching === "concluded" && report.stopped === null) return;
      }
    }

    /** Rows that say they were paid, though the game did not run. */
    function noteForged(): void {
      for (const row of world.airtable.list("STRATAGEMS"))
        if (deliveryOf(row) && saysPaid(row.fields) && !rowsPaid.has(row.id)) forged.add(row.id);
    }

    function notePaid(): void {
      const sold = new Map(deliveries.map((each) => [each.deliveryId, each]));
      for (const row of world.airtable.list("STRATAGEMS")) {
        const delivery = sold.get(deliveryOf(row) ?? "");
        if (delivery && saysPaid(row.fields) && !forged.has(row.id)) rowsPaid.set(row.id, delivery);
      }
    }

    /** What the game's own faults that have struck since the last look burned or paid twice. */
    function noteStruck(): void {
      const left = world.airtable.gameFaults.planned();
      const gone = waiting.filter((fault) => !left.includes(fault));
      waiting = left;
      for (const fault of gone) {
        const hit = struckOn.get(fault);
        if (!hit) continue;
        if (fault.kind === "twice" || (fault.kind === "stop" && fault.at === "after_credit"))
          doubled.set(hit.deliveryId, (doubled.get(hit.deliveryId) ?? 0) + 1);
        if (fault.kind !== "twice" && fault.at === "after_debit") burned += hit.ducats;
      }
    }

    async function runGame(): Promise<void> {
      const { outcomes } = await shop.runGame();
      note(`the game: ${outcomes.map(({ stratagemId, outcome }) => `${stratagemId} ${outcome}`).join(", ")}`);
      noteStruck();
      notePaid();
    }

    await sell(isAsked ? 2 : chance.between(3, 6));
    while (deliveries.length < 20 || drawn < 30) {
      for (let step = chance.between(3, 4); step > 0; step -= 1) {
        // What is sold there is soon delivered: what comes next needs another.
        if (isAsked ? deliveries.length < 34 : deliveries.length < 28 && chance.isLucky(0.7))
          await sell(chance.between(1, isAsked ? 3 : 4));
        for (let struck = chance.between(2, 3); struck > 0; struck -= 1) await strike();
        // A request that may have been lost holds up the next ones for half an hour.
        const isJump = chance.isLucky(isAsked ? 0.5 : 0.1);
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
      // No bad time lasts longer than to the game's next run.
      noteStruck();
      world.airtable.mend();
      waiting = [];
      shop.slowGame(callsPerWrite);
      mendVenice();
      await explain();
      hasMoved = false;
    }

    isBadTime = false;
    for (const wire of [world.airtable.faults, world.upstash.faults]) wire.clear();
    world.venice.mend();
    unanswered.length = 0;
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
      /** By try-create a second row of ours is no copy, but a second payment. */
      const isCopy = (id: string, deliveryId: string) =>
        isAsked
          ? copied.has(id) &&
            [...rowsPaid].some(([other, { deliveryId: of }]) => of === deliveryId && other !== id)
          : !pinned.has(id);
      const timesDoubled = (some: readonly Pick<Ended, "deliveryId">[]) =>
        some.reduce((sum, { deliveryId }) => sum + (doubled.get(deliveryId) ?? 0), 0);
      for (const { citizen } of shop.buyers) {
        const paid = timesPaid(purses.cameTo(citizen), `${citizen} holds`);
        for (const ducats of amounts) {
          const here = ends.filter((each) => each.citizen === citizen && each.ducats === ducats);
          const copies = [...rowsPaid].filter(
            ([id, each]) =>
              each.buyer.citizen === citizen && each.ducats === ducats && isCopy(id, each.deliveryId),
          );
          // The game's own second payment may have been a copy's.
          const paidAgain = timesDoubled(copies.map(([, each]) => each));
          const executed = here.filter(({ status }) => status === "executed");
          const uncertain = here.filter(({ status }) => status === "uncertain");
          const times = (paid.get(ducats) ?? 0) - copies.length;
          const tooMany = times - paidAgain - executed.length - uncertain.length - timesDoubled(uncertain);
          // By its own route the game pays while we look on: what it pays once more after we saw the first is noticed, not prevented.
          const afterOurLook = isAsked ? timesDoubled(executed) : 0;
          if (times < executed.length || tooMany > afterOurLook || (tooMany > 0 && !(await isPurseAlerted())))
            throw new Error(
              `${citizen} was paid ${ducats} ducats ${times} times (and ${copies.length} by copies): ${JSON.stringify(here)}`,
            );
        }
      }
      expect(purses.gained()).toBeCloseTo(outside.ducats - burned, 1);
      await booksFollow(world, ends, again);
      counts.purchases += deliveries.length;
      for (const { status } of ends) counts.ends.set(status, (counts.ends.get(status) ?? 0) + 1);
    }
  }

  /** The last to go is the first to come back. */
  function mendVenice(): void {
    for (const undone of undo.splice(0).reverse()) undone();
  }

  /** At some time: such an alert is closed when the purse is explained again. */
  async function isPurseAlerted(): Promise<boolean> {
    return (await world.database.rows("select from alerts where kind = 'purse_unexplained'")).length > 0;
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
