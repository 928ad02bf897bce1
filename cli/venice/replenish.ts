/** Tops the processor's purse up: look, begin, plan an inert row, pin it, read it back, activate it once, look what became of it. */
import type { App } from "../../lib/app.ts";
import { readEvidence, type Reading } from "../../lib/delivery/evidence.ts";
import { deliveryWork } from "../../lib/delivery/outbox.ts";
import { millis, MILLIS_PER_DUCAT, printDucats, type Millis } from "../../lib/money.ts";
import { comparePurse, type Compared } from "../../lib/reserve/compare.ts";
import { PROCESSOR } from "../../lib/processor.ts";
import type { SeenRow } from "../../lib/venice/port.ts";
import * as books from "./books.ts";
import type { Held, NewReplenishment, Replenishment } from "./books.ts";
import type { Ducats, Purse } from "./ducats.ts";

export type Ports = Pick<App, "db" | "clock"> & { readonly ducats: Ducats };

/** As much as the game's own setup gives the processor: anyone can spend its purse. */
const largestDucats = 1_000_000;

export type Survey = {
  readonly processor: Purse | undefined;
  readonly treasury: Purse | undefined;
  readonly promisedMillis: Millis;
  /** Deliveries that Venice may execute. */
  readonly underWay: number;
  readonly isRecalling: boolean;
  readonly last: Replenishment | null;
  readonly atHand: Replenishment | null;
};

/** Changes nothing. */
export async function survey(ports: Ports, treasury: string | undefined): Promise<Survey> {
  const atHand = await books.atHand(ports);
  const seen = await books.outlook(ports);
  const purses = await ports.ducats.purses([PROCESSOR, ...(treasury === undefined ? [] : [treasury])]);
  return {
    ...seen,
    atHand,
    processor: purses.get(PROCESSOR),
    treasury: treasury === undefined ? undefined : purses.get(treasury),
  };
}

/** @throws Error for what is no whole number of ducats, or too many. */
export function readAmount(text: string): Millis {
  const ducats = /^[1-9]\d{0,8}$/.test(text) ? Number(text) : 0;
  if (ducats === 0 || ducats > largestDucats)
    throw new Error(
      `--amount ${text}: give whole ducats, from 1 to ${largestDucats}, in digits alone. Nothing was changed.`,
    );
  return millis(BigInt(ducats) * MILLIS_PER_DUCAT);
}

type Wish = Pick<NewReplenishment, "kind" | "millis">;

/** Why a new top-up cannot begin, or null. Pure. */
export function objection(found: Survey, wish: Wish, treasury: string | undefined): string | null {
  if (found.isRecalling)
    return "Refunded ducats are being fetched back from a citizen, and the purse must tell them from a top-up: try again in half an hour.";
  if (!found.processor) return `${PROCESSOR} is not in Venice, or has no purse: run npm run venice:setup.`;
  if (wish.kind === "mint") return null;
  if (treasury === undefined)
    return "Whose ducats? Set TREASURY_CITIZEN to the citizen who pays, or see --mint.";
  if (treasury === PROCESSOR) return `TREASURY_CITIZEN is ${PROCESSOR} itself.`;
  if (!found.treasury) return `The treasury citizen ${treasury} is not in Venice, or has no purse.`;
  if (found.treasury.millis < wish.millis)
    return `The treasury citizen ${treasury} has ${printDucats(found.treasury.millis)} ducats: too few.`;
  return null;
}

/** Whether the one at hand is the one that is asked for; without an amount any is. */
export function isSame(atHand: Replenishment, wish: Wish | null): boolean {
  return wish === null || (atHand.kind === wish.kind && atHand.millis === wish.millis);
}

export type Outcome =
  | { readonly kind: "busy" }
  /** The row waits for the game. */
  | { readonly kind: "waiting"; readonly replenishment: Replenishment }
  /** It came; the minute's run of deliver-ducats books it together with the deliveries under way. */
  | { readonly kind: "came"; readonly replenishment: Replenishment; readonly purse: Millis }
  | { readonly kind: "done" | "failed" | "unclear"; readonly replenishment: Replenishment };

/** Begins a new one and carries it out. */
export async function replenish(ports: Ports, wish: NewReplenishment): Promise<Outcome> {
  return await carryOut(ports, await books.begin(ports, wish));
}

/** Goes on with one that is at hand: looks before it sends anything. */
export async function goOn(ports: Ports, { id }: Replenishment): Promise<Outcome> {
  return await carryOut(ports, await books.claim(ports, id));
}

/** Dying between any two steps loses nothing, and sends nothing twice. */
async function carryOut(ports: Ports, held: Held | null): Promise<Outcome> {
  if (!held) return { kind: "busy" };
  const outcome = await step(ports, held);
  if (outcome.kind !== "busy") await books.tell(ports, held);
  return outcome;
}

async function step(ports: Ports, held: Held): Promise<Outcome> {
  switch (held.state) {
    case "planned":
      return held.kind === "transfer" ? await send(ports, held) : await mint(ports, held);
    case "active":
      return held.kind === "transfer" ? await look(ports, held) : await lookAtPurse(ports, held);
    case "done":
    case "failed":
    case "unclear":
      return { kind: held.state, replenishment: held };
  }
}

