/** Everything that can be made to go wrong around a delivery, from the stand-ins' own lists: a new fault fails here until it has a place. */
import { ZodError } from "zod";
import { rowDefects, type RowDefect } from "../../dev/airtable/game/defects.ts";
import { gameFaultSchema, type GameFaultInput } from "../../dev/airtable/game/faults.ts";
import type { Airtable } from "../../dev/airtable/start.ts";
import type { VeniceApi } from "../../dev/venice/start.ts";
import type { FaultInput, Faults } from "../../dev/wire/faults.ts";
import { processor, purse } from "./delivering.ts";
import { rowsOf, type Delivery } from "./selling.ts";
import type { Transport } from "./transport.ts";
import type { World } from "./world.ts";

/** Where a fault strikes. */
export type Place = {
  readonly world: World;
  readonly delivery: Delivery;
  /** What hands outside the game have put into purses, and taken out of them. */
  readonly outside: { ducats: number };
  /** What is to be undone when the bad time is over. */
  readonly undo: (() => void)[];
  /** The next call of that name arrives when its caller has given up on it. */
  readonly late: string[];
};

/**
 * What a fault makes of the sum by which everything is judged. `none`: rows and purse stay what they are. `moves`: the purse may
 * move by more than the rows say. `says`: rows may say, or leave open, more than the purse moved. `neither`: the row says
 * nothing, and the purse did move.
 */
type Lie = "none" | "moves" | "says" | "neither";

export type Fault = {
  readonly name: string;
  /** The stand-in's list and its word there. */
  readonly kind: string;
  readonly lie: Lie;
  /** Strikes the delivery's row, which must be there. */
  readonly needsRow: boolean;
  /** Strikes a delivery that is still to be sent. */
  readonly isAhead: boolean;
  /** The row may never be carried out: its ducats return to the wallet. */
  readonly mayReturn: boolean;
  /** The game, or a copy that a stranger makes, may pay the row's receiver again. */
  readonly paysTwice: boolean;
  /** The game takes the ducats from the payer and gives them to nobody. */
  readonly burns: boolean;
  readonly strike: (place: Place) => unknown;
};

const quiet = {
  lie: "none",
  needsRow: false,
  isAhead: false,
  mayReturn: false,
  paysTwice: false,
  burns: false,
} as const;
const onRow = { ...quiet, lie: "says", needsRow: true } as const;

/** Late answers are short here: one that is later than the deadline is `drop_after` to whoever waits. */
const wireVariants: Record<FaultInput["kind"], readonly Partial<FaultInput>[]> = {
  latency: [{ latencyMs: 5 }],
  status: [{ status: 429 }, { status: 500 }, { status: 503 }, { status: 403 }, { status: 422 }],
  status_after: [{ status: 502 }],
  drop_before: [{}],
  drop_after: [{}],
  repeat: [{}],
};
/** Neither Neon nor Upstash refuses us for good. */
const fewStatuses: typeof wireVariants = { ...wireVariants, status: [{ status: 500 }] };

/** By try-create the game makes the row. */
const airtablesMethods = { rows: ["GET", "POST", "PATCH"], try_create: ["GET", "PATCH"] };

function wireFaults(part: "airtable" | "gateway" | "upstash", route: Transport["route"]): Fault[] {
  const methods = part === "airtable" ? airtablesMethods[route] : ["POST"];
  return Object.entries(part === "airtable" ? wireVariants : fewStatuses).flatMap(([kind, variants]) =>
    variants.flatMap((variant) =>
      methods.map((method) => ({
        ...quiet,
        name: [part, kind, ...("status" in variant ? [variant.status] : []), method].join(" "),
        kind: `${part} ${kind}`,
        strike: ({ world }: Place) => {
          world[part].faults.plan({ ...variant, method, kind: kind as FaultInput["kind"] });
        },
      })),
    ),
  );
}

/** Of the game's API; a refusal may be one that comes after the effect. */
const gamesVariants: typeof wireVariants = {
  ...wireVariants,
  status: [...wireVariants.status, { status: 408 }],
  status_after: [{ status: 504 }, { status: 408 }, { status: 400 }],
};

/** Around one request to try-create. */
function requestFaults(): Fault[] {
  const onWire = Object.entries(gamesVariants).flatMap(([kind, variants]) =>
    variants.map((variant) => ({
      ...quiet,
      ...(kind === "repeat" && ({ lie: "moves", paysTwice: true, isAhead: true } as const)),
      name: ["try-create", kind, ...("status" in variant ? [variant.status] : [])].join(" "),
      kind: `try-create ${kind}`,
      strike: ({ world, delivery }: Place) => {
        world.venice.faults.plan({
          ...variant,
          ...(kind === "repeat" && { body: `${delivery.deliveryId}-` }),
          method: "POST",
          path: "try-create",
          kind: kind as FaultInput["kind"],
        });
      },
    })),
  );
  return [
    ...onWire,
    {
      ...quiet,
      name: "try-create is done after our deadline",
      kind: "try-create latency",
      strike: ({ late }) => void late.push("game.transfer"),
    },
    {
      ...quiet,
      name: "try-create loses Airtable",
      kind: "try-create losses",
      strike: ({ world }) => {
        world.venice.losses.plan({ route: "try-create" });
      },
    },
    {
      ...quiet,
      name: "try-create loses Airtable for an hour",
      kind: "try-create losses",
      strike: ({ world }) => {
        world.venice.losses.plan({ route: "try-create", times: 10 });
      },
    },
    {
      ...quiet,
      name: "try-create answers when it is done",
      kind: "try-create answer",
      strike: ({ world }) => {
        world.airtable.game.tryCreate.answer("done");
      },
    },
  ];
}

