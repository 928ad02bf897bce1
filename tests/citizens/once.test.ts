/** What is queued is written in Venice once: through refusals, lost answers and workers that die; rather never than twice. */
import { beforeEach, describe, expect, test } from "vitest";
import { DAY_MS, SECOND_MS } from "../../lib/clock.ts";
import { call } from "../support/call.ts";
import { advance, Died, minutes } from "../support/delivering.ts";
import { useLog } from "../support/log.ts";
import { useWorld } from "../support/world.ts";
import { useNotices } from "./noticing.ts";

const world = useWorld();
const log = useLog();
const { clock, queue, row, told, notify, dieWhileNotifying } = useNotices(world);

const nothing = { sent: 0, postponed: 0, unsure: 0 };
const asked = () => world.airtable.faults.seen.map(({ method }) => method);
/** Cut off on the way there, or on the way back: it looks the same from here. */
const lost = (kind: "drop_before" | "drop_after") => {
  world.airtable.faults.plan({ kind, method: "POST", path: "NOTIFICATIONS" });
};

test("ten a write, fifty a run; the next goes on", async () => {
  const objects = [];
  for (let index = 0; index < 55; index += 1) objects.push(await queue());
  expect(await notify()).toEqual({ ...nothing, sent: 50 });
  expect(asked()).toEqual(["POST", "POST", "POST", "POST", "POST"]);
  expect(await notify()).toEqual({ ...nothing, sent: 5 });
  expect(await notify()).toEqual(nothing);
  for (const object of objects) expect(told(object)).toHaveLength(1);
});

test("five workers at once: each is written once", async () => {
  const objects = [];
  for (let index = 0; index < 35; index += 1) objects.push(await queue());
  const reports = await Promise.all(Array.from({ length: 5 }, notify));
  expect(reports.reduce((sum, { sent }) => sum + sent, 0)).toBe(35);
  for (const object of objects) expect(told(object)).toHaveLength(1);
});

describe("a worker dies", () => {
  test.each([
    ["after it claimed", { step: 1, side: "after" }, 0],
    ["before it wrote", { step: 2, side: "before" }, 0],
    ["after it wrote", { step: 2, side: "after" }, 1],
    ["before it said so", { step: 3, side: "before" }, 1],
    ["after it said so", { step: 3, side: "after" }, 1],
  ] as const)("%s: once in Venice, when the lease is over", async (_, death, already) => {
    const object = await queue();
    await expect(dieWhileNotifying(death)).rejects.toThrow(Died);
    expect(told(object)).toHaveLength(already);
    advance(clock, 119 * SECOND_MS);
    expect(await notify()).toEqual(nothing);
    advance(clock, SECOND_MS);
    await notify();
    expect(told(object)).toHaveLength(1);
    expect(await row(object)).toMatchObject({ state: "sent" });
    advance(clock, minutes(60));
    expect(await notify()).toEqual(nothing);
  });

  test("one that wakes up after its lease is not believed", async () => {
    const object = await queue();
    const claim = () =>
      world.database.rows<{ id: string; lease_token: string }>(
        "select * from claim_notices($1, 10, '2 minutes', '1 day')",
        [clock.now],
      );
    const [slow] = await claim();
    expect(await claim()).toEqual([]);
    advance(clock, minutes(2));
    await claim();
    const late = {
      id: slow?.id,
      token: slow?.lease_token,
      state: "sent",
      clear: true,
      next: clock.now,
      error: null,
    };
    await world.database.rows("select notices_ended($1, $2)", [clock.now, JSON.stringify([late])]);
    expect(await row(object)).toMatchObject({ state: "queued", tries: 2, doubts: 2 });
  });
});

