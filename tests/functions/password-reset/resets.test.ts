/** A forgotten password: a mailed link, once, for half an hour. */
import { createHash } from "node:crypto";
import { afterEach, expect, test, vi } from "vitest";
import { MINUTE_MS } from "../../../lib/clock.ts";
import { call, type Called, type CallOptions } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { mailedLink, newCustomer, openAccount, password, useWorld } from "../../support/world.ts";
import { useHashes } from "../password/hashes.ts";
import {
  cookiesOf,
  freshAddress,
  openProgram,
  refresh,
  sending,
  signIn,
  statusOfMe,
} from "../sessions/devices.ts";
import { everything } from "./traces.ts";

const world = useWorld();
const log = useLog();
const hashes = useHashes();
afterEach(() => vi.useRealTimers());

const better = "a better horse battery";

/** Asks for a link; the letter is out when it resolves. */
async function ask(email: string, options: CallOptions = {}): Promise<Called> {
  const answer = await call("password-reset", { json: { email }, ip: freshAddress(), ...options });
  await answer.afterwards;
  return answer;
}

/** Asks, and reads the mail. */
async function linkFor(email: string): Promise<string> {
  await ask(email);
  return await mailedLink(email);
}

function reset(token: string, options: CallOptions = {}): Promise<Called> {
  return call("password-reset", { json: { token, password: better }, ip: freshAddress(), ...options });
}

async function expectInvalid(token: string): Promise<void> {
  const answer = await reset(token);
  expect([answer.status, answer.body.code, answer.body.field]).toEqual([422, "invalid_link", "token"]);
  expect(answer.headers.getSetCookie()).toEqual([]);
}

const sessionsOf = (email: string) =>
  world.database.rows<{ ended_because: string | null }>(
    "select s.ended_because from sessions s join accounts a on a.id = s.account_id where a.email = $1",
    [email],
  );

test("204: the mailed link sets a password; the old one is dead and every session is over", async () => {
  const { email, token } = await newCustomer();
  const program = await openProgram(email);
  const link = await linkFor(email);
  const answer = await reset(link);
  expect(answer.status).toBe(204);
  expect(await statusOfMe(token)).toBe(401);
  expect(await statusOfMe(program.accessToken)).toBe(401);
  expect((await refresh(program.refreshToken)).status).toBe(401);
  for (const session of await sessionsOf(email)) expect(session.ended_because).toBe("password_changed");
  expect((await signIn(email)).status).toBe(401);
  expect((await signIn(email, { password: better })).status).toBe(200);
  await answer.afterwards;
  const letters = await world.database.rows(
    "select l.state from letters l join accounts a on a.id = l.account_id where a.email = $1 and kind = 'password_changed'",
    [email],
  );
  expect(letters).toEqual([{ state: "sent" }]);
});

test("a reset signs nobody in: its cookies are the ended session's and the device's", async () => {
  const { email } = await newCustomer();
  const answer = await reset(await linkFor(email));
  expect(cookiesOf(answer)).toEqual({
    cascade_session: "",
    cascade_refresh: "",
    cascade_device: expect.stringMatching(/^ey/),
  });
  const device = sending(cookiesOf(answer), "cascade_device");
  expect((await call("me", { headers: device })).status).toBe(401);
});

test("the device that has reset signs in, even while the account is locked for everybody else", async () => {
  const { email } = await newCustomer();
  const link = await linkFor(email);
  const device = sending(cookiesOf(await reset(link)), "cascade_device");
  for (let index = 0; index < 6; index += 1) {
    await world.upstash.clear();
    await signIn(email, { password: "wrong horse battery" });
  }
  await world.upstash.clear();
  expect((await signIn(email, { password: better })).status).toBe(429);
  expect((await signIn(email, { password: better, headers: device })).status).toBe(200);
});

test("a reset ends the lock: whoever reads the mailbox signs in from anywhere", async () => {
  const { email } = await newCustomer();
  for (let index = 0; index < 5; index += 1) {
    await world.upstash.clear();
    await signIn(email, { password: "wrong horse battery" });
  }
  await world.upstash.clear();
  expect((await signIn(email)).status).toBe(429);
  expect((await reset(await linkFor(email))).status).toBe(204);
  await world.upstash.clear();
  expect((await signIn(email, { password: better })).status).toBe(200);
});

test("the e-mail counts as verified: the link proved its mailbox", async () => {
  const { email, signedUp } = await openAccount();
  await signedUp.afterwards;
  expect((await reset(await linkFor(email))).status).toBe(204);
  const answer = await signIn(email, { password: better });
  expect(answer.body.account.emailVerified).toBe(true);
});

test("422: a link is used once", async () => {
  const { email } = await newCustomer();
  const link = await linkFor(email);
  expect((await reset(link)).status).toBe(204);
  await expectInvalid(link);
});

test("422: a link is over after half an hour", async () => {
  const { email } = await newCustomer();
  const now = Date.now();
  vi.useFakeTimers({ toFake: ["Date"], now });
  const [first, second] = [await linkFor(email), await linkFor(email)];
  vi.setSystemTime(now + 30 * MINUTE_MS);
  await expectInvalid(first);
  vi.setSystemTime(now + 30 * MINUTE_MS - 1);
  expect((await reset(second)).status).toBe(204);
});

test("422: one link's use ends the account's other links", async () => {
  const { email } = await newCustomer();
  const [first, second] = [await linkFor(email), await linkFor(email)];
  expect(first).not.toBe(second);
  expect((await reset(second)).status).toBe(204);
  await expectInvalid(first);
});