async function send(ports: Ports, held: Held): Promise<Outcome> {
  // What happened before is explained, or alerted, before something new moves.
  await compare(ports);
  const recordId = held.recordId ?? (await rowOf(ports, held));
  if (!(await books.pin(ports, held, recordId))) return await asItIs(ports, held);
  const row = await ports.ducats.readRow(recordId);
  const reading = readTopUp(row, held);
  if (row?.status === "planned") {
    if (reading !== "waiting") return await endAs(ports, held, "unclear", { row });
    await ports.ducats.activate(recordId);
  }
  await books.markActive(ports, held, recordId, null);
  return await look(ports, { ...held, recordId });
}

/** The row that an earlier try has left, or a new one. */
async function rowOf(ports: Ports, held: Held): Promise<string> {
  const found = await ports.ducats.findRows(held.id);
  const inert = found.find((row) => row.status === "planned" && readTopUp(row, held) === "waiting");
  const row = inert ?? found[0];
  return row ? row.recordId : await ports.ducats.plan({ ...held, payer: held.payer ?? "" });
}

/** What became of an active row: the purse decides, the row says why not. */
async function look(ports: Ports, held: Held): Promise<Outcome> {
  let row = await readPinned(ports, held);
  if (row?.status === "failed" && readTopUp(row, held) === "refused") {
    // It could still be run by hand: nothing may come of what we call failed.
    await ports.ducats.voidRow(row);
    row = await readPinned(ports, held);
  }
  const reading = readTopUp(row, held);
  const compared = await compare(ports);
  const now = await books.readReplenishment(ports, held.id);
  if (now.state !== "active") return await asItIs(ports, held);
  switch (reading) {
    case "waiting":
      return { kind: "waiting", replenishment: now };
    case "refused":
      return await endAs(ports, held, "failed", { row });
    case "unknown":
      return await endAs(ports, held, "unclear", { row: row ?? null });
    case "executed":
      // With nothing under way the purse has been compared just now, after the row, and doesn't show it.
      return isFinal(compared)
        ? await endAs(ports, held, "unclear", { row, purseMillis: String(compared.purse) })
        : { kind: "came", replenishment: now, purse: compared.purse };
  }
}

async function readPinned(ports: Ports, { recordId }: Held): Promise<SeenRow | undefined> {
  return recordId === null ? undefined : await ports.ducats.readRow(recordId);
}

/** Read as a delivery's row is, after its own two citizens: the treasury pays, the processor is paid. */
function readTopUp(row: SeenRow | undefined, { id, payer, millis }: Held): Reading {
  if (!row || row.executedBy !== payer || row.targetCitizen !== PROCESSOR) return "unknown";
  const expected = {
    transport: "rows" as const,
    reference: id,
    citizen: PROCESSOR,
    millis,
    inertAt: null,
    touchedAt: null,
  };
  const reading = readEvidence({ ...row, executedBy: PROCESSOR }, expected);
  return reading === "tampered" ? "unknown" : reading;
}

async function mint(ports: Ports, held: Held): Promise<Outcome> {
  await compare(ports);
  const purse = await processorPurse(ports);
  const after = millis(purse.millis + held.millis);
  // Before the write: whatever becomes of its answer, the purse is compared with these.
  if (!(await books.markActive(ports, held, purse.recordId, { before: purse.millis, after })))
    return await asItIs(ports, held);
  await ports.ducats.writePurse(purse.recordId, after);
  return await lookAtPurse(ports, {
    ...held,
    recordId: purse.recordId,
    purseBefore: purse.millis,
    purseAfter: after,
  });
}

async function lookAtPurse(ports: Ports, held: Held): Promise<Outcome> {
  const compared = await compare(ports);
  const now = await books.readReplenishment(ports, held.id);
  if (now.state !== "active") return await asItIs(ports, held);
  const evidence = { purseMillis: String(compared.purse) };
  if (compared.purse === held.purseBefore) return await endAs(ports, held, "failed", evidence);
  if (compared.purse === held.purseAfter && !isFinal(compared))
    return { kind: "came", replenishment: now, purse: compared.purse };
  return await endAs(ports, held, "unclear", evidence);
}

type ComparedPurse = Compared & { readonly purse: Millis };

async function compare(ports: Ports): Promise<ComparedPurse> {
  const work = await deliveryWork(ports, 0);
  const purse = (await processorPurse(ports)).millis;
  return { ...(await comparePurse(ports, work, purse)), purse };
}

function isFinal(compared: Compared): boolean {
  return compared.kind === "concluded" || compared.kind === "begun";
}

async function processorPurse({ ducats }: Ports): Promise<Purse> {
  const purse = (await ducats.purses([PROCESSOR])).get(PROCESSOR);
  if (!purse) throw new Error(`${PROCESSOR} is not in Venice, or has no purse.`);
  return purse;
}

async function endAs(
  ports: Ports,
  held: Held,
  state: "failed" | "unclear",
  evidence: object,
): Promise<Outcome> {
  await books.end(ports, held, state, evidence);
  return await asItIs(ports, held);
}

/** The minute's run may have seen the purse move, or another command may have taken this one over. */
async function asItIs(ports: Ports, { id }: Held): Promise<Outcome> {
  const replenishment = await books.readReplenishment(ports, id);
  const { state } = replenishment;
  return state === "planned" || state === "active" ? { kind: "busy" } : { kind: state, replenishment };
}
