/** Mail through Resend's HTTP API (https://resend.com/docs/api-reference/emails/send-email). */
import * as z from "zod";
import { Unavailable } from "../errors.ts";
import type { Trips } from "../trips.ts";
import type { Mail, SendOutcome } from "./port.ts";

const timeoutMs = 5_000;
const address = "https://api.resend.com";

const refusal = z.object({ name: z.string(), message: z.string() });

type Access = { readonly apiKey: string; readonly base: string | undefined; readonly from: string };

/** Dials nothing before the first message. */
export function resend({ apiKey, base = address, from }: Access, trips: Trips): Mail {
  return {
    async send({ to, subject, text, html, idempotencyKey }) {
      trips.count("mail");
      let response: Response;
      try {
        response = await fetch(`${base}/emails`, {
          method: "POST",
          headers: {
            authorization: `Bearer ${apiKey}`,
            "content-type": "application/json",
            "idempotency-key": idempotencyKey,
          },
          body: JSON.stringify({ from, to: [to], subject, text, html }),
          signal: AbortSignal.timeout(timeoutMs),
        });
      } catch (cause) {
        throw new Unavailable("mail", { effect: "unknown", cause });
      }
      return response.ok ? { kind: "sent" } : await outcomeOf(response);
    },
  };
}

/** @throws Unavailable for all that is no fault of the message. */
async function outcomeOf(response: Response): Promise<SendOutcome> {
  const { status } = response;
  const answer = refusal.safeParse(await response.json().catch(() => undefined)).data;
  // The key's message was taken before, when it was written in other words.
  if (answer?.name === "invalid_idempotent_request") return { kind: "sent" };
  // The sender is the operator's setting: once it is right, the same message can go.
  const isMessageAtFault = (status === 400 || status === 422) && answer?.name !== "invalid_from_address";
  const words = `the mail provider answered ${status}`;
  if (isMessageAtFault) return { kind: "refused", reason: answer?.message ?? words };
  const seconds = Number(response.headers.get("retry-after"));
  throw new Unavailable("mail", {
    // 409: another request with this key is on its way.
    effect: status >= 500 || status === 409 ? "unknown" : "none",
    message: answer ? `${words} (${answer.name})` : words,
    ...(seconds > 0 ? { retryAfterSeconds: Math.ceil(seconds) } : {}),
  });
}
