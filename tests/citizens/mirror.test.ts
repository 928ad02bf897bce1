/** The copy of Venice's citizens: whole walks change it, broken ones take nothing away. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../lib/clock.ts";
import { refreshCitizens } from "../../lib/citizens/mirror.ts";
import { call } from "../support/call.ts";
import { advance, type TestClock } from "../support/delivering.ts";
import { useLog } from "../support/log.ts";
import { appAt, useWorld } from "../support/world.ts";

const world = useWorld();
const log = useLog();
const clock: TestClock = { now: new Date() };

/** The stand-in's own, the processor and the one who is away among them. */
const residents = 13;
const crowd = 237;

beforeEach(async () => {
  await world.database.rows("truncate citizens, citizens_walk");
  for (const { id } of world.airtable.list("CITIZENS").slice(residents))
    world.airtable.remove("CITIZENS", id);
  for (let index = 0; index < crowd; index += 1)
    world.airtable.addCitizen({ Username: `crowd${index}`, InVenice: true, SocialClass: "Popolani" });
});
afterEach(() => {
  vi.restoreAllMocks();
});

const refresh = () => refreshCitizens(appAt(clock));
const pagesRead = () => world.airtable.faults.seen.length;
const mirrored = async () =>
  (await world.database.rows<{ username: string }>("select username from citizens order by username")).map(
    ({ username }) => username,
  );
const found = async (q: string): Promise<string[]> =>
  (await call("citizens", { tail: `?q=${q}` })).body.citizens.map(
    ({ username }: { username: string }) => username,
  );
const remove = (username: string) => {
  world.airtable.remove("CITIZENS", world.airtable.citizen(username)?.id ?? "");
};

test("three pages in one run: everybody but our own processor; found by what is typed", async () => {
  expect(await refresh()).toEqual({ pages: 3, citizens: 249, walk: "complete", stopped: null });
  expect(await mirrored()).toHaveLength(249);
  expect(await found("rialto")).toEqual(["RialtoBanker"]);
  expect(await found("bepi")).toEqual(["Bepi_Dall'Oro"]);
  expect(await found("cascade")).toEqual([]);
  // Away from Venice: known, not suggested.
  expect(await mirrored()).toContain("VerdigrisNina");
  expect(await found("verdigris")).toEqual([]);
});

test("what it costs: a page is one request and one statement", async () => {
  const answer = await call("refresh-citizens", { method: "POST" });
  expect(answer.body).toEqual({ pages: 3, citizens: 249, walk: "complete", stopped: null });
  expect(log.last()).toMatchObject({ trips: { postgres: 4, venice: 3 }, walk: "complete" });
});

test("an hour long it is fresh: nobody is asked", async () => {
  await refresh();
  world.airtable.faults.forget();
  advance(clock, 54 * MINUTE_MS);
  expect(await refresh()).toEqual({ pages: 0, citizens: 0, walk: "fresh", stopped: null });
  expect(pagesRead()).toBe(0);
  advance(clock, MINUTE_MS);
  expect((await refresh()).walk).toBe("complete");
});

test("who has left disappears with the next whole walk, who has come or changed is seen", async () => {
  await refresh();
  remove("crowd7");
  world.airtable.addCitizen({ Username: "Newcomer", InVenice: true });
  world.airtable.forge("CITIZENS", world.airtable.citizen("crowd8")?.id ?? "", { InVenice: false });
  advance(clock, HOUR_MS);
  await refresh();
  expect(await mirrored()).not.toContain("crowd7");
  expect(await found("newcomer")).toEqual(["Newcomer"]);
  expect(await found("crowd8")).not.toContain("crowd8");
});