type GameKind = GameFaultInput["kind"];
type Moment = "before_debit" | "after_debit" | "after_credit";

const unsaid = (at: Moment | undefined) => ({
  lie: at === "before_debit" ? ("says" as const) : ("neither" as const),
  burns: at === "after_debit",
});
const gameLies: Record<GameKind, (at: Moment | undefined) => Partial<Fault>> = {
  stop: (at) => ({
    lie: at === "before_debit" ? "none" : "moves",
    burns: at === "after_debit",
    // The row is still active: the game's next run takes it again.
    paysTwice: at === "after_credit",
  }),
  processing_error: unsaid,
  logic_failure: unsaid,
  background_error: unsaid,
  twice: () => ({ lie: "moves", paysTwice: true }),
};

/** In the game's background nobody writes down that a transfer gave up: its row stays active, as after a death. */
const backgroundLies: typeof gameLies = {
  ...gameLies,
  stop: (at) => ({ ...gameLies.stop(at), mayReturn: at === "before_debit" }),
  logic_failure: (at) => ({
    lie: at === "before_debit" ? "says" : "moves",
    burns: at === "after_debit",
    paysTwice: at === "after_credit",
  }),
};

function gameFaults(route: Transport["route"]): Fault[] {
  const isAsked = route === "try_create";
  return gameFaultSchema.options.flatMap(({ shape }) => {
    const kinds: readonly GameKind[] = "options" in shape.kind ? shape.kind.options : [...shape.kind.values];
    const moments: readonly (Moment | undefined)[] = "at" in shape ? shape.at.options : [undefined];
    return kinds.flatMap((kind) =>
      moments.map((at) => ({
        ...quiet,
        ...(isAsked ? backgroundLies : gameLies)[kind](at),
        needsRow: !isAsked,
        isAhead: isAsked,
        name: ["game", kind, ...(at ? [at] : [])].join(" "),
        kind: `game ${kind}`,
        strike: (place: Place) => {
          const which = isAsked
            ? { notes: `${place.delivery.deliveryId}-` }
            : { stratagemId: String(rowOf(place).fields["StratagemId"]) };
          place.world.airtable.gameFaults.plan({ kind, ...(at && { at }), ...which } as GameFaultInput);
        },
      })),
    );
  });
}

const defectLies: Record<RowDefect, Partial<Fault>> = {
  expire: {},
  forge_executed: {},
  forge_failed: { lie: "moves" },
  alter_amount: {},
  alter_target: {},
  double: { lie: "moves", paysTwice: true },
};

function spoiledRows(): Fault[] {
  return rowDefects.map((defect) => ({
    ...onRow,
    ...defectLies[defect],
    name: `row ${defect}`,
    kind: `row ${defect}`,
    strike: (place: Place) => {
      place.world.airtable.spoil(rowOf(place).id, defect);
    },
  }));
}

export const thiefsCitizen = "BarnabottoLuca";
/** No sum of whole ducats, however many of them come together. */
const oddDucats = 777.37;

