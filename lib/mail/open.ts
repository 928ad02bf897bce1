/** Mail through Resend's HTTP API (https://resend.com/docs/api-reference/emails/send-email). */
import type { Core } from "../app.ts";
import { Unavailable } from "../errors.ts";
import type { Mail } from "./port.ts";

const timeoutMs = 5_000;

/** Undefined where the operator has set no provider up. */
export function mail({ env, trips }: Core): Mail | undefined {
  const { RESEND_API_KEY: apiKey, MAIL_FROM: from } = env;
  if (!apiKey || !from) return undefined;
  const base = env.MAIL_API_BASE ?? "https://api.resend.com";
  return {
    async send({ idempotencyKey, ...message }) {
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
          body: JSON.stringify({ from, ...message, to: [message.to] }),
          signal: AbortSignal.timeout(timeoutMs),
        });
      } catch (cause) {
        throw new Unavailable("mail", { effect: "unknown", cause });
      }
      if (!response.ok)
        throw new Unavailable("mail", {
          effect: "none",
          message: `the mail provider answered ${response.status}`,
        });
    },
  };
}
