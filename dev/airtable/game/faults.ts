/** What goes wrong inside the game itself, between its writes. */
import { z } from "zod";

const common = {
  /** Only this stratagem; any without it. */
  stratagemId: z.string().optional(),
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

export type GameFaults = {
  /** @throws ZodError for a fault that makes no sense. */
  plan(fault: GameFaultInput): void;
  clear(): void;
  planned(): readonly GameFault[];
  /** @throws GameFaultStruck when one is planned for this stratagem and moment. */
  strike(stratagemId: string, at: Interruption["at"]): void;
  /** Whether two workers have the row. */
  isTakenTwice(stratagemId: string): boolean;
};

export function createGameFaults(): GameFaults {
  let faults: GameFault[] = [];

  /** The first planned fault of that sort for the stratagem, used up by that. */
  function take<T extends GameFault>(stratagemId: string, isMeant: (fault: GameFault) => fault is T) {
    const fault = faults
      .filter(isMeant)
      .find((each) => each.stratagemId === undefined || each.stratagemId === stratagemId);
    if (fault !== undefined) fault.times -= 1;
    faults = faults.filter((each) => each.times > 0);
    return fault;
  }

  return {
    plan: (fault) => void faults.push(gameFaultSchema.parse(fault)),
    clear: () => void (faults = []),
    planned: () => faults,
    strike(stratagemId, at) {
      const fault = take(
        stratagemId,
        (each): each is Interruption => each.kind !== "twice" && each.at === at,
      );
      if (fault !== undefined) throw new GameFaultStruck(fault.kind);
    },
    isTakenTwice: (stratagemId) => take(stratagemId, (each) => each.kind === "twice") !== undefined,
  };
}
