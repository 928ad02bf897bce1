/** The mailbox through Resend's HTTP API: refusals in its envelope, idempotency, faults, and what a person sees. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startMailbox } from "../../dev/mailbox/start.ts";
import type { Mailbox } from "../../dev/mailbox/start.ts";

let mailbox: Mailbox;
let instant: Date;

beforeEach(async () => {
  instant = new Date("2026-11-20T12:00:00.000Z");
  mailbox = await startMailbox({ now: () => instant, requestsPerSecond: 1_000 });
});

afterEach(async () => {
  await mailbox.close();
});

const email = {
  from: "CASCADE <hello@cascade.test>",
  to: ["marco@venice.test"],
  subject: "Your ducats are on their way",
  text: "100 ducats.\nSee https://cascade.test/orders/1?a=1&b=2",
  html: "<p>100 <b>ducats</b></p><script>alert(1)</script>",
};

async function send(
  body: unknown,
  headers: Record<string, string> = {},
  server = mailbox,
): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${server.url}/emails`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${server.apiKey}`,
      "content-type": "application/json",
      ...headers,
    },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

describe("sending", () => {
  test("answers with an id and keeps the message", async () => {
    const answer = await send({
      ...email,
      reply_to: "help@cascade.test",
      tags: [{ name: "kind", value: "receipt" }],
    });
    expect(answer).toEqual({ status: 200, body: { id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string } });
    expect(mailbox.messages()).toMatchObject([
      {
        ...(answer.body as object),
        ...email,
        replyTo: ["help@cascade.test"],
        tags: [{ name: "kind", value: "receipt" }],
        at: "2026-11-20T12:00:00.000Z",
        idempotencyKey: null,
      },
    ]);
    expect(mailbox.messages("marco@venice.test")).toHaveLength(1);
    expect(mailbox.messages("other@venice.test")).toEqual([]);
  });

  test("to as one address, text alone", async () => {
    expect((await send({ from: "a@b.test", to: "c@d.test", subject: "x", text: "" })).status).toBe(200);
    expect(mailbox.messages()).toMatchObject([{ to: ["c@d.test"], text: "", html: null }]);
  });

  test.each([
    [{ ...email, from: undefined }, 422, "missing_required_field", "Missing `from` field."],
    [{ ...email, to: undefined }, 422, "missing_required_field", "Missing `to` field."],
    [{ ...email, to: [] }, 422, "missing_required_field", "Missing `to` field."],
    [{ ...email, subject: "" }, 422, "missing_required_field", "Missing `subject` field."],
    [{ ...email, to: "marco" }, 422, "validation_error", "Invalid `to` field."],
    [{ ...email, to: ["a@b.test", "Marco <a@b>"] }, 422, "validation_error", "Invalid `to` field."],
    [{ ...email, to: "a@b.test\r\nBcc: c@d.test" }, 422, "validation_error", "Invalid `to` field."],
    [{ ...email, to: Array.from({ length: 51 }, () => "a@b.test") }, 422, "validation_error", "50"],
    [{ ...email, from: ["a@b.test"] }, 422, "invalid_from_address", "Invalid `from` field."],
    [{ ...email, from: "cascade" }, 422, "invalid_from_address", "Invalid `from` field."],
    [{ ...email, cc: "nobody" }, 422, "validation_error", "Invalid `cc` field."],
    [{ ...email, reply_to: "nobody" }, 422, "validation_error", "Invalid `reply_to` field."],
    [{ ...email, subject: "a\nBcc: x@y.test" }, 422, "validation_error", "subject"],
    [{ ...email, text: 7 }, 422, "validation_error", "Invalid `text` field."],
    [
      { ...email, text: undefined, html: undefined },
      422,
      "validation_error",
      "Missing `html` or `text` field.",
    ],
    [{ ...email, tags: [{ name: "a b", value: "c" }] }, 422, "validation_error", "Tags"],
    [{ ...email, headers: { "X-A": "b\r\nc" } }, 422, "validation_error", "Invalid `headers` field."],
    [{ ...email, replyTo: "a@b.test" }, 422, "validation_error", "Invalid `replyTo` field."],
    [{ ...email, scheduled_at: "tomorrow" }, 422, "validation_error", "Invalid `scheduled_at` field."],
    ["[]", 422, "validation_error", "object"],
    ["{", 400, "validation_error", "JSON"],
  ])("%j: %i %s", async (body, status, name, words) => {
    const answer = await send(body);
    expect(answer).toMatchObject({ status, body: { statusCode: status, name } });
    expect((answer.body as { message: string }).message).toContain(words);
    expect(mailbox.messages()).toEqual([]);
  });

  test("only verified domains send, when they are named", async () => {
    const strict = await startMailbox({ verifiedDomains: ["cascade.test"] });
    try {
      expect((await send(email, {}, strict)).status).toBe(200);
      expect(await send({ ...email, from: "x@other.test" }, {}, strict)).toMatchObject({
        status: 403,
        body: { name: "validation_error", message: expect.stringContaining("other.test") as string },
      });
    } finally {
      await strict.close();
    }
  });
});

describe("keys, limit and routes", () => {
  test("a missing key is 401, a wrong one 403", async () => {
    expect(await send(email, { authorization: "" })).toMatchObject({
      status: 401,
      body: { name: "missing_api_key" },
    });
    expect(await send(email, { authorization: "Bearer re_other" })).toMatchObject({
      status: 403,
      body: { name: "invalid_api_key" },
    });
    expect(mailbox.messages()).toEqual([]);
  });

  test("two a second, as at Resend", async () => {
    const strict = await startMailbox({ now: () => instant });
    try {
      expect((await send(email, {}, strict)).status).toBe(200);
      expect((await send(email, {}, strict)).status).toBe(200);
      expect(await send(email, {}, strict)).toMatchObject({
        status: 429,
        body: { statusCode: 429, name: "rate_limit_exceeded" },
      });
      instant = new Date(instant.getTime() + 1_000);
      expect((await send(email, {}, strict)).status).toBe(200);
    } finally {
      await strict.close();
    }
  });

  test.each([
    ["GET", "/emails", 405, "method_not_allowed"],
    ["POST", "/emails/batch", 404, "not_found"],
    ["GET", "/domains", 404, "not_found"],
    ["POST", "/", 404, "not_found"],
  ])("%s %s is refused", async (method, path, status, name) => {
    const response = await fetch(`${mailbox.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${mailbox.apiKey}` },
    });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ statusCode: status, name });
  });
});

describe("Idempotency-Key", () => {
  const key = { "idempotency-key": "receipt/pur_1" };

  test("the same key and body give the same id and one message", async () => {
    const first = await send(email, key);
    expect(await send(email, key)).toEqual(first);
    expect(mailbox.messages()).toMatchObject([{ idempotencyKey: "receipt/pur_1" }]);
  });

  test("ten at once give one message", async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(email, key)));
    expect(new Set(answers.map((each) => JSON.stringify(each))).size).toBe(1);
    expect(mailbox.messages()).toHaveLength(1);
  });

  test("another body is 409", async () => {
    await send(email, key);
    expect(await send({ ...email, subject: "Other" }, key)).toMatchObject({
      status: 409,
      body: { statusCode: 409, name: "invalid_idempotent_request" },
    });
    expect(mailbox.messages()).toHaveLength(1);
  });

  test("a refused email leaves its key free, and a key is forgotten after a day", async () => {
    expect((await send({ ...email, to: "nobody" }, key)).status).toBe(422);
    expect((await send(email, key)).status).toBe(200);
    instant = new Date(instant.getTime() + 24 * 60 * 60 * 1_000);
    expect((await send({ ...email, subject: "Other" }, key)).status).toBe(200);
    expect(mailbox.messages()).toHaveLength(2);
  });

  test("a key of 257 characters is refused", async () => {
    expect(await send(email, { "idempotency-key": "k".repeat(257) })).toMatchObject({
      status: 400,
      body: { name: "invalid_idempotency_key" },
    });
  });
});

describe("faults", () => {
  test("a planned status, a cut connection, a repeated request", async () => {
    mailbox.faults.plan({ kind: "status", status: 500 });
    expect(await send(email)).toMatchObject({ status: 500, body: { statusCode: 500 } });
    expect(mailbox.messages()).toHaveLength(0);
    mailbox.faults.plan({ kind: "drop_after" });
    await expect(send(email, { "idempotency-key": "one" })).rejects.toThrow();
    expect(mailbox.messages()).toHaveLength(1);
    expect((await send(email, { "idempotency-key": "one" })).status).toBe(200);
    expect(mailbox.messages()).toHaveLength(1);
    mailbox.faults.plan({ kind: "repeat" });
    await send(email);
    expect(mailbox.messages()).toHaveLength(3);
  });
});

describe("reading", () => {
  test("the page shows messages, follows links, and lets no message run anything", async () => {
    await send({ ...email, subject: "<img src=x onerror=alert(1)>" });
    const page = await (await fetch(mailbox.url)).text();
    expect(page).toContain("&lt;img src=x");
    expect(page).not.toContain("<img");
    expect(page).toContain('href="https://cascade.test/orders/1?a=1&amp;b=2"');
    expect(page).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
    expect(page).not.toContain("<script>alert");
    expect(page).toMatch(/<iframe\s+sandbox="allow-popups allow-popups-to-escape-sandbox"/);
    expect(mailbox.faults.seen).toHaveLength(1);
  });

  test("messages as JSON, by recipient, and gone when told", async () => {
    await send(email);
    await send({ ...email, to: "lucia@venice.test" });
    const all = await fetch(`${mailbox.url}/_control/messages`);
    expect(await all.json()).toHaveLength(2);
    const some = await fetch(`${mailbox.url}/_control/messages?to=lucia@venice.test`);
    expect(await some.json()).toMatchObject([{ to: ["lucia@venice.test"] }]);
    const gone = await fetch(`${mailbox.url}/_control/messages`, { method: "DELETE" });
    expect(gone.status).toBe(204);
    expect(mailbox.messages()).toEqual([]);
  });

  test("previews are shown where there are some, and are linked then", async () => {
    expect((await fetch(`${mailbox.url}/previews`)).status).toBe(401);
    expect(await (await fetch(mailbox.url)).text()).not.toContain("/previews");
    const preview = {
      name: "receipt",
      subject: "Thanks, <Marco>",
      text: "See https://cascade.test/",
      html: "<p>Hi</p><script>x</script>",
    };
    const showing = await startMailbox({ previews: () => [preview] });
    try {
      expect(await (await fetch(showing.url)).text()).toContain('href="/previews"');
      const page = await (await fetch(`${showing.url}/previews`)).text();
      expect(page).toContain("Thanks, &lt;Marco&gt;");
      expect(page).toContain("&lt;script&gt;x");
      expect(page).toContain('href="https://cascade.test/"');
      expect(page).toMatch(/<iframe\s+sandbox="allow-popups allow-popups-to-escape-sandbox"/);
      expect(page).not.toContain("<script>");
    } finally {
      await showing.close();
    }
  });
});