describe("nobody knows whether it was written", () => {
  test("it was: found by its Notes, not written again", async () => {
    const object = await queue();
    lost("drop_after");
    expect(await notify()).toEqual({ ...nothing, postponed: 1 });
    expect(await row(object)).toMatchObject({ state: "queued", tries: 1, doubts: 1 });
    advance(clock, minutes(1));
    expect(await notify()).toEqual(nothing);
    advance(clock, minutes(1));
    world.airtable.faults.forget();
    expect(await notify()).toEqual({ ...nothing, sent: 1 });
    expect(asked()).toEqual(["GET"]);
    expect(told(object)).toHaveLength(1);
  });

  test("it was not: looked for, then written", async () => {
    const object = await queue();
    lost("drop_before");
    await notify();
    advance(clock, minutes(2));
    world.airtable.faults.forget();
    expect(await notify()).toEqual({ ...nothing, sent: 1 });
    expect(asked()).toEqual(["GET", "POST"]);
    expect(told(object)).toHaveLength(1);
  });

  test("an answer of 500 says as little", async () => {
    const object = await queue();
    world.airtable.faults.plan({ kind: "status_after", status: 500, path: "NOTIFICATIONS" });
    await notify();
    advance(clock, minutes(2));
    expect(await notify()).toEqual({ ...nothing, sent: 1 });
    expect(told(object)).toHaveLength(1);
  });

  test("for the second time, and it is not there: given up rather than there twice", async () => {
    const object = await queue();
    lost("drop_before");
    await notify();
    advance(clock, minutes(2));
    lost("drop_before");
    expect(await notify()).toEqual({ ...nothing, postponed: 1 });
    advance(clock, minutes(4));
    world.airtable.faults.forget();
    expect(await notify()).toEqual({ ...nothing, unsure: 1 });
    expect(asked()).toEqual(["GET"]);
    expect(told(object)).toEqual([]);
    expect(await row(object)).toMatchObject({
      state: "given_up",
      last_error: "written or not, twice nobody could say",
    });
  });

  test("for the second time, and it is there: sent", async () => {
    const object = await queue();
    lost("drop_before");
    await notify();
    advance(clock, minutes(2));
    lost("drop_after");
    await notify();
    advance(clock, minutes(4));
    expect(await notify()).toEqual({ ...nothing, sent: 1 });
    expect(told(object)).toHaveLength(1);
  });

  test("it can't even be looked for: nothing is written, and the doubt is the same as before", async () => {
    const object = await queue();
    lost("drop_after");
    await notify();
    for (const pause of [2, 4, 8]) {
      advance(clock, minutes(pause));
      world.airtable.faults.plan({ kind: "status", status: 503, method: "GET", path: "NOTIFICATIONS" });
      expect(await notify()).toEqual({ ...nothing, postponed: 1 });
      expect(await row(object)).toMatchObject({ state: "queued", doubts: 1 });
    }
    advance(clock, minutes(16));
    expect(await notify()).toEqual({ ...nothing, sent: 1 });
    expect(told(object)).toHaveLength(1);
  });

  test("in one batch with others that are new: the one is looked for, the others are written", async () => {
    const doubted = await queue();
    lost("drop_after");
    await notify();
    advance(clock, minutes(2));
    const fresh = await queue("returned");
    expect(await notify()).toEqual({ ...nothing, sent: 2 });
    for (const object of [doubted, fresh]) expect(told(object)).toHaveLength(1);
  });
});

describe("Airtable has certainly written nothing", () => {
  test.each([
    ["has had enough", { status: 429 }, /Airtable answered 429/],
    ["refuses a field", { status: 422 }, /Airtable answered 422/],
    ["refuses our token", { status: 403 }, /Airtable answered 403/],
  ])("it %s: written later, without a look", async (_, fault, reason) => {
    const object = await queue();
    world.airtable.faults.plan({ kind: "status", path: "NOTIFICATIONS", ...fault });
    expect(await notify()).toEqual({ ...nothing, postponed: 1 });
    expect(await row(object)).toMatchObject({
      ...{ state: "queued", tries: 1, doubts: 0 },
      last_error: expect.stringMatching(reason),
    });
    advance(clock, minutes(2));
    // A refusal for too many requests keeps everybody waiting for half a minute.
    await world.upstash.clear();
    world.airtable.faults.forget();
    expect(await notify()).toEqual({ ...nothing, sent: 1 });
    expect(asked()).toEqual(["POST"]);
  });

  test("for a day: given up, whatever becomes of Airtable then", async () => {
    const object = await queue();
    world.airtable.faults.plan({ kind: "status", status: 403, path: "NOTIFICATIONS", times: 1_000 });
    for (let elapsed = 0; elapsed <= DAY_MS; elapsed += minutes(60)) {
      await notify();
      advance(clock, minutes(60));
    }
    world.airtable.faults.clear();
    expect(await notify()).toEqual(nothing);
    expect(await row(object)).toMatchObject({ state: "given_up", tries: 25 });
    expect(told(object)).toEqual([]);
  });

  test("Redis is away: written by Postgres' word on our share, or later, once", async () => {
    const object = await queue();
    world.upstash.faults.plan({ kind: "drop_before", times: 100 });
    await notify();
    world.upstash.faults.clear();
    advance(clock, minutes(2));
    await notify();
    expect(told(object)).toHaveLength(1);
  });
});

describe("the function", () => {
  const fire = () => call("notify-citizens", { method: "POST" });
  // Its clock is the system's.
  beforeEach(() => {
    clock.now = new Date();
  });

  test("nothing to tell: one round trip", async () => {
    expect((await fire()).body).toEqual(nothing);
    expect(log.last()).toMatchObject({ trips: { postgres: 1 }, sent: 0 });
  });

  test("ten cost a claim, a write and its end; the log names nobody", async () => {
    for (let index = 0; index < 9; index += 1) await queue();
    expect((await fire()).body).toEqual({ ...nothing, sent: 9 });
    expect(log.last()).toMatchObject({ trips: { postgres: 2, venice: 1 }, sent: 9 });
    expect(log.text()).not.toContain("RialtoBanker");
  });

  test("the database is away: 503, and nothing is written", async () => {
    const object = await queue();
    world.gateway.faults.plan({ kind: "drop_before" });
    expect((await fire()).body.code).toBe("database_unavailable");
    expect(told(object)).toEqual([]);
  });
});
