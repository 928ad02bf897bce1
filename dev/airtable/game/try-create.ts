/**
 * A stratagem made on request and carried out at once, as the game's engine does it for POST /stratagems/try-create.
 *
 * From VENICE.md: no authentication; the StratagemId comes from the clock; the amount is read from the key `amount` of
 * Notes alone, so what the caller gives as `notes` travels beside it in the same JSON; a refusal is an answer with
 * `success` false; status `error` replaces Notes, and our text with it; `executed` and `failed` append to them.
 * From the game's public source, on which VENICE.md is silent: the shape of the id (to the second: two transfers in one
 * second have the same), `initial_notes` as the key of the caller's text, ASCII only and escaped once more, five minutes
 * to live, one sentence for every refusal, nobody pays himself, and an answer that is given when processing begins.
 * Our reading: `when: "done"`, the answer of a game that processes first; it may say `success` of a failed transfer.
 */
import type { RecordJson } from "../base.ts";
import type { Access } from "./access.ts";
import type { GameFaults } from "./faults.ts";
import { GameFaultStruck } from "./faults.ts";
import { newTransfer } from "./new-transfer.ts";
import { transferDucats } from "./transfer.ts";

export type TryCreateRequest = {
  readonly citizenUsername: string;
  readonly stratagemType: string;
  readonly stratagemDetails: Readonly<Record<string, unknown>>;
};

export type TryCreateAnswer = {
  readonly success: boolean;
  readonly message: string;
  readonly stratagem_id_airtable: string | null;
  readonly stratagem_id_custom: string | null;
  readonly creation_status: "success" | "failed";
  readonly processing_status: "initiated_background" | "success" | "failed" | "error" | null;
  readonly processing_notes: string | null;
  readonly error_details: string | null;
};

export type TryCreate = {
  /** @returns undefined when the process died while somebody waited for the end: no answer. */
  create(request: TryCreateRequest): Promise<TryCreateAnswer | undefined>;
  /** When the answer is given: when processing has begun, or when it is done. */
  answer(when: "begun" | "done"): void;
  /**
   * How processing goes on beside the answer "begun": at once, or only so far as it is let: `step` lets each transfer make its
   * next write (debit, credit, row), as in a game that is slower than whoever reads it.
   */
  pace(how: "at once" | "step by step"): void;
  step(): Promise<void>;
  /** Resolves when nothing is being processed any more; what goes step by step is let go to its end. */
  settled(): Promise<void>;
};

type Processed = "success" | "failed" | "error" | "stopped";

function refused(message: string, details: string | null = null): TryCreateAnswer {
  return {
    success: false,
    message,
    stratagem_id_airtable: null,
    stratagem_id_custom: null,
    creation_status: "failed",
    processing_status: null,
    processing_notes: null,
    error_details: details,
  };
}

export function createTryCreate(access: Access, faults: GameFaults, now: () => Date): TryCreate {
  const running = new Set<Promise<unknown>>();
  let answersWhen: "begun" | "done" = "begun";
  let pace: "at once" | "step by step" = "at once";
  const held: (() => void)[] = [];

  /** Writes that wait to be let go. */
  const slow: Access = {
    ...access,
    async update(...write) {
      if (pace === "step by step") await new Promise<void>((resolve) => void held.push(resolve));
      return access.update(...write);
    },
  };

  /** Each goes on to its next write, or to its end. */
  async function letGo(): Promise<void> {
    for (const goOn of held.splice(0)) goOn();
    // A turn of the event loop: whatever waits for no socket is done by then.
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Never rejects: in the game it is a thread of its own. */
  async function process(row: RecordJson, by: Access): Promise<Processed> {
    try {
      return (await transferDucats(by, faults, row, now)) ? "success" : "failed";
    } catch (error) {
      if (error instanceof GameFaultStruck && error.kind === "stop") return "stopped";
      // Unlike the scheduled job, nobody notes it: the row stays as it was.
      if (error instanceof GameFaultStruck && error.kind === "logic_failure") return "failed";
      const message = error instanceof Error ? error.message : String(error);
      const fields = { Status: "error", Notes: `Error during background processing: ${message}` };
      // The row itself may be gone: the game logs that, and no more.
      await by.update("STRATAGEMS", row.id, fields).catch(() => undefined);
      return "error";
    }
  }

  async function make(request: TryCreateRequest): Promise<RecordJson | TryCreateAnswer> {
    if (request.stratagemType !== "transfer_ducats")
      return refused(`Unsupported stratagem type: ${request.stratagemType}`);
    let fields: Readonly<Record<string, string>>;
    try {
      fields = await newTransfer(access, request.citizenUsername, request.stratagemDetails, now());
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (error instanceof TypeError) return refused(`Internal server error: ${message}`, message);
      return refused("Stratagem creator failed to produce a payload.");
    }
    try {
      return await access.create("STRATAGEMS", fields);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return refused(`Airtable creation error: ${message}`, message);
    }
  }

  return {
    async create(request) {
      const made = await make(request);
      if ("success" in made) return made;
      // Whoever waits for the end can't let it go on.
      const processing = process(made, answersWhen === "begun" ? slow : access);
      running.add(processing);
      void processing.then(() => running.delete(processing));
      const answer: TryCreateAnswer = {
        success: true,
        message: "Stratagem created and processing initiated in background.",
        stratagem_id_airtable: made.id,
        stratagem_id_custom: String(made.fields["StratagemId"]),
        creation_status: "success",
        processing_status: "initiated_background",
        processing_notes: null,
        error_details: null,
      };
      if (answersWhen === "begun") return answer;
      const outcome = await processing;
      if (outcome === "stopped") return undefined;
      return { ...answer, message: "Stratagem created and processed.", processing_status: outcome };
    },
    answer: (when) => void (answersWhen = when),
    pace: (how) => void (pace = how),
    async step() {
      if (held.length > 0) await letGo();
    },
    async settled() {
      while (running.size > 0) {
        // At once, nothing can be held any more.
        if (held.length > 0 || pace === "step by step") await letGo();
        else await Promise.all(running);
      }
    },
  };
}
