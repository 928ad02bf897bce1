/** The devices that are signed in: seen by their account alone, and ended at once. */
import { afterEach, expect, test, vi } from "vitest";
import { DAY_MS, MINUTE_MS, SECOND_MS } from "../../../lib/clock.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { newCustomer, useWorld } from "../../support/world.ts";
import { openPage, openProgram, refresh, refreshed, sending, statusOfMe } from "./devices.ts";

const world = useWorld();
const log = useLog();
afterEach(() => vi.useRealTimers());

type Listed = { id: string; current: boolean; agent: string | null; network: string | null };

async function listOf(token: string): Promise<Listed[]> {
  const answer = await call("sessions", { token });
  if (answer.status !== 200) throw new Error(answer.text);
  return answer.body.sessions;
}

async function currentOf(token: string): Promise<string> {
  return (await listOf(token)).find(({ current }) => current)?.id ?? "";
}

const endOne = (token: string, id: string) => call("sessions", { method: "DELETE", tail: `/${id}`, token });
const endOthers = (token: string) => call("sessions", { method: "DELETE", token });

async function whyEnded(id: string): Promise<string | null> {
  const [row] = await world.database.rows<{ why: string | null }>(
    "select ended_because as why from sessions where id = $1",
    [id],
  );
  return row?.why ?? null;
}

test("200: each device with its agent and network, IPv6 by its /64, the asking one marked", async () => {
  const { email } = await newCustomer();
  const agent = { "user-agent": "Firefox on the Rialto" };
  const one = await openProgram(email, { ip: "2001:db8:1:2:3:4:5:6", headers: agent });
  await openProgram(email, { ip: "::ffff:192.0.2.44", headers: { "user-agent": "x".repeat(500) } });
  const answer = await call("sessions", { token: one.accessToken });
  expect(answer.status).toBe(200);
  expect(log.last().trips).toEqual({ postgres: 1 });
  expect(answer.body.sessions).toHaveLength(3);
  const [second, first] = answer.body.sessions;
  expect(first).toMatchObject({
    current: true,
    method: "password",
    network: "2001:db8:1:2::/64",
    agent: agent["user-agent"],
  });
  const life = Date.parse(first.expiresAt) - Date.parse(first.refreshedAt);
  expect(Math.abs(life - 30 * DAY_MS)).toBeLessThan(SECOND_MS);
  expect(second).toMatchObject({ current: false, network: "192.0.2.44", agent: "x".repeat(200) });
});

test("a device is listed by where it was last used, and one that is over is not listed", async () => {
  const { email, token } = await newCustomer();
  const { refreshToken } = await openProgram(email, { ip: "192.0.2.1" });
  const over = await openProgram(email);
  const mine = await currentOf(over.accessToken);
  await world.database.rows("update sessions set expires_at = now() - interval '1 second' where id = $1", [
    mine,
  ]);
  await call("refresh", { json: { refreshToken }, ip: "2001:db8:9::1", headers: { "user-agent": "moved" } });
  const [last, ...others] = await listOf(token);
  expect(last).toMatchObject({ network: "2001:db8:9:0::/64", agent: "moved", current: false });
  expect(others).toHaveLength(1);
});

test("204: one device is ended at once, its refresh token, too; the others live on", async () => {
  const { email, id, token } = await newCustomer();
  const lost = await openProgram(email);
  const lostId = await currentOf(lost.accessToken);
  expect((await endOne(token, lostId)).status).toBe(204);
  expect(log.last().trips).toEqual({ postgres: 1 });
  expect(await statusOfMe(lost.accessToken)).toBe(401);
  expect((await refresh(lost.refreshToken)).status).toBe(401);
  expect(await statusOfMe(token)).toBe(200);
  expect((await listOf(token)).map((each) => each.id)).not.toContain(lostId);
  expect((await endOne(token, lostId)).status).toBe(404);
  const audited = await world.database.rows(
    "select actor, detail from audit_log where account_id = $1 and act = 'session.ended'",
    [id],
  );
  expect(audited).toEqual([{ actor: id, detail: { session: lostId, because: "signed_out" } }]);
});

test("204: a device can end itself", async () => {
  const { token } = await newCustomer();
  expect((await endOne(token, await currentOf(token))).status).toBe(204);
  expect(await statusOfMe(token)).toBe(401);
});

test("204: every other device is ended, none of another account", async () => {
  const { email, token } = await newCustomer();
  const stranger = await newCustomer();
  const others = [await openProgram(email), await openProgram(email)];
  expect((await endOthers(token)).status).toBe(204);
  expect(log.last().trips).toEqual({ postgres: 1 });
  for (const { accessToken, refreshToken } of others) {
    expect(await statusOfMe(accessToken)).toBe(401);
    expect((await refresh(refreshToken)).status).toBe(401);
  }
  expect(await statusOfMe(token)).toBe(200);
  expect(await statusOfMe(stranger.token)).toBe(200);
  expect((await endOthers(token)).status).toBe(204);
});

