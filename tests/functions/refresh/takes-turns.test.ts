/** Refresh tokens: each works once, its successor follows from it, and a copy that comes back ends the session. */
import { createHash } from "node:crypto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DAY_MS, SECOND_MS } from "../../../lib/clock.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { newCustomer, useWorld } from "../../support/world.ts";
import { everything } from "../password-reset/traces.ts";
import { openProgram, refresh, refreshed, statusOfMe } from "../sessions/devices.ts";

const world = useWorld();
const log = useLog();
const start = Date.UTC(2026, 10, 20, 12, 5);
beforeEach(() => vi.useFakeTimers({ toFake: ["Date"], now: start }));
afterEach(() => vi.useRealTimers());

const after = (ms: number) => vi.setSystemTime(start + ms);

async function signedIn() {
  const { email, id } = await newCustomer();
  return { email, id, ...(await openProgram(email)) };
}

type Row = { id: string; ended_because: string | null; tokens: number; unused: number };

/** The session of a refresh token, and how many tokens its family has. */
async function familyOf(refreshToken: string): Promise<Row | undefined> {
  const [row] = await world.database.rows<Row>(
    `select s.id, s.ended_because, count(*)::int as tokens, count(*) filter (where r.used_at is null)::int as unused
     from refresh_tokens t join sessions s on s.id = t.session_id join refresh_tokens r on r.session_id = s.id
     where t.hash = $1 group by s.id`,
    [createHash("sha256").update(refreshToken).digest()],
  );
  return row;
}

async function expectRefused(refreshToken: string, why: string): Promise<void> {
  const answer = await refresh(refreshToken);
  expect([answer.status, answer.body.code]).toEqual([401, "unauthenticated"]);
  expect(answer.headers.getSetCookie()).toEqual([]);
  expect(log.last()).toMatchObject({ refresh: why, trips: { postgres: 1 } });
}

test("200: a token is taken for the next pair, in one round trip", async () => {
  const { refreshToken, accessToken } = await signedIn();
  after(SECOND_MS);
  const next = await refreshed(refreshToken);
  expect(log.last()).toMatchObject({ refresh: "refreshed", trips: { postgres: 1 } });
  expect(next.refreshToken).not.toBe(refreshToken);
  expect(next.accessToken).not.toBe(accessToken);
  expect(await statusOfMe(next.accessToken)).toBe(200);
  expect(await familyOf(refreshToken)).toMatchObject({ tokens: 2, unused: 1 });
  expect((await refreshed(next.refreshToken)).refreshToken).not.toBe(next.refreshToken);
});

test("ten uses at once get one successor, and one row is written", async () => {
  const { refreshToken } = await signedIn();
  const pairs = await Promise.all(Array.from({ length: 10 }, () => refreshed(refreshToken)));
  expect(new Set(pairs.map((pair) => pair.refreshToken)).size).toBe(1);
  expect(await familyOf(refreshToken)).toMatchObject({ tokens: 2, unused: 1, ended_because: null });
  for (const { accessToken } of pairs) expect(await statusOfMe(accessToken)).toBe(200);
});

test("within 30 seconds the same successor is given, even when that has been used", async () => {
  const { refreshToken } = await signedIn();
  const next = await refreshed(refreshToken);
  after(10 * SECOND_MS);
  await refreshed(next.refreshToken);
  after(30 * SECOND_MS);
  expect((await refreshed(refreshToken)).refreshToken).toBe(next.refreshToken);
  expect(await familyOf(refreshToken)).toMatchObject({ tokens: 3, unused: 1, ended_because: null });
});

test("401: a used token that comes back after 30 seconds ends its session at once, and no other", async () => {
  const { email, id, refreshToken } = await signedIn();
  const other = await openProgram(email);
  const second = await refreshed(refreshToken);
  after(20 * SECOND_MS);
  const third = await refreshed(second.refreshToken);
  after(30 * SECOND_MS + 1);
  expect(await statusOfMe(third.accessToken)).toBe(200);
  await expectRefused(refreshToken, "reused");
  expect(await statusOfMe(third.accessToken)).toBe(401);
  await expectRefused(third.refreshToken, "ended");
  await expectRefused(refreshToken, "ended");
  expect(await statusOfMe(other.accessToken)).toBe(200);

  const family = await familyOf(refreshToken);
  expect(family?.ended_because).toBe("reused");
  const audited = await world.database.rows(
    "select actor, detail from audit_log where account_id = $1 and act = 'session.ended'",
    [id],
  );
  expect(audited).toEqual([{ actor: "visitor", detail: { session: family?.id, because: "reused" } }]);
});