describe("a walk that is cut short", () => {
  test.each([
    ["answers 500", { kind: "status", status: 500 }],
    ["has had enough", { kind: "status", status: 429 }],
    ["is gone", { kind: "drop_before" }],
    ["drops the answer", { kind: "drop_after" }],
  ] as const)(
    "in the middle Airtable %s: nobody goes, and the next run goes on from there",
    async (_, fault) => {
      await refresh();
      remove("crowd200");
      advance(clock, HOUR_MS);
      world.airtable.faults.plan({ ...fault, skip: 1 });
      expect(await refresh()).toEqual({
        ...{ pages: 1, citizens: 99, walk: "kept" },
        stopped: expect.any(String),
      });
      expect(await found("crowd200")).toEqual(["crowd200"]);
      expect((await refresh()).walk).toBe("busy");
      // A refusal for too many requests keeps everybody waiting for half a minute.
      await world.upstash.clear();
      world.airtable.faults.forget();
      advance(clock, 90 * SECOND_MS);
      expect(await refresh()).toMatchObject({ pages: 2, walk: "complete" });
      expect(pagesRead()).toBe(2);
      expect(await found("crowd200")).toEqual([]);
    },
  );

  test("the time is up: the next run goes on from there", async () => {
    const real = performance.now.bind(performance);
    let skewMs = 0;
    vi.spyOn(performance, "now").mockImplementation(() => real() + skewMs);
    const app = appAt(clock);
    const slow = {
      ...app.town,
      citizens: async (page: string | null) => {
        skewMs += 9 * SECOND_MS;
        return await app.town.citizens(page);
      },
    };
    expect(await refreshCitizens({ ...app, town: slow })).toMatchObject({
      pages: 2,
      walk: "kept",
      stopped: null,
    });
    advance(clock, 5 * MINUTE_MS);
    expect(await refresh()).toMatchObject({ pages: 1, walk: "complete" });
    expect(await mirrored()).toHaveLength(249);
  });

  test("Airtable has forgotten where it stood: it begins anew, and who left meanwhile goes", async () => {
    await refresh();
    remove("crowd3");
    await world.database.rows("update citizens_walk set next_page = 'itrForgotten/recForgotten'");
    advance(clock, 5 * MINUTE_MS);
    expect(await refresh()).toMatchObject({ pages: 3, walk: "complete" });
    expect(await mirrored()).not.toContain("crowd3");
  });

  test("Airtable refuses us: an error, not a forgotten place; the copy stays", async () => {
    await refresh();
    advance(clock, HOUR_MS);
    world.airtable.faults.plan({ kind: "status", status: 403, times: 5 });
    await expect(refresh()).rejects.toThrow(/Airtable answered 403/);
    expect(pagesRead()).toBe(4);
    expect(await mirrored()).toHaveLength(249);
  });
});

describe("what is never believed", () => {
  async function emptyVenice(): Promise<void> {
    await refresh();
    advance(clock, HOUR_MS);
    for (const { id } of world.airtable.list("CITIZENS").slice(residents))
      world.airtable.remove("CITIZENS", id);
  }
  /** The stand-in's own people lose their names; they get them back afterwards. */
  const nameless = (names: boolean) => {
    for (const { id, fields } of world.airtable.list("CITIZENS"))
      world.airtable.forge("CITIZENS", id, { Username: names ? fields["CitizenId"] : null });
  };

  test("a Venice without citizens: the copy stays, and is read anew at the next run", async () => {
    await emptyVenice();
    nameless(false);
    try {
      expect(await refresh()).toMatchObject({ pages: 1, citizens: 0, walk: "unbelieved" });
      expect(await mirrored()).toHaveLength(249);
      expect(await found("rialto")).toEqual(["RialtoBanker"]);
    } finally {
      nameless(true);
    }
    advance(clock, MINUTE_MS);
    expect(await refresh()).toMatchObject({ walk: "complete", citizens: 12 });
  });

  test("citizens without a name, with one that sign-up refuses, twice the same: the rest is read", async () => {
    const hostile = ["two\nlines", " blank", "nul\0", "\ud800half", "turn\u202ened", "x".repeat(101)];
    for (const Username of [...hostile, "Twin", "Twin"])
      world.airtable.addCitizen({ Username, InVenice: true });
    const app = appAt(clock);
    expect((await refreshCitizens(app)).walk).toBe("complete");
    const all = await mirrored();
    expect(all.filter((name) => name === "Twin")).toHaveLength(1);
    expect(all).toHaveLength(250);
  });
});

describe("several at once", () => {
  test("one walks, the others leave it to him", async () => {
    const reports = await Promise.all(Array.from({ length: 5 }, refresh));
    expect(reports.filter(({ walk }) => walk === "complete")).toHaveLength(1);
    expect(reports.filter(({ pages }) => pages === 0)).toHaveLength(4);
    expect(pagesRead()).toBe(3);
    expect(await mirrored()).toHaveLength(249);
  });

  test("one that wakes up after its lease changes nothing any more", async () => {
    const begin = () =>
      world.database.rows<{ begun: { token: number } }>(
        "select begin_citizens_walk($1, '90 seconds', '55 minutes') as begun",
        [clock.now],
      );
    const [slow] = await begin();
    advance(clock, 90 * SECOND_MS);
    await refresh();
    const [saved] = await world.database.rows("select save_citizens($1, $2, true, '[]', null) as walk", [
      clock.now,
      slow?.begun.token,
    ]);
    expect(saved).toEqual({ walk: "stale" });
    expect(await mirrored()).toHaveLength(249);
  });
});