test("404: another account's session, and one that never was, and neither is touched", async () => {
  const [one, two] = [await newCustomer(), await newCustomer()];
  const theirs = await currentOf(two.token);
  for (const id of [theirs, `ses_${"0".repeat(20)}`, "nonsense", "%00", "'; drop table sessions; --"]) {
    const answer = await endOne(one.token, encodeURIComponent(id));
    expect([answer.status, answer.body.code], id).toEqual([404, "not_found"]);
  }
  expect(await whyEnded(theirs)).toBe(null);
  expect(await statusOfMe(two.token)).toBe(200);
});

test("401: who has been ended can end nobody", async () => {
  const { email, token } = await newCustomer();
  const thief = await openProgram(email);
  const mine = await currentOf(token);
  await endOne(token, await currentOf(thief.accessToken));
  expect((await endOne(thief.accessToken, mine)).status).toBe(401);
  expect((await endOthers(thief.accessToken)).status).toBe(401);
  expect(await statusOfMe(token)).toBe(200);
});

test("each ends the other at once: nothing deadlocks, and whoever is ended is ended", async () => {
  for (let round = 0; round < 5; round += 1) {
    const { email, token } = await newCustomer();
    const other = await openProgram(email);
    await Promise.all([openProgram(email), openProgram(email)]);
    const answers = await Promise.all([endOthers(token), endOthers(other.accessToken)]);
    for (const { status } of answers) expect([204, 401]).toContain(status);
    const live = await world.database.rows(
      "select s.id from sessions s join accounts a on a.id = s.account_id where a.email = $1 and ended_at is null",
      [email],
    );
    expect(live.length).toBeLessThanOrEqual(1);
  }
});

test("an ended device stays ended while its refresh token is taken at the same time", async () => {
  const { email, token } = await newCustomer();
  for (let round = 0; round < 3; round += 1) {
    const thief = await openProgram(email);
    const id = await currentOf(thief.accessToken);
    const [, answer] = await Promise.all([endOne(token, id), refresh(thief.refreshToken)]);
    expect(await whyEnded(id)).toBe("signed_out");
    const next: string | undefined = answer.body.tokens?.accessToken;
    if (next !== undefined) expect(await statusOfMe(next)).toBe(401);
  }
});

test("signing out by bearer token ends the session in the database", async () => {
  const { email } = await newCustomer();
  const { accessToken, refreshToken } = await openProgram(email);
  const id = await currentOf(accessToken);
  expect((await call("logout", { json: {}, token: accessToken })).status).toBe(204);
  expect(log.last().trips).toEqual({ postgres: 1 });
  expect(await whyEnded(id)).toBe("signed_out");
  expect(await statusOfMe(accessToken)).toBe(401);
  expect((await refresh(refreshToken)).status).toBe(401);
  expect((await call("logout", { json: {}, token: accessToken })).status).toBe(204);
});

test.each([
  ["the session cookie", "cascade_session"],
  ["the refresh cookie alone", "cascade_refresh"],
])("signing out by %s ends the session in the database", async (_, name) => {
  const { email } = await newCustomer();
  const cookies = await openPage(email);
  const id = await currentOf(cookies["cascade_session"] ?? "");
  expect((await call("logout", { form: {}, headers: sending(cookies, name) })).status).toBe(303);
  expect(await whyEnded(id)).toBe("signed_out");
  expect((await call("me", { headers: sending(cookies, "cascade_session") })).status).toBe(401);
  expect((await call("me", { headers: sending(cookies, "cascade_refresh") })).status).toBe(401);
});

test("signing out by a refresh token that was used already ends its session", async () => {
  const { email } = await newCustomer();
  const { refreshToken } = await openProgram(email);
  const next = await refreshed(refreshToken);
  await call("logout", { json: {}, headers: { cookie: `cascade_refresh=${refreshToken}` } });
  expect(await statusOfMe(next.accessToken)).toBe(401);
});

test("signing out by a bearer token that is over: the session ends, or the answer is no success", async () => {
  const { email } = await newCustomer();
  const { accessToken } = await openProgram(email);
  const id = await currentOf(accessToken);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 16 * MINUTE_MS });
  const answer = await call("logout", { json: {}, token: accessToken });
  expect([answer.status < 300, await whyEnded(id)]).not.toEqual([true, null]);
});

test("signing in again is another session: no id and no token is taken over", async () => {
  const { email } = await newCustomer();
  const planted = await openPage(email);
  const cookies = await openPage(email, { headers: sending(planted) });
  const [before, after] = [planted, cookies].map((each) => each["cascade_session"] ?? "");
  expect(await currentOf(after ?? "")).not.toBe(await currentOf(before ?? ""));
  expect(cookies["cascade_refresh"]).not.toBe(planted["cascade_refresh"]);
});

test("503: signing out while the database is away keeps the cookies, for the session lives", async () => {
  const { email } = await newCustomer();
  const cookies = await openPage(email);
  world.gateway.faults.plan({ kind: "drop_before" });
  const answer = await call("logout", { json: {}, headers: sending(cookies) });
  expect(answer.status).toBe(503);
  expect(answer.headers.getSetCookie()).toEqual([]);
  expect((await call("me", { headers: sending(cookies) })).status).toBe(200);
});
