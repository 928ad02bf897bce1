/** Each place between two steps of a delivery's life with each fault, one pair after another: the purse is everybody's. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { SECOND_MS } from "../../lib/clock.ts";
import { messageOf, Unavailable } from "../../lib/errors.ts";
import { Died, minutes } from "./delivering.ts";
import { useShop } from "./selling.ts";
import { booksFollow, endsOf, isOver, nobodyIsForgotten, readPurses } from "./soundness.ts";
import type { Step } from "./steps.ts";
import { byTryCreate, type Transport } from "./transport.ts";
import {
  allFaults,
  placedLevers,
  placedLeversOfApi,
  placedWireKinds,
  rowHit,
  wireKindsOf,
  type Fault,
  type Place,
} from "./venice-faults.ts";
import { endPenalty, useWorld } from "./world.ts";

/** Before a call of the life's run of that number, `done` of its calls being over. */
type Boundary = { readonly run: number; readonly done: number; readonly next: string };

/**
 * What becomes of the worker there. It dies; its next call arrives though it has died, as late as a lease and its quiet
 * period allow; it stands still as long as it may live while another works and the game runs; or the game runs, and it goes on.
 */
const turns = ["dies", "dies, its next call comes late", "pauses", "meets the game"] as const;
type Turn = (typeof turns)[number];

const lateMs = 110 * SECOND_MS;
const pauseMs = 25 * SECOND_MS;
/** So slow that a look of ours falls between any two writes of a transfer by try-create. */
const callsPerWrite = 4;

/** The bad time. */
type Bad = {
  readonly strike: () => Promise<void>;
  readonly onward: (step: Step) => Promise<void>;
  readonly deliverLate: () => Promise<void>;
};

/** PAIRS=all: each pair with each turn. Otherwise each pair has one, by rotation. */
const isThorough = process.env["PAIRS"] === "all";

