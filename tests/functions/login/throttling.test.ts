/** Guessing passwords: five tries reach a password, waits grow in the database, and whoever was here before gets in. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { issueDevice, knownDevice } from "../../../lib/account/device.ts";
import { signIn as signInAt } from "../../../lib/account/sign-in.ts";
import { DAY_MS, MINUTE_MS } from "../../../lib/clock.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { appAt, newCustomer, openAccount, password, useWorld } from "../../support/world.ts";
import { useHashes } from "../password/hashes.ts";
import { cookiesOf, freshAddress, openPage, sending, signIn, statusOfMe } from "../sessions/devices.ts";

const world = useWorld();
const log = useLog();
const hashes = useHashes();
const wrong = "wrong horse battery";
// The window slides over two fixed ones: time stands still, five minutes into one.
const start = Date.UTC(2026, 10, 20, 12, 5);
beforeEach(() => vi.useFakeTimers({ toFake: ["Date"], now: start }));
afterEach(() => vi.useRealTimers());

/** A customer, and nothing counted yet. */
async function uncounted() {
  const customer = await newCustomer();
  await world.upstash.clear();
  return customer;
}

/** Wrong passwords that were looked at, as the audit log has them. */
async function failuresOf(accountId: string): Promise<number> {
  const [row] = await world.database.rows<{ count: number }>(
    "select count(*)::int as count from audit_log where account_id = $1 and act = 'sign_in.failed'",
    [accountId],
  );
  return row?.count ?? 0;
}

/** Runs them by twenties. */
async function inTwenties<T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const done: T[] = [];
  for (let from = 0; from < count; from += 20)
    done.push(
      ...(await Promise.all(
        Array.from({ length: Math.min(20, count - from) }, (_, offset) => work(from + offset)),
      )),
    );
  return done;
}

test("1,000 guesses at one account from 100 addresses: five reach the password", async () => {
  const { email, id } = await uncounted();
  const [answers, count] = await hashes.during(() =>
    inTwenties(1_000, (index) => signIn(email, { password: `guess ${index}`, ip: `192.0.2.${index % 100}` })),
  );
  const statuses = answers.map(({ status }) => status);
  // Counted where it happens, in argon2, and where it is written down.
  expect(count).toBe(5);
  expect(await failuresOf(id)).toBe(5);
  expect(statuses.filter((status) => status === 401)).toHaveLength(5);
  expect(statuses.filter((status) => status === 429)).toHaveLength(995);
}, 120_000);

test("one address, 100 accounts, each tried twice: five reach a password", async () => {
  const [answers, count] = await hashes.during(() =>
    inTwenties(200, (index) =>
      signIn(`somebody${index % 100}@example.com`, { password: wrong, ip: "192.0.2.7" }),
    ),
  );
  expect(count).toBe(5);
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(5);
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(195);
});

test("an IPv6 network counts as one address, whatever the host's part is", async () => {
  const statuses = [];
  for (let host = 1; host <= 6; host += 1) {
    const ip = `2001:db8:7:7:${host}::${host}`;
    statuses.push((await signIn(`somebody${host}@example.com`, { password: wrong, ip })).status);
  }
  expect(statuses).toEqual([401, 401, 401, 401, 401, 429]);
});

test("an address that may try nothing more uses up no account's tries", async () => {
  const { email } = await uncounted();
  for (let index = 0; index < 5; index += 1)
    await signIn(`somebody${index}@example.com`, { password: wrong, ip: "192.0.2.9" });
  for (let index = 0; index < 5; index += 1)
    expect((await signIn(email, { password: wrong, ip: "192.0.2.9" })).status).toBe(429);
  expect((await signIn(email)).status).toBe(200);
});

