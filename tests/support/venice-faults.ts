/** Everything that can be made to go wrong around a delivery, from the stand-ins' own lists: a new fault fails here until it has a place. */
import { ZodError } from "zod";
import { rowDefects, type RowDefect } from "../../dev/airtable/game/defects.ts";
import { gameFaultSchema, type GameFaultInput } from "../../dev/airtable/game/faults.ts";
import type { Airtable } from "../../dev/airtable/start.ts";
import type { FaultInput, Faults } from "../../dev/wire/faults.ts";
import { processor, purse } from "./delivering.ts";
import { rowsOf, type Delivery } from "./selling.ts";
import type { World } from "./world.ts";

/** Where a fault strikes. */
export type Place = {
  readonly world: World;
  readonly delivery: Delivery;
  /** What hands outside the game have put into purses, and taken out of them. */
  readonly outside: { ducats: number };
  /** What is to be undone when the bad time is over. */
  readonly undo: (() => void)[];
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
  /** The game, or a copy that a stranger makes, may pay the row's receiver again. */
  readonly paysTwice: boolean;
  /** The game takes the ducats from the payer and gives them to nobody. */
  readonly burns: boolean;
  readonly strike: (place: Place) => unknown;
};

const quiet = { lie: "none", needsRow: false, paysTwice: false, burns: false } as const;
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

const airtablesMethods = ["GET", "POST", "PATCH"];

function wireFaults(part: "airtable" | "gateway" | "upstash"): Fault[] {
  const methods = part === "airtable" ? airtablesMethods : ["POST"];
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

function gameFaults(): Fault[] {
  return gameFaultSchema.options.flatMap(({ shape }) => {
    const kinds: readonly GameKind[] = "options" in shape.kind ? shape.kind.options : [...shape.kind.values];
    const moments: readonly (Moment | undefined)[] = "at" in shape ? shape.at.options : [undefined];
    return kinds.flatMap((kind) =>
      moments.map((at) => ({
        ...quiet,
        ...gameLies[kind](at),
        needsRow: true,
        name: ["game", kind, ...(at ? [at] : [])].join(" "),
        kind: `game ${kind}`,
        strike: (place: Place) => {
          const stratagemId = String(rowOf(place).fields["StratagemId"]);
          place.world.airtable.gameFaults.plan({ kind, ...(at && { at }), stratagemId } as GameFaultInput);
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

function leverFaults(): Fault[] {
  return Object.entries(levers).flatMap(([lever, cases]) =>
    cases.map((each) => ({ ...quiet, ...each, kind: `venice ${lever}` })),
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

export function allFaults(): Fault[] {
  return [
    ...(["airtable", "gateway", "upstash"] as const).flatMap(wireFaults),
    redisAway,
    ...gameFaults(),
    ...spoiledRows(),
    ...leverFaults(),
  ];
}

/** The row it strikes: of several the one that is not inert. */
export function rowHit({ world, delivery }: Pick<Place, "world" | "delivery">) {
  const rows = rowsOf(world, delivery.deliveryId);
  return rows.find(({ fields }) => fields["Status"] !== "planned") ?? rows[0];
}

function rowOf(place: Place) {
  const row = rowHit(place);
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