export function provePairs(transport: Transport): void {
  const world = useWorld(transport.variables);
  const shop = useShop(world, ["RialtoBanker"]);
  const { life } = transport;
  const faults = allFaults(transport);
  const boundaries: Boundary[] = [];
  const table = new Map<string, number>();
  let pairs = 0;
  let startedAt = 0;

  beforeAll(() => {
    startedAt = performance.now();
  });
  afterAll(() => {
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
    const ends = [...table].map(([end, count]) => `${end} ${count}`).join(", ");
    process.stdout.write(
      `pairs ${transport.name}: ${boundaries.length} boundaries, ${faults.length} faults, ${pairs} pairs: ${ends}; ${seconds} s\n`,
    );
  });

  test("every fault of the stand-ins has its place", () => {
    for (const part of [world.airtable, world.gateway, world.upstash, world.venice])
      expect(wireKindsOf(part.faults).sort()).toEqual([...placedWireKinds].sort());
    expect(Object.keys(world.airtable).sort()).toEqual([...placedLevers].sort());
    expect(Object.keys(world.venice).sort()).toEqual([...placedLeversOfApi].sort());
    expect(new Set(faults.map(({ name }) => name)).size).toBe(faults.length);
  });

  test("a clean life ends with one credit; its boundaries are counted", async () => {
    await shop.reset();
    shop.slowGame(callsPerWrite);
    const purses = readPurses(world);
    await sellOne();
    for (const [run, part] of life.entries()) {
      if (part === "game") await shop.runGame();
      else {
        shop.pass(minutes(1));
        const report = await shop.run(({ done, next }) => void boundaries.push({ run, done, next }));
        if (report instanceof Error) throw report;
      }
    }
    expect((await endsOf(world)).map(({ status }) => status)).toEqual(["executed"]);
    expect(purses.cameTo("RialtoBanker")).toBe(100);
    expect(boundaries.length).toBeGreaterThanOrEqual(20);
  });

  for (const [number, fault] of faults.entries())
    test(fault.name, { timeout: 600_000 }, async () => {
      expect(boundaries.length).toBeGreaterThan(0);
      shop.askPostgres(fault.kind.startsWith("gateway") ? "through the gateway" : "directly");
      const failures: string[] = [];
      for (const [place, boundary] of boundaries.entries())
        for (const turn of isThorough ? turns : turns.slice((number + place) % turns.length).slice(0, 1)) {
          pairs += 1;
          const where = `the worker ${turn} before ${boundary.next} (call ${boundary.done + 1} of run ${boundary.run})`;
          try {
            const end = await live(boundary, turn, fault);
            table.set(end, (table.get(end) ?? 0) + 1);
          } catch (error) {
            failures.push(`${where}: ${messageOf(error)}`);
          }
        }
      if (failures.length > 0)
        process.stderr.write(`${fault.name}: ${failures.length}\n  ${failures.join("\n  ")}\n`);
      expect(failures).toEqual([]);
    });

  async function sellOne() {
    const [buyer] = shop.buyers;
    if (!buyer) throw new Error("nobody buys");
    const [delivery] = await shop.sell([{ buyer, ducats: 100 }]);
    if (!delivery) throw new Error("nothing was sold");
    return delivery;
  }

  async function live(boundary: Boundary, turn: Turn, fault: Fault): Promise<string> {
    await shop.reset();
    shop.slowGame(callsPerWrite);
    const purses = readPurses(world);
    const delivery = await sellOne();
    const place: Place = { world, delivery, outside: { ducats: 0 }, undo: [], late: [] };
    let isReached = false;
    let isStruck = false;
    let isDead = false;
    const late: Step["call"][] = [];

    /** A call that is answered too late: its caller lives on, and knows nothing. */
    function giveUp({ next, call }: Step): void {
      if (place.late[0] !== next) return;
      place.late.shift();
      late.push(call);
      throw new Unavailable("venice", { effect: "unknown" });
    }

    /** What comes late comes just before the quiet period is over. */
    async function deliverLate(): Promise<void> {
      for (const call of late.splice(0)) {
        shop.pass(minutes(1));
        await shop.run(onward);
        shop.pass(lateMs - minutes(1));
        await call().catch(() => undefined);
      }
    }

    /** Every step but the one at the boundary. */
    async function onward(step: Step): Promise<void> {
      await strike();
      giveUp(step);
    }

    /** At the boundary; one that strikes a row as soon as there is one. */
    async function strike(): Promise<void> {
      if (isStruck || !isReached || (fault.needsRow && !rowHit(world, delivery))) return;
      isStruck = true;
      await fault.strike(place);
    }

    async function atStep(step: Step): Promise<void> {
      if (isDead) throw new Died();
      if (isReached || step.done !== boundary.done) return onward(step);
      isReached = true;
      await strike();
      if (turn === "meets the game") await shop.runGame();
      if (turn === "pauses") {
        shop.pass(pauseMs);
        await shop.run(onward);
        await shop.runGame();
      }
      if (turn === "dies" || turn === "dies, its next call comes late") isDead = true;
      if (turn === "dies, its next call comes late") late.push(step.call);
      if (isDead) throw new Died();
      giveUp(step);
    }

    for (const [run, part] of life.entries()) {
      if (part === "game") await shop.runGame();
      else {
        shop.pass(minutes(1));
        await shop.run(run === boundary.run ? atStep : onward);
      }
      await deliverLate();
      await strike();
    }
    expect(isReached).toBe(true);
    await settle(place, { strike, onward, deliverLate });
    // Whatever is over stays over.
    await shop.runGame();
    await shop.runs(1);
    expect(isStruck).toBe(true);
    return judge(place, fault, purses);
  }

  const isQuiet = async () => (await endsOf(world)).every(isOver);

  /** The bad time goes on for one run of the game, then all is mended; and time passes until the delivery is over. */
  async function settle(place: Place, { strike, onward, deliverLate }: Bad): Promise<void> {
    await shop.runs(3, onward);
    await deliverLate();
    await strike();
    await shop.runGame();
    await shop.runs(2, onward);
    await deliverLate();
    for (const { faults: wire } of [world.airtable, world.gateway, world.upstash]) wire.clear();
    world.airtable.mend();
    world.venice.mend();
    place.late.length = 0;
    for (const undo of place.undo) undo();
    // A row that is made only now is struck now.
    await endPenalty(world);
    for (let round = 0; round < 4; round += 1) {
      await shop.runs(1, onward);
      await shop.runGame();
      for (let made = 0; made < 6; made += 1) {
        if (await isQuiet()) return;
        await shop.runs(1, onward);
      }
      // A refused row's ducats return after half an hour; each row is read by its id once an hour.
      shop.pass(minutes(round === 0 ? 31 : 61));
      await shop.runs(1, onward);
    }
  }

  async function openAlerts(): Promise<readonly string[]> {
    const rows = await world.database.rows<{ kind: string }>(
      "select kind from alerts where closed_at is null",
    );
    return rows.map(({ kind }) => kind);
  }

  async function judge(place: Place, fault: Fault, purses: ReturnType<typeof readPurses>): Promise<string> {
    const { ducats, buyer } = place.delivery;
    const ends = await endsOf(world);
    nobodyIsForgotten(ends);
    const status = ends[0]?.status;
    const came = purses.cameTo(buyer.citizen);
    const seen = JSON.stringify({ status, came, gained: purses.gained(), outside: place.outside });
    // By its own route the game pays while we look on: what it pays once more after we saw the first is noticed, not prevented.
    if (status === "executed" && fault.paysTwice && transport === byTryCreate && came === 2 * ducats)
      expect(await openAlerts(), seen).toContain("purse_unexplained");
    else if (status === "executed") expect(came, seen).toBe(ducats);
    else if (status === "rejected") expect(came, seen).toBe(0);
    // What a forged amount pays is the forger's; nobody is paid twice but by a fault that pays twice.
    else if (fault.name !== "row alter_amount")
      expect(fault.paysTwice ? [0, ducats, 2 * ducats] : [0, ducats], seen).toContain(came);
    // Nobody lied: it arrives, and no person is asked.
    if (fault.lie === "none" && !fault.name.endsWith("is not there"))
      expect(fault.mayReturn ? ["executed", "rejected"] : ["executed"], seen).toContain(status);
    const lost = fault.burns ? [0, -ducats] : [0];
    expect(
      lost.map((each) => each + place.outside.ducats),
      seen,
    ).toContainEqual(expect.closeTo(purses.gained(), 2));
    await booksFollow(world, ends, 0);
    return String(status);
  }
}
