/** What goes wrong inside the game itself, between its writes. */
import { z } from "zod";

export const gameFaultSchema = z.strictObject({
  /**
   * `stop`: the process dies and writes nothing more. `processing_error`: an exception inside the transfer.
   * `logic_failure`: the transfer gives up without a word. `background_error`: the status becomes `error` and the
   * notes are lost.
   */
  kind: z.enum(["stop", "processing_error", "logic_failure", "background_error"]),
  at: z.enum(["before_debit", "after_debit", "after_credit"]),
  /** Only this stratagem; any without it. */
  stratagemId: z.string().optional(),
  times: z.int().min(1).default(1),
});

export type GameFaultInput = z.input<typeof gameFaultSchema>;
export type GameFault = z.output<typeof gameFaultSchema>;

/** Thrown where a planned fault strikes. */
export class GameFaultStruck extends Error {
  readonly kind: GameFault["kind"];
  constructor(kind: GameFault["kind"]) {
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
  strike(stratagemId: string, at: GameFault["at"]): void;
};

export function createGameFaults(): GameFaults {
  let faults: GameFault[] = [];
  return {
    plan: (fault) => void faults.push(gameFaultSchema.parse(fault)),
    clear: () => void (faults = []),
    planned: () => faults,
    strike(stratagemId, at) {
      const fault = faults.find(
        (each) => each.at === at && (each.stratagemId === undefined || each.stratagemId === stratagemId),
      );
      if (fault === undefined) return;
      fault.times -= 1;
      faults = faults.filter((each) => each.times > 0);
      throw new GameFaultStruck(fault.kind);
    },
  };
}
