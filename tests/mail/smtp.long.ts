/** Mail over SMTP: what arrives, what is refused for good, and what may be tried again. */
import { createHash } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startMailServer, type MailServer, type MailServerFault } from "../../dev/smtp/start.ts";
import { Unavailable } from "../../lib/errors.ts";
import type { Mail } from "../../lib/mail/port.ts";
import { smtp } from "../../lib/mail/smtp.ts";
import { createTrips } from "../../lib/trips.ts";

const login = { user: "cascade@example.com", password: "p@ss: wörd/100%" };
const from = "CASCADE <ducats@cascade.example>";
const message = {
  to: "marco@venice.test",
  subject: "Your ducats: 100 für Marco",
  text: "On their way.\nhttps://cascade.example/purchase/?id=pur_1\n",
  html: "<p>On their way.</p>",
  idempotencyKey: "receipt/pur_1",
};

let server: MailServer;

beforeEach(async () => {
  server = await startMailServer({ login });
});
afterEach(() => server.close());

function mailTo(url: string): Mail {
  return smtp({ url, from }, createTrips());
}

/** Long as it is, it stands on a line of its own. */
function idOf(raw = ""): string | undefined {
  return /^Message-ID:\s+(\S+)$/m.exec(raw)?.[1];
}

async function failure(mail: Mail): Promise<Unavailable> {
  const error: unknown = await mail.send(message).catch((thrown: unknown) => thrown);
  if (error instanceof Unavailable) return error;
  throw new Error("it was no Unavailable", { cause: error });
}

test("a message arrives with both parts, and its Message-ID is its key's", async () => {
  const trips = createTrips();
  const outcome = await smtp({ url: server.url, from }, trips).send(message);
  expect(outcome).toEqual({ kind: "sent" });
  expect(trips.counts).toEqual({ mail: 1 });
  const [kept] = server.messages;
  expect(kept).toMatchObject({ from: "ducats@cascade.example", to: [message.to] });
  const digest = createHash("sha256").update(message.idempotencyKey).digest("hex");
  expect(idOf(kept?.raw)).toBe(`<${digest}@cascade.example>`);
  expect(kept?.raw).toContain("From: CASCADE <ducats@cascade.example>");
  expect(kept?.raw).toMatch(/Content-Type: multipart\/alternative[^]*text\/plain[^]*text\/html/);
  expect(kept?.raw).toContain("https://cascade.example/purchase/?id=");
  expect(kept?.raw).toContain("<p>On their way.</p>");
});

test("no line is longer than a mail server must take", async () => {
  await mailTo(server.url).send({ ...message, html: `<p>${"Ducats & more. ".repeat(200)}</p>` });
  const lines = server.messages[0]?.raw.split("\r\n") ?? [];
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(998);
});

test("sent again, it has the same Message-ID", async () => {
  const mail = mailTo(server.url);
  await mail.send(message);
  await mail.send({ ...message, text: "Other words." });
  const [first, second] = server.messages.map(({ raw }) => idOf(raw));
  expect(first).toMatch(/^<.+>$/);
  expect(second).toBe(first);
});

test("an address is one address, and a line break in it is no header", async () => {
  const mail = mailTo(server.url);
  for (const to of ["a@b.test, c@d.test", "a@b.test\r\nBcc: c@d.test", "a@b.test> RCPT TO:<c@d.test", ""])
    expect((await mail.send({ ...message, to })).kind, to).toBe("refused");
  expect(server.messages).toEqual([]);
});

test.each<MailServerFault>([
  { at: "recipient", code: 550 },
  { at: "message", code: 554 },
])("%j: refused, with the server's words", async (fault) => {
  server.fail(fault);
  const outcome = await mailTo(server.url).send(message);
  expect(outcome).toEqual({ kind: "refused", reason: expect.stringContaining("is refused") as string });
});

test.each<MailServerFault>([
  { at: "recipient", code: 450 },
  { at: "message", code: 451 },
  { at: "message", code: 421 },
  // The sender is the operator's setting, and no fault of the message.
  { at: "sender", code: 550 },
  { at: "sender", code: 451 },
])("%j: later, and certainly not taken", async (fault) => {
  server.fail(fault);
  expect(await failure(mailTo(server.url))).toMatchObject({ port: "mail", effect: "none" });
});

test("a wrong password is no refusal of the message", async () => {
  const error = await failure(mailTo(server.url.replace("cascade%40", "other%40")));
  expect(error).toMatchObject({ effect: "none", message: "the mail server did not take it: 535" });
  expect(server.logins()).toBe(1);
});

test("no password where one is asked for is no refusal of the message", async () => {
  expect(await failure(mailTo(`smtp://127.0.0.1:${server.port}`))).toMatchObject({ effect: "none" });
});

test("cut off after the message: it may have been taken", async () => {
  server.fail("cut");
  expect(await failure(mailTo(server.url))).toMatchObject({ effect: "unknown" });
  expect(server.messages).toHaveLength(1);
});

test("a server that is away, and a name that is none", async () => {
  const { url } = server;
  await server.close();
  expect(await failure(mailTo(url))).toMatchObject({ effect: "none" });
  expect(await failure(mailTo("smtp://nowhere.invalid"))).toMatchObject({ effect: "none" });
});

test("a server that says nothing is given up on in time", async () => {
  server.fail("silent");
  const began = Date.now();
  expect(await failure(mailTo(server.url))).toMatchObject({ effect: "unknown" });
  expect(Date.now() - began).toBeLessThan(9_000);
});

test("to another machine the password goes by TLS only", async () => {
  // The same server, by an address that counts as another machine's.
  const error = await failure(mailTo(server.url.replace("127.0.0.1", "0.0.0.0")));
  expect(error.effect).toBe("none");
  expect(server.logins()).toBe(0);
});

test("a certificate that nobody vouches for is not trusted", async () => {
  const impostor = await startMailServer({ login, untrustedTls: true });
  try {
    await failure(mailTo(impostor.url));
    expect(impostor.logins()).toBe(0);
  } finally {
    await impostor.close();
  }
});