test.each(["nonsense", "a".repeat(43), "null"])("422: a link nobody was mailed (%s)", async (link) => {
  await expectInvalid(link);
});

test("422: a link of another purpose sets no password, and a reset's link verifies nothing", async () => {
  const { email, signedUp } = await openAccount();
  await signedUp.afterwards;
  const verification = await mailedLink(email);
  await expectInvalid(verification);
  const link = await linkFor(email);
  const answer = await call("email-verification", { json: { token: link } });
  expect([answer.status, answer.body.code]).toEqual([422, "invalid_link"]);
  expect((await reset(link)).status).toBe(204);
});

test("a link is its own account's: no other account's password or session changes", async () => {
  const [one, two] = [await newCustomer(), await newCustomer()];
  expect((await reset(await linkFor(one.email))).status).toBe(204);
  expect(await statusOfMe(two.token)).toBe(200);
  expect((await signIn(two.email, { password: better })).status).toBe(401);
  expect((await signIn(two.email)).status).toBe(200);
});

test("ten uses of one link at once: one sets the password, nine are refused", async () => {
  const { email } = await newCustomer();
  const link = await linkFor(email);
  const given = Array.from({ length: 10 }, (_, index) => `horse battery number ${index}`);
  const answers = await Promise.all(
    given.map((each) => reset(link, { json: { token: link, password: each } })),
  );
  const statuses = answers.map(({ status }) => status);
  expect([...statuses].sort()).toEqual([204, ...Array.from({ length: 9 }, () => 422)]);
  expect((await signIn(email, { password: given[statuses.indexOf(204)] ?? "" })).status).toBe(200);
});

test("a wrong link costs as much as a right one: one hash, one round trip", async () => {
  const { email } = await newCustomer();
  const link = await linkFor(email);
  for (const [token, status] of [
    ["nonsense", 422],
    [link, 204],
    [link, 422],
  ] as const) {
    const [answer, count] = await hashes.during(() => reset(token));
    expect([answer.status, count]).toEqual([status, 1]);
    expect(log.last().trips["redis"]).toBe(1);
    await answer.afterwards;
  }
});

test("a reset and a sign-in with the old password at once: no session of the old one is left", async () => {
  for (let round = 0; round < 3; round += 1) {
    const { email } = await newCustomer();
    const link = await linkFor(email);
    const [signedIn, answer] = await Promise.all([
      signIn(email, { json: { email, password, bearer: true } }),
      reset(link),
    ]);
    expect(answer.status).toBe(204);
    const opened: string | undefined = signedIn.body.tokens?.accessToken;
    if (opened !== undefined) expect(await statusOfMe(opened)).toBe(401);
    expect((await sessionsOf(email)).filter((each) => each.ended_because === null)).toEqual([]);
  }
});

test("the database holds the link's SHA-256, and neither the outbox nor the log the link", async () => {
  const { email } = await newCustomer();
  const link = await linkFor(email);
  await reset(link);
  const stored = await everything(world);
  expect(stored).toContain(createHash("sha256").update(link).digest("hex"));
  for (const text of [stored, log.text()]) expect(text).not.toContain(link);
});

test("the letter arrives though mail was away when it was asked for, and its link works", async () => {
  const { email } = await newCustomer();
  world.mailbox.faults.plan({ kind: "status", status: 500 });
  expect((await ask(email)).status).toBe(202);
  await expect(mailedTokenOfReset(email)).rejects.toThrow();
  await world.database.rows("update letters set next_at = now() where state = 'queued'");
  await call("send-letters", { json: {} });
  expect((await reset(await mailedTokenOfReset(email))).status).toBe(204);
});

/** The last link, unless it is the sign-up's. */
async function mailedTokenOfReset(email: string): Promise<string> {
  const link = await mailedLink(email);
  const [row] = await world.database.rows<{ kind: string }>(
    "select kind from mailed_tokens where hash = $1",
    [createHash("sha256").update(link).digest()],
  );
  if (row?.kind !== "password_reset") throw new Error("no reset was mailed");
  return link;
}

test("a letter that goes out after the secret was rotated has a link that works", async () => {
  const { email } = await newCustomer();
  world.mailbox.faults.plan({ kind: "status", status: 500 });
  await ask(email);
  await world.database.rows("update letters set next_at = now() where state = 'queued'");
  const former = process.env["JWT_SECRET_KEY"] ?? "";
  Object.assign(process.env, {
    JWT_SECRET_KEY: "the secret that we sign with from today on",
    JWT_PREVIOUS_SECRET_KEY: former,
  });
  vi.resetModules();
  try {
    await call("send-letters", { json: {} });
    expect((await reset(await mailedLink(email))).status).toBe(204);
  } finally {
    process.env["JWT_SECRET_KEY"] = former;
    delete process.env["JWT_PREVIOUS_SECRET_KEY"];
    vi.resetModules();
  }
});

test("a form asks and sets by 303, its refusal is a page", async () => {
  const { email } = await newCustomer();
  const asked = await call("password-reset", { form: { email } });
  await asked.afterwards;
  expect([asked.status, asked.headers.get("location")]).toEqual([303, "/forgot/?asked=1"]);
  const link = await mailedLink(email);
  const set = await call("password-reset", { form: { token: link, password: better } });
  expect([set.status, set.headers.get("location")]).toEqual([303, "/sign-in/?reset=1"]);
  const again = await call("password-reset", { form: { token: link, password: better } });
  expect([again.status, again.headers.get("content-type")]).toEqual([422, "text/html; charset=utf-8"]);
});
