/** The game's job: takes the active stratagems that have not expired and carries them out, one after the other. */
import type { RecordJson } from "../base.ts";
import type { Access } from "./access.ts";
import type { GameFaults } from "./faults.ts";
import { GameFaultStruck } from "./faults.ts";
import { transferDucats } from "./transfer.ts";
import { veniceTime } from "./venice-time.ts";

export type GameRun = {
  readonly outcomes: readonly {
    readonly recordId: string;
    readonly stratagemId: string;
    readonly outcome: "executed" | "failed" | "error" | "stopped";
  }[];
  /** The process died: what came after in the list was left as it was. */
  readonly stopped: boolean;
};

/** Dead, the scheduled job takes nothing; an operator's runs and try-create go on. */
export type Schedule = { kill(): void; revive(): void; isDead(): boolean };

export type Game = {
  /** The scheduled job, now. Two at once wait for each other. */
  run(): Promise<GameRun>;
  readonly schedule: Schedule;
  /** An operator's run of one stratagem, whatever its status and expiry. Empty when there is no such row. */
  runById(stratagemId: string): Promise<GameRun>;
};

type Outcome = GameRun["outcomes"][number];

export function createGame(access: Access, faults: GameFaults, now: () => Date): Game {
  /** The job's own note on a row: its notes as they are now, and a line more. */
  async function conclude(row: RecordJson, status: "failed" | "error", line: string): Promise<void> {
    const current = await access.get("STRATAGEMS", row.id);
    const notes = current.fields["Notes"];
    await access.update("STRATAGEMS", row.id, {
      Status: status,
      Notes: `${typeof notes === "string" ? notes : ""}\n[${veniceTime(now())}] ${line}`.trim(),
    });
  }

  async function execute(row: RecordJson): Promise<Outcome["outcome"]> {
    try {
      return (await transferDucats(access, faults, row, now)) ? "executed" : "failed";
    } catch (error) {
      const kind = error instanceof GameFaultStruck ? error.kind : undefined;
      const message = error instanceof Error ? error.message : String(error);
      if (kind === "stop") return "stopped";
      try {
        if (kind === "logic_failure") {
          await conclude(row, "failed", "Processor logic returned failure or an exception occurred.");
          return "failed";
        }
        if (kind === "background_error") {
          await access.update("STRATAGEMS", row.id, {
            Status: "error",
            Notes: `Error during background processing: ${message}`,
          });
          return "error";
        }
        await conclude(row, "error", `Exception: ${message}`);
      } catch {
        // The row itself is gone or refuses the write: the game logs it and goes on to the next.
      }
      return "error";
    }
  }

  async function executeAll(rows: readonly RecordJson[]): Promise<GameRun> {
    const outcomes: Outcome[] = [];
    for (const row of rows) {
      const outcome = await execute(row);
      const stratagemId = row.fields["StratagemId"];
      outcomes.push({
        recordId: row.id,
        stratagemId: typeof stratagemId === "string" ? stratagemId : row.id,
        outcome,
      });
      if (outcome === "stopped") return { outcomes, stopped: true };
    }
    return { outcomes, stopped: false };
  }

  let last: Promise<unknown> = Promise.resolve();
  let isDead = false;

  return {
    schedule: {
      kill: () => void (isDead = true),
      revive: () => void (isDead = false),
      isDead: () => isDead,
    },
    run() {
      const mine = last.then(async () => {
        if (isDead) return { outcomes: [], stopped: false };
        const expiry = `OR({ExpiresAt}=BLANK(), IS_AFTER({ExpiresAt}, '${now().toISOString()}'))`;
        const formula = `AND({Status}='active', {Type}='transfer_ducats', ${expiry})`;
        return executeAll(await access.list("STRATAGEMS", formula));
      });
      last = mine.catch(() => undefined);
      return mine;
    },
    async runById(stratagemId) {
      const formula = `{StratagemId}='${stratagemId.replaceAll("'", "\\'")}'`;
      return executeAll(await access.list("STRATAGEMS", formula, 1));
    },
  };
}