test("a device that signed in before gets in while the account is locked, and a stranger doesn't", async () => {
  const { email } = await uncounted();
  const device = sending(await openPage(email), "cascade_device");
  for (let index = 0; index < 5; index += 1) {
    await world.upstash.clear();
    expect((await signIn(email, { password: wrong })).status).toBe(401);
  }
  await world.upstash.clear();
  const [stranger, count] = await hashes.during(() => signIn(email));
  expect([stranger.status, stranger.body.code, count]).toEqual([429, "rate_limited", 0]);
  expect(stranger.headers.get("retry-after")).toBe(String(15 * 60));
  const owner = await signIn(email, { headers: device });
  expect(owner.status).toBe(200);
  expect(owner.headers.get("ratelimit-policy")).toBe(
    '"sign-in-device";q=5;w=900, "sign-in-devices";q=20;w=900',
  );
  expect(await statusOfMe(cookiesOf(owner)["cascade_session"] ?? "")).toBe(200);
  expect((await signIn(email)).status).toBe(429);
});

test("a device gets in from an address that may try nothing more", async () => {
  const { email } = await uncounted();
  const device = sending(await openPage(email), "cascade_device");
  for (let index = 0; index < 6; index += 1)
    await signIn(`somebody${index}@example.com`, { password: wrong, ip: "192.0.2.11" });
  expect((await signIn(email, { ip: "192.0.2.11" })).status).toBe(429);
  expect((await signIn(email, { ip: "192.0.2.11", headers: device })).status).toBe(200);
});

test("a stolen device cookie has five tries of its own, locks itself alone, and nobody else", async () => {
  const { email, id } = await uncounted();
  const stolen = sending(await openPage(email), "cascade_device");
  const [answers, count] = await hashes.during(() =>
    inTwenties(20, (index) => signIn(email, { password: `guess ${index}`, headers: stolen })),
  );
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(5);
  expect(count).toBe(5);
  expect(await failuresOf(id)).toBe(5);
  await world.upstash.clear();
  expect((await signIn(email, { headers: stolen })).status).toBe(429);
  expect((await signIn(email)).status).toBe(200);
});

test("a device cookie is its own e-mail's: for another, and forged, it is no device", async () => {
  const [one, two] = [await newCustomer(), await newCustomer()];
  await world.upstash.clear();
  const cookies = await openPage(one.email);
  const session = { cascade_device: cookies["cascade_session"] ?? "" };
  for (const headers of [
    sending(cookies, "cascade_device"),
    sending(session),
    { cookie: "cascade_device=nonsense" },
  ]) {
    const answer = await signIn(two.email, { password: wrong, headers });
    expect(answer.headers.get("ratelimit-policy")).toContain('"sign-in-account"');
  }
  const app = appAt({ now: new Date(start) });
  const { token } = await issueDevice(app, one.email);
  expect(await knownDevice(app, token, one.email)).toMatch(/^dev_/);
  expect(await knownDevice(app, token, two.email)).toBe(null);
  expect(await knownDevice(appAt({ now: new Date(start + 366 * DAY_MS) }), token, one.email)).toBe(null);
});

/** A sign-in on a clock of its own, past the limiter: what the database itself holds back. */
function onAClock(email: string, device: string | null = null) {
  const clock = { now: new Date(start) };
  const app = appAt(clock);
  const tryWith = async (given: string) => {
    const outcome = await signInAt(app, { email, password: given, device });
    return outcome.kind === "locked"
      ? (outcome.until.getTime() - clock.now.getTime()) / MINUTE_MS
      : outcome.kind;
  };
  return {
    advance: (minutes: number) => void (clock.now = new Date(clock.now.getTime() + minutes * MINUTE_MS)),
    tryWith,
  };
}

const growing = [15, 30, 60, 120, 240, 480, 960, 1_440, 1_440, 1_440];

test.each(["known", "unknown"])(
  "an e-mail that is %s: from the fifth wrong password on each one locks for twice as long, at most a day",
  async (which) => {
    const email = which === "known" ? (await openAccount()).email : "nobody.at.all@example.com";
    const { tryWith, advance } = onAClock(email);
    for (let index = 0; index < 4; index += 1) expect(await tryWith(wrong)).toBe("invalid_credentials");
    for (const minutes of growing) {
      expect(await tryWith(wrong)).toBe("invalid_credentials");
      const [left, count] = await hashes.during(() => tryWith(password));
      expect([left, count]).toEqual([minutes, 0]);
      advance(minutes - 1);
      expect(await tryWith(password)).toBe(1);
      advance(1);
    }
  },
);

