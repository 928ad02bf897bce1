/** Mail through Resend: what arrives, what is refused for good, and what may be tried again. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startMailbox, type Mailbox } from "../../dev/mailbox/start.ts";
import { parseEnv } from "../../lib/env.ts";
import { Unavailable } from "../../lib/errors.ts";
import { mail as openMail } from "../../lib/mail/open.ts";
import type { Mail } from "../../lib/mail/port.ts";
import { resend } from "../../lib/mail/resend.ts";
import { createTrips } from "../../lib/trips.ts";

const from = "CASCADE <ducats@cascade.example>";
const message = {
  to: "marco@venice.test",
  subject: "Your ducats",
  text: "On their way.",
  html: "<p>On their way.</p>",
  idempotencyKey: "receipt/pur_1",
};

let mailbox: Mailbox;
let mail: Mail;

beforeEach(async () => {
  mailbox = await startMailbox({ requestsPerSecond: 1_000, verifiedDomains: ["cascade.example"] });
  mail = mailFrom(from);
});
afterEach(() => mailbox.close());

function mailFrom(sender: string, apiKey = mailbox.apiKey): Mail {
  return resend({ apiKey, base: mailbox.url, from: sender }, createTrips());
}

async function failure(by = mail): Promise<Unavailable> {
  const error: unknown = await by.send(message).catch((thrown: unknown) => thrown);
  if (error instanceof Unavailable) return error;
  throw new Error("it was no Unavailable", { cause: error });
}

test("a message arrives with both forms and its key", async () => {
  expect(await mail.send(message)).toEqual({ kind: "sent" });
  const { to, ...rest } = message;
  expect(mailbox.messages(to)).toMatchObject([{ ...rest, from }]);
});

test("the same key sends once, and in other words counts as sent", async () => {
  await mail.send(message);
  expect(await mail.send(message)).toEqual({ kind: "sent" });
  expect(await mail.send({ ...message, text: "Other words." })).toEqual({ kind: "sent" });
  expect(mailbox.messages()).toHaveLength(1);
});

test("an address that is none is refused, in the provider's words", async () => {
  const outcome = await mail.send({ ...message, to: "marco" });
  expect(outcome).toEqual({ kind: "refused", reason: expect.stringContaining("`to`") as string });
});

test("a refusal without words says its status", async () => {
  mailbox.faults.plan({ kind: "status", status: 422 });
  expect(await mail.send(message)).toMatchObject({ kind: "refused" });
});

test.each([
  ["a sender that is no address", "cascade", undefined, "invalid_from_address"],
  ["a domain that isn't the operator's", "a@other.example", undefined, "validation_error"],
  ["a wrong key", from, "re_wrong", "invalid_api_key"],
])("%s is the operator's to mend: nothing is refused for good", async (_, sender, key, name) => {
  const error = await failure(mailFrom(sender, key));
  expect(error).toMatchObject({ port: "mail", effect: "none" });
  expect(error.message).toContain(name);
});

test("too many a second: when to come again is the provider's word", async () => {
  const strict = await startMailbox({ requestsPerSecond: 1 });
  try {
    const limited = resend({ apiKey: strict.apiKey, base: strict.url, from }, createTrips());
    await limited.send(message);
    expect(await failure(limited)).toMatchObject({ effect: "none", retryAfterSeconds: 1 });
  } finally {
    await strict.close();
  }
});

test.each([500, 503, 409])("%i: it may have been taken", async (status) => {
  mailbox.faults.plan({ kind: "status", status });
  expect(await failure()).toMatchObject({ effect: "unknown", retryAfterSeconds: 5 });
});

test("cut off: it may have been taken, and sending again is safe", async () => {
  mailbox.faults.plan({ kind: "drop_after" });
  expect(await failure()).toMatchObject({ effect: "unknown" });
  expect(await mail.send(message)).toEqual({ kind: "sent" });
  expect(mailbox.messages()).toHaveLength(1);
});

test("a provider that is away, or silent for too long", async () => {
  mailbox.faults.plan({ kind: "latency", latencyMs: 7_000 });
  const began = Date.now();
  expect(await failure()).toMatchObject({ effect: "unknown" });
  expect(Date.now() - began).toBeLessThan(6_500);
  await mailbox.close();
  expect(await failure()).toMatchObject({ effect: "unknown" });
});

describe("which way mail goes", () => {
  const needed = {
    URL: "https://cascade.example",
    DATABASE_URL: "postgres://a@b/c",
    STRIPE_SECRET_KEY: "sk_test_1",
    STRIPE_WEBHOOK_SECRET: "whsec_1",
    AIRTABLE_API_KEY: "pat",
    AIRTABLE_BASE_ID: "app1",
    UPSTASH_REDIS_REST_URL: "https://redis.example.com",
    UPSTASH_REDIS_REST_TOKEN: "token",
    JWT_SECRET_KEY: "a secret of thirty-two characters or more",
  };
  const sender = { MAIL_FROM: from, OPERATOR_EMAIL: "operator@example.com" };

  function opened(variables: Record<string, string>): Mail | undefined {
    return openMail({ env: parseEnv({ ...needed, ...variables }), trips: createTrips() });
  }

  test("none is set up, or nobody to send as", () => {
    expect(opened({})).toBeUndefined();
    expect(opened(sender)).toBeUndefined();
  });

  test("Resend by its key, a mail server by its address", async () => {
    const byKey = opened({ ...sender, RESEND_API_KEY: mailbox.apiKey, MAIL_API_BASE: mailbox.url });
    expect(await byKey?.send(message)).toEqual({ kind: "sent" });
    const byServer = opened({ ...sender, SMTP_URL: "smtp://127.0.0.1:1", MAIL_API_BASE: mailbox.url });
    await expect(byServer?.send(message)).rejects.toThrow("the mail server");
    expect(mailbox.messages()).toHaveLength(1);
  });
});