test.each(["drop_after", "drop_before"] as const)(
  "503, an answer lost on the way (%s): the same token again gives the next pair",
  async (kind) => {
    const { refreshToken } = await signedIn();
    world.gateway.faults.plan({ kind });
    const lost = await refresh(refreshToken);
    expect([lost.status, lost.body.code]).toEqual([503, "database_unavailable"]);
    expect(lost.headers.get("retry-after")).not.toBe(null);
    after(29 * SECOND_MS);
    const next = await refreshed(refreshToken);
    expect(await statusOfMe(next.accessToken)).toBe(200);
    expect(await familyOf(refreshToken)).toMatchObject({ tokens: 2, unused: 1 });
  },
);

test("the same successor is given on both sides of a rotation of our secret", async () => {
  const { refreshToken } = await signedIn();
  const next = await refreshed(refreshToken);
  const former = process.env["JWT_SECRET_KEY"] ?? "";
  Object.assign(process.env, {
    JWT_SECRET_KEY: "the secret that we sign with from today on",
    JWT_PREVIOUS_SECRET_KEY: former,
  });
  vi.resetModules();
  try {
    expect((await refreshed(refreshToken)).refreshToken).toBe(next.refreshToken);
  } finally {
    process.env["JWT_SECRET_KEY"] = former;
    delete process.env["JWT_PREVIOUS_SECRET_KEY"];
    vi.resetModules();
  }
});

test.each(["", "nonsense", "a".repeat(43), "%00"])(
  "a token nobody was given (%s) is refused",
  async (token) => {
    const answer = await refresh(token);
    expect([answer.status, answer.body.code]).toEqual(
      token === "" ? [422, "invalid_field"] : [401, "unauthenticated"],
    );
  },
);

test("401: an access token is no refresh token, and a refresh token no access token", async () => {
  const { accessToken, refreshToken } = await signedIn();
  await expectRefused(accessToken, "unknown");
  expect(await statusOfMe(refreshToken)).toBe(401);
});

test("401: the token of a session that was signed out", async () => {
  const { accessToken, refreshToken } = await signedIn();
  await call("logout", { json: {}, token: accessToken });
  await expectRefused(refreshToken, "ended");
  expect((await familyOf(refreshToken))?.ended_because).toBe("signed_out");
});

test("refreshing and signing out at once: the session is over, whoever came first", async () => {
  const { email } = await newCustomer();
  for (let round = 0; round < 4; round += 1) {
    const { accessToken, refreshToken } = await openProgram(email);
    const [answer] = await Promise.all([
      refresh(refreshToken),
      call("logout", { json: {}, token: accessToken }),
    ]);
    expect([200, 401]).toContain(answer.status);
    if (answer.status === 200) {
      expect(await statusOfMe(answer.body.tokens.accessToken)).toBe(401);
      await expectRefused(answer.body.tokens.refreshToken, "ended");
    }
    expect((await familyOf(refreshToken))?.ended_because).toBe("signed_out");
  }
});

test("a device that isn't used for thirty days is signed out", async () => {
  const { refreshToken } = await signedIn();
  after(30 * DAY_MS - 1);
  const next = await refreshed(refreshToken);
  vi.setSystemTime(start + 60 * DAY_MS - 1);
  await expectRefused(next.refreshToken, "ended");
});

test("nobody stays signed in for more than 180 days, however often he comes", async () => {
  let { refreshToken, accessToken } = await signedIn();
  for (let day = 25; day < 180; day += 25) {
    after(day * DAY_MS);
    ({ refreshToken, accessToken } = await refreshed(refreshToken));
  }
  after(180 * DAY_MS - SECOND_MS);
  ({ refreshToken, accessToken } = await refreshed(refreshToken));
  expect(await statusOfMe(accessToken)).toBe(200);
  after(180 * DAY_MS);
  expect(await statusOfMe(accessToken)).toBe(401);
  await expectRefused(refreshToken, "ended");
});

test("no token stands in the database, only its SHA-256", async () => {
  const { accessToken, refreshToken } = await signedIn();
  const next = await refreshed(refreshToken);
  const stored = await everything(world);
  for (const token of [refreshToken, next.refreshToken]) {
    expect(stored).toContain(createHash("sha256").update(token).digest("hex"));
    expect(stored).not.toContain(token);
    expect(stored).not.toContain(Buffer.from(token).toString("hex"));
    expect(stored).not.toContain(Buffer.from(token, "base64url").toString("hex"));
  }
  expect(stored).not.toContain(accessToken);
});

test("no token is logged", async () => {
  const { refreshToken } = await signedIn();
  const next = await refreshed(refreshToken);
  await refresh("nonsense-that-was-sent");
  for (const secret of [refreshToken, next.refreshToken, next.accessToken, "nonsense-that-was-sent"])
    expect(log.text()).not.toContain(secret);
});
