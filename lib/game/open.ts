/** The game port over fetch. */
import * as z from "zod";
import type { Core } from "../app.ts";
import { SECOND_MS } from "../clock.ts";
import { Unavailable } from "../errors.ts";
import { MILLIS_PER_DUCAT } from "../money.ts";
import type { Game, TransferAnswer } from "./port.ts";

/** The game asks Airtable half a dozen times before it answers, at whatever is left of the base's five requests a second. */
const deadlineMs = 10 * SECOND_MS;

/** The one refusal by status that doesn't say what became of the request. */
const requestTimeout = 408;

const answerBody = z.object({
  success: z.boolean(),
  message: z.string().nullish(),
  stratagem_id_airtable: z.string().nullish(),
});

/** Undefined where the operator has not named the game's API. */
export function game({ env, trips }: Core): Game | undefined {
  const base = env.VENICE_API_URL;
  if (base === undefined) return undefined;
  return {
    async transfer({ payer, payee, millis, reason, reference }) {
      trips.count("venice");
      const title = `${millis / MILLIS_PER_DUCAT} ducats for ${payee}`;
      const request = {
        citizenUsername: payer,
        stratagemType: "transfer_ducats",
        stratagemDetails: {
          targetCitizenUsername: payee,
          amount: Number(millis / MILLIS_PER_DUCAT),
          reason,
          name: title,
          description: `${reason}: ${title}.`,
          notes: reference,
        },
      };
      try {
        const response = await fetch(`${base}/stratagems/try-create`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(request),
          signal: AbortSignal.timeout(deadlineMs),
          redirect: "error",
        });
        return answerOf(response.status, await response.text());
      } catch (error) {
        if (error instanceof Unavailable) throw error;
        throw new Unavailable("venice", { effect: "unknown", cause: error });
      }
    },
  };
}

function answerOf(status: number, text: string): TransferAnswer {
  if (status >= 400 && status < 500 && status !== requestTimeout)
    return { kind: "refused", reason: `the game answered ${status}` };
  const body = status === 200 ? answerBody.safeParse(jsonOf(text)).data : undefined;
  const recordId = body?.stratagem_id_airtable;
  if (recordId) return { kind: "begun", recordId };
  if (body?.success === false)
    return { kind: "refused", reason: `the game refused: ${body.message ?? "without a reason"}` };
  throw new Unavailable("venice", { effect: "unknown", message: `the game answered ${status}` });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
