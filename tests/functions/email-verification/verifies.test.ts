/** An e-mail is verified by a mailed link, within a day. */
import { createHash } from "node:crypto";
import { afterEach, expect, test, vi } from "vitest";
import { DAY_MS } from "../../../lib/clock.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { mailedLink, newCustomer, openAccount, useWorld } from "../../support/world.ts";
import { everything } from "../password-reset/traces.ts";
import { freshAddress, openProgram } from "../sessions/devices.ts";

const world = useWorld();
const log = useLog();
afterEach(() => vi.useRealTimers());

/** An account with the link that its sign-up mailed. */
async function unverified() {
  const account = await openAccount();
  await account.signedUp.afterwards;
  return { email: account.email, link: await mailedLink(account.email) };
}

const verify = (token: string) => call("email-verification", { json: { token }, ip: freshAddress() });

async function isVerified(email: string): Promise<boolean> {
  const [row] = await world.database.rows<{ verified: boolean }>(
    "select email_verified_at is not null as verified from accounts where email = $1",
    [email],
  );
  return row?.verified ?? false;
}

async function expectInvalid(link: string): Promise<void> {
  const answer = await verify(link);
  expect([answer.status, answer.body.code, answer.body.field]).toEqual([422, "invalid_link", "token"]);
}

test("204: the sign-up's link verifies, and the account may make keys from then on", async () => {
  const { email, link } = await unverified();
  const { accessToken: token } = await openProgram(email);
  const before = await call("api-keys", { json: { name: "early" }, token });
  expect([before.status, before.body.code]).toEqual([403, "email_not_verified"]);
  expect((await verify(link)).status).toBe(204);
  expect(log.last().trips).toEqual({ redis: 1, postgres: 1 });
  expect((await call("me", { token })).body.account.emailVerified).toBe(true);
  expect((await call("api-keys", { json: { name: "late" }, token })).status).toBe(201);
});

test("204: the same link again, also after it is over, and it is written down once", async () => {
  const { email, link } = await unverified();
  await verify(link);
  expect((await verify(link)).status).toBe(204);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2 * DAY_MS });
  expect((await verify(link)).status).toBe(204);
  const audited = await world.database.rows(
    "select 1 from audit_log l join accounts a on a.id = l.account_id where a.email = $1 and act = 'email.verified'",
    [email],
  );
  expect(audited).toHaveLength(1);
});

test("422: a link is over after a day", async () => {
  const { email, link } = await unverified();
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + DAY_MS });
  await expectInvalid(link);
  expect(await isVerified(email)).toBe(false);
});

test.each(["nonsense", "a".repeat(43)])("422: a link nobody was mailed (%s)", async (link) => {
  await expectInvalid(link);
});

test("a link verifies its own account's e-mail and no other", async () => {
  const [one, two] = [await unverified(), await unverified()];
  expect((await verify(one.link)).status).toBe(204);
  expect([await isVerified(one.email), await isVerified(two.email)]).toEqual([true, false]);
});

test("202: another link can be asked for, and both work", async () => {
  const { email, link } = await unverified();
  const asked = await call("email-verification", { json: { email } });
  expect(asked.status).toBe(202);
  await asked.afterwards;
  const next = await mailedLink(email);
  expect(next).not.toBe(link);
  expect((await verify(next)).status).toBe(204);
  expect((await verify(link)).status).toBe(204);
});

test("202 for a verified e-mail, and nothing is mailed", async () => {
  const { email } = await newCustomer();
  const before = await mailedLink(email);
  const asked = await call("email-verification", { json: { email } });
  await asked.afterwards;
  expect(asked.status).toBe(202);
  expect(await mailedLink(email)).toBe(before);
});

test("ten uses of one link at once: all say verified, one is written down", async () => {
  const { email, link } = await unverified();
  const answers = await Promise.all(Array.from({ length: 10 }, () => verify(link)));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 204));
  const audited = await world.database.rows(
    "select 1 from audit_log l join accounts a on a.id = l.account_id where a.email = $1 and act = 'email.verified'",
    [email],
  );
  expect(audited).toHaveLength(1);
});

test("the database holds the link's SHA-256, and neither the outbox nor the log the link", async () => {
  const { link } = await unverified();
  await verify(link);
  const stored = await everything(world);
  expect(stored).toContain(createHash("sha256").update(link).digest("hex"));
  for (const text of [stored, log.text()]) expect(text).not.toContain(link);
});
