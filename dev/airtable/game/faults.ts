/** What goes wrong inside the game itself, between its writes. */
import { z } from "zod";

const common = {
  /** Only this stratagem; any without it. */
  stratagemId: z.string().optional(),
  /** Only a stratagem whose notes contain this text: one that try-create makes has no name before it is there. */
  notes: z.string().optional(),
  times: z.int().min(1).default(1),
};

const interruptionSchema = z.strictObject({
  /**
   * `stop`: the process dies and writes nothing more. `processing_error`: an exception inside the transfer.
   * `logic_failure`: the transfer gives up without a word. `background_error`: the status becomes `error` and the
   * notes are lost.
   */
  kind: z.enum(["stop", "processing_error", "logic_failure", "background_error"]),
  at: z.enum(["before_debit", "after_debit", "after_credit"]),
  ...common,
});

const repetitionSchema = z.strictObject({
  /** Two workers have listed the row while it was active: each carries it out, and neither sees the other's note. */
  kind: z.literal("twice"),
  ...common,
});

export const gameFaultSchema = z.discriminatedUnion("kind", [interruptionSchema, repetitionSchema]);

export type GameFaultInput = z.input<typeof gameFaultSchema>;
export type GameFault = z.output<typeof gameFaultSchema>;
type Interruption = z.output<typeof interruptionSchema>;

/** Thrown where a planned fault strikes. */
export class GameFaultStruck extends Error {
  readonly kind: Interruption["kind"];
  constructor(kind: Interruption["kind"]) {
    super("('Connection aborted.', RemoteDisconnected('Remote end closed connection without response'))");
    this.kind = kind;
  }
}

/** The row at hand, as the game has listed it. */
type Taken = { readonly stratagemId: string; readonly notes: string };

export type GameFaults = {
  /** @throws ZodError for a fault that makes no sense. */
  plan(fault: GameFaultInput): void;
  clear(): void;
  planned(): readonly GameFault[];
  /** @throws GameFaultStruck when one is planned for this stratagem and moment. */
  strike(taken: Taken, at: Interruption["at"]): void;
  /** Whether two workers have the row. */
  isTakenTwice(taken: Taken): boolean;
};

export function createGameFaults(): GameFaults {
  let faults: GameFault[] = [];

  /** The first planned fault of that sort for the stratagem, used up by that. */
  function take<T extends GameFault>(taken: Taken, isMeant: (fault: GameFault) => fault is T) {
    const fault = faults
      .filter(isMeant)
      .filter(({ stratagemId }) => stratagemId === undefined || stratagemId === taken.stratagemId)
      .find(({ notes }) => notes === undefined || taken.notes.includes(notes));
    if (fault !== undefined) fault.times -= 1;
    faults = faults.filter((each) => each.times > 0);
    return fault;
  }

  return {
    plan: (fault) => void faults.push(gameFaultSchema.parse(fault)),
    clear: () => void (faults = []),
    planned: () => faults,
    strike(taken, at) {
      const fault = take(taken, (each): each is Interruption => each.kind !== "twice" && each.at === at);
      if (fault !== undefined) throw new GameFaultStruck(fault.kind);
    },
    isTakenTwice: (taken) => take(taken, (each) => each.kind === "twice") !== undefined,
  };
}