/** The other things that can be done to Venice; each key is one of the stand-in's. */
const levers: Record<keyof Airtable, readonly (Partial<Fault> & Pick<Fault, "name" | "strike">)[]> = {
  ...{ url: [], port: [], baseId: [], apiKey: [], close: [], list: [], citizen: [], addCitizen: [] },
  // What goes wrong on the wire and in the game has lists of its own; a run of the game comes between any two steps anyhow.
  ...{ faults: [], gameFaults: [], game: [], runGame: [], mend: [], resetLimit: [], spoil: [] },
  schedule: [{ name: "the game's schedule is dead", strike: ({ world }) => world.airtable.schedule.kill() }],
  runStratagem: [
    {
      name: "run by id",
      needsRow: true,
      // An inert row, too: then nobody has said that it may be paid.
      lie: "neither",
      strike: (place) => place.world.airtable.runStratagem(String(rowOf(place).fields["StratagemId"])),
    },
  ],
  setDucats: [
    { name: "the purse is lowered by hand", lie: "moves", strike: (place) => byHand(place, -oddDucats) },
    { name: "the purse is topped up by hand", lie: "says", strike: (place) => byHand(place, oddDucats) },
  ],
  forge: [
    { ...onRow, name: "touched", strike: forged({ Name: "mine" }) },
    { ...onRow, name: "made inert", strike: forged({ Status: "planned" }) },
    { ...onRow, name: "cancelled", strike: forged({ Status: "cancelled" }) },
    {
      ...onRow,
      name: "disguised",
      strike: forged({ ExecutedBy: "SaltMerchantPisana", StratagemId: "mine" }),
    },
  ],
  remove: [
    {
      ...onRow,
      name: "the row is deleted",
      strike: (place) => place.world.airtable.remove("STRATAGEMS", rowOf(place).id),
    },
    { name: "the payee is not there", strike: (place) => leaves(place, place.delivery.buyer.citizen) },
    { name: "the processor is not there", strike: (place) => leaves(place, processor) },
  ],
  strangerSpends: [
    {
      name: "a stranger pays himself",
      lie: "moves",
      strike: ({ world }) => world.airtable.strangerSpends(thiefsCitizen, oddDucats),
    },
    {
      name: "a stranger pays himself as much",
      lie: "moves",
      strike: ({ world, delivery }) => world.airtable.strangerSpends(thiefsCitizen, delivery.ducats),
    },
    {
      name: "a stranger empties the purse",
      lie: "moves",
      async strike(place) {
        const ducats = purse(place.world, processor);
        if (Number.isNaN(ducats) || ducats <= 0) return;
        await place.world.airtable.strangerSpends(thiefsCitizen, ducats);
        place.undo.push(() => byHand(place, ducats));
      },
    },
  ],
};

/** What the game's API has beside them: what goes wrong on its wire has a list of its own. */
const apisLevers: Record<keyof VeniceApi, null> = {
  ...{ url: null, apiUrl: null, port: null, close: null, faults: null, losses: null, settled: null },
  ...{ forgetCitizens: null, mend: null },
};

/** What forges a row may come between the game's writes; whatever touches a purse then would be overwritten. */
function leverFaults(): Fault[] {
  return Object.entries(levers).flatMap(([lever, cases]) =>
    cases.map((each) => ({
      ...quiet,
      ...each,
      kind: `venice ${lever}`,
      async strike(place: Place) {
        if (!("needsRow" in each) || lever === "runStratagem") await place.world.venice.settled();
        await each.strike(place);
      },
    })),
  );
}

/** Redis away for good long: the pace goes to Postgres. */
const redisAway: Fault = {
  ...quiet,
  name: "redis is away",
  kind: "redis away",
  strike: ({ world }) => {
    world.upstash.faults.plan({ kind: "status", status: 500, times: 200 });
  },
};

export function allFaults({ route }: Transport): Fault[] {
  return [
    ...(["airtable", "gateway", "upstash"] as const).flatMap((part) => wireFaults(part, route)),
    redisAway,
    ...(route === "try_create" ? requestFaults() : []),
    ...gameFaults(route),
    ...spoiledRows(),
    ...leverFaults(),
  ];
}

/** The row it strikes: of several the one that is not inert. */
export function rowHit(world: World, { deliveryId }: Pick<Delivery, "deliveryId">) {
  const rows = rowsOf(world, deliveryId);
  return rows.find(({ fields }) => fields["Status"] !== "planned") ?? rows[0];
}

function rowOf(place: Place) {
  const row = rowHit(place.world, place.delivery);
  if (!row) throw new Error("there is no row to strike");
  return row;
}

function forged(fields: Readonly<Record<string, unknown>>): Fault["strike"] {
  return (place) => void place.world.airtable.forge("STRATAGEMS", rowOf(place).id, fields);
}

function byHand({ world, outside }: Place, ducats: number): void {
  const held = purse(world, processor);
  if (Number.isNaN(held)) return;
  world.airtable.setDucats(processor, held + ducats);
  outside.ducats += ducats;
}

/** Until the bad time is over; what he held is his again. */
function leaves({ world, undo }: Place, username: string): void {
  const citizen = world.airtable.citizen(username);
  if (!citizen) return;
  world.airtable.remove("CITIZENS", citizen.id);
  const computed = ["CreatedAt", "UpdatedAt"];
  const fields = Object.fromEntries(
    Object.entries(citizen.fields).filter(([name]) => !computed.includes(name)),
  );
  undo.push(() => void world.airtable.addCitizen({ ...fields, Username: username }));
}

/** The kinds that a stand-in's wire knows, in its own words. */
export function wireKindsOf(faults: Faults): string[] {
  try {
    faults.plan({ kind: "no such fault" as FaultInput["kind"] });
  } catch (error) {
    if (!(error instanceof ZodError)) throw error;
    const [issue] = error.issues;
    if (issue?.code === "invalid_value") return issue.values.map(String);
  }
  throw new Error("the stand-in takes any fault");
}

export const placedWireKinds = Object.keys(wireVariants);
export const placedLevers = Object.keys(levers);
export const placedLeversOfApi = Object.keys(apisLevers);
