/** Mail through a mail server, over SMTP; the first message loads nodemailer. */
import { createHash } from "node:crypto";
import type { SMTPTransportOptions } from "nodemailer";
import * as z from "zod";
import { Unavailable } from "../errors.ts";
import type { Trips } from "../trips.ts";
import type { Mail, SendOutcome } from "./port.ts";

/** For all of one message, from looking the server up to its last reply: no wait of nodemailer's is as short. */
const timeoutMs = 8_000;

type Access = { readonly url: string; readonly from: string };

/** Dials nothing before the first message; each has a connection of its own. */
export function smtp({ url, from }: Access, trips: Trips): Mail {
  return {
    async send({ to, subject, text, html, idempotencyKey }) {
      trips.count("mail");
      const { createTransport } = await import("nodemailer");
      const transport = createTransport(connectionTo(new URL(url)));
      try {
        await transport.sendMail({
          from,
          // As an object it is never read as several addresses.
          to: { name: "", address: to },
          subject,
          text,
          html,
          messageId: messageId(idempotencyKey, from),
          signal: AbortSignal.timeout(timeoutMs),
        });
        return { kind: "sent" };
      } catch (error) {
        return outcomeOf(error);
      } finally {
        transport.close();
      }
    },
  };
}

function connectionTo({ protocol, hostname, port, username, password }: URL): SMTPTransportOptions {
  const host = hostname.replace(/^\[|\]$/g, "");
  const isLoopback = /^(localhost|127(\.\d+){3}|::1)$/.test(host);
  return {
    host,
    secure: protocol === "smtps:",
    ...(port ? { port: Number(port) } : {}),
    ...(username
      ? {
          auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) },
          // A server that stops offering either must not get the password in the clear, or the message without it.
          requireTLS: !isLoopback,
          forceAuth: true,
        }
      : {}),
  };
}

/** The same for the same key, so that a second arrival can be recognised. */
function messageId(key: string, from: string): string {
  const domain = from.slice(from.lastIndexOf("@") + 1).replace(/[>\s]/g, "");
  return `<${createHash("sha256").update(key).digest("hex")}@${domain}>`;
}

const failure = z.object({
  code: z.string(),
  command: z.string().optional(),
  message: z.string(),
  originalCode: z.string().optional(),
  response: z.string().optional(),
  responseCode: z.number().optional(),
  permanent: z.boolean().optional(),
});

/** @throws Unavailable for all that is no fault of the message; what is no failure of sending, as it came. */
function outcomeOf(error: unknown): SendOutcome {
  const parsed = failure.safeParse(error);
  if (!parsed.success) throw error;
  const { code, command, originalCode, response, responseCode, permanent } = parsed.data;
  // The sender is the operator's setting: once it is right, the same message can go.
  const isMessageAtFault =
    (code === "EENVELOPE" || code === "EMESSAGE") &&
    command !== "MAIL FROM" &&
    (permanent ?? isUnreadable(parsed.data));
  if (isMessageAtFault) return { kind: "refused", reason: response ?? parsed.data.message };
  const isCertain =
    responseCode !== undefined || ["EAUTH", "EDNS", "ETLS"].includes(code) || originalCode === "ECONNREFUSED";
  throw new Unavailable("mail", {
    effect: isCertain ? "none" : "unknown",
    message: `the mail server did not take it: ${responseCode ?? originalCode ?? code}`,
    cause: error,
  });
}

/** nodemailer's own refusal of an address, before the server hears of it. */
function isUnreadable({ code, message }: z.output<typeof failure>): boolean {
  return code === "EENVELOPE" && !message.startsWith("Invalid sender");
}