test("the right password after a lock ends the row of wrong ones", async () => {
  const { email } = await openAccount();
  const { tryWith, advance } = onAClock(email);
  for (let index = 0; index < 5; index += 1) await tryWith(wrong);
  advance(15);
  expect(await tryWith(password)).toBe("signed_in");
  for (let index = 0; index < 4; index += 1) expect(await tryWith(wrong)).toBe("invalid_credentials");
  expect(await tryWith(password)).toBe("signed_in");
});

test("wrong passwords that are two days apart are no row", async () => {
  const { email } = await openAccount();
  const { tryWith, advance } = onAClock(email);
  for (let index = 0; index < 4; index += 1) await tryWith(wrong);
  advance(2 * 24 * 60 + 1);
  await tryWith(wrong);
  expect(await tryWith(password)).toBe("signed_in");
});

test("four wrong passwords at once count as four: no update is lost", async () => {
  const { email, id } = await newCustomer();
  const { tryWith } = onAClock(email);
  await Promise.all(Array.from({ length: 4 }, () => tryWith(wrong)));
  const [row] = await world.database.rows<{ failures: number }>(
    "select failures from sign_in_failures where subject = sign_in_subject($1, null)",
    [email],
  );
  expect([row?.failures, await failuresOf(id)]).toEqual([4, 4]);
});

test("a device's row of wrong passwords is its own", async () => {
  const { email } = await openAccount();
  const [device, other] = [onAClock(email, "dev_one"), onAClock(email)];
  for (let index = 0; index < 5; index += 1) await device.tryWith(wrong);
  expect(await device.tryWith(password)).toBe(15);
  expect(await other.tryWith(password)).toBe("signed_in");
  expect(await device.tryWith(password)).toBe(15);
});

test("the owner is told of a lock once a day", async () => {
  const { email, id } = await newCustomer();
  const { tryWith, advance } = onAClock(email);
  const letters = () =>
    world.database.rows("select 1 from letters where account_id = $1 and kind = 'lock_out'", [id]);
  for (let index = 0; index < 4; index += 1) await tryWith(wrong);
  expect(await letters()).toHaveLength(0);
  for (const minutes of [15, 30, 60]) {
    await tryWith(wrong);
    advance(minutes);
  }
  expect(await letters()).toHaveLength(1);
  advance(24 * 60);
  await tryWith(wrong);
  expect(await letters()).toHaveLength(2);
});

test.each([
  ["hangs", { kind: "latency", latencyMs: 5_000 }],
  ["cuts the connection", { kind: "drop_before" }],
  ["answers 500", { kind: "status", status: 500 }],
] as const)("503: while Redis %s no password is looked at, of a device neither", async (_, fault) => {
  const { email } = await newCustomer();
  const device = sending(await openPage(email), "cascade_device");
  process.env["REDIS_TIMEOUT_MS"] = "200";
  vi.resetModules();
  try {
    for (const headers of [{}, device] as const) {
      world.gateway.faults.forget();
      world.upstash.faults.plan({ ...fault, times: 10 });
      const [answer, count] = await hashes.during(() => signIn(email, { headers }));
      expect([answer.status, answer.body.code, count]).toEqual([503, "limiter_unavailable", 0]);
      expect(answer.headers.get("retry-after")).toBe("5");
      expect(world.gateway.faults.seen).toEqual([]);
      expect(log.last().trips["postgres"]).toBe(undefined);
      world.upstash.faults.clear();
    }
  } finally {
    process.env["REDIS_TIMEOUT_MS"] = "10000";
    vi.resetModules();
  }
});

test("nobody is told who is locked: a locked e-mail that is unknown answers like one that is known", async () => {
  const { email } = await uncounted();
  const answers = [];
  for (const each of [email, "nobody.locked@example.com"]) {
    for (let index = 0; index < 5; index += 1) {
      await world.upstash.clear();
      await signIn(each, { password: wrong });
    }
    await world.upstash.clear();
    const { status, body, headers } = await call("login", {
      json: { email: each, password },
      ip: freshAddress(),
    });
    answers.push({
      status,
      body: { ...body, requestId: "" },
      wait: headers.get("retry-after"),
      trips: log.last().trips,
    });
  }
  expect(answers[0]?.status).toBe(429);
  expect(answers[1]).toEqual(answers[0]);
});
