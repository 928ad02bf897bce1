/** Suggestions while a username is typed: by its beginning, then by what it contains, from the copy alone. */
import { beforeAll, describe, expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { useWorld } from "../../support/world.ts";

const world = useWorld();
const log = useLog();

const plant = (username: string, socialClass: string | null = "Popolani", inVenice = true) =>
  world.database.rows("insert into citizens values ($1, $2, $3, now())", [username, inVenice, socialClass]);

beforeAll(async () => {
  for (const name of [
    "Marco_Polo",
    "marcella",
    "MARCIANA",
    "SanMarco",
    "Under_score",
    "UnderXscore",
    "Half%Full",
  ])
    await plant(name);
  await plant("Marcantonio", null);
  await plant("MarcoAbroad", "Nobili", false);
  await plant("back\\slash");
  for (let index = 0; index < 12; index += 1) await plant(`gondola_${String(index).padStart(2, "0")}`);
});

const search = (q: string) => call("citizens", { tail: `?${new URLSearchParams({ q }).toString()}` });
const names = async (q: string) => {
  const { status, body } = await search(q);
  expect(status).toBe(200);
  return body.citizens.map(({ username }: { username: string }) => username);
};

test("whatever the case, those that begin so come first, then those that contain it; who isn't in Venice is left out", async () => {
  const found = ["Marcantonio", "marcella", "MARCIANA", "Marco_Polo", "SanMarco"];
  expect(await names("marc")).toEqual(found);
  expect(await names("MARC")).toEqual(found);
  expect(await names("  marc ")).toEqual(found);
  expect(await names("marco")).toEqual(["Marco_Polo", "SanMarco"]);
  expect(await names("nobody")).toEqual([]);
});

test("each with the class that Venice gives, or null", async () => {
  expect((await search("marca")).body).toEqual({
    citizens: [{ username: "Marcantonio", socialClass: null }],
  });
  expect((await search("sanm")).body).toEqual({
    citizens: [{ username: "SanMarco", socialClass: "Popolani" }],
  });
});

test("eight at most", async () => {
  expect(await names("gondola")).toHaveLength(8);
  expect(await names("ond")).toHaveLength(8);
  expect((await names("gondola"))[0]).toBe("gondola_00");
});

test.each([
  ["r_s", ["Under_score"]],
  ["f%", ["Half%Full"]],
  ["%%", []],
  ["__", []],
  ["k\\s", ["back\\slash"]],
  ["' or 1=1 --", []],
  ["\u{10ffff}\u{10ffff}", []],
])("%j is text, no pattern", async (q, expected) => {
  expect(await names(q)).toEqual(expected);
});

describe("refused with 422", () => {
  test.each([
    ["nothing", ""],
    ["an empty text", "?q="],
    ["one character", "?q=m"],
    ["one character and blanks", "?q=m%20%20"],
    ["more than a hundred characters", `?q=${"m".repeat(101)}`],
    ["NUL", "?q=mar%00"],
    ["something else beside it", "?q=marc&limit=1000"],
  ])("%s", async (_, tail) => {
    const { status, body } = await call("citizens", { tail });
    expect([status, body.code]).toEqual([422, "invalid_field"]);
    expect(log.last().trips).toEqual({});
  });

  test("a hundred characters are a question", async () => {
    expect(await names("m".repeat(100))).toEqual([]);
  });
});

test("one question of the limiter and one of the database; Venice isn't asked", async () => {
  await search("marc");
  expect(log.last().trips).toEqual({ redis: 1, postgres: 1 });
  expect(world.airtable.faults.seen).toEqual([]);
});

test("the beginning is found by its index, not by reading everybody", async () => {
  await world.database.rows(
    "insert into citizens select 'crowd' || n, true, null, now() from generate_series(1, 20000) n",
  );
  await world.database.rows("analyze citizens");
  const [{ body } = { body: "" }] = await world.database.rows<{ body: string }>(
    "select prosrc as body from pg_proc where proname = 'search_citizens'",
  );
  const asked = body.replaceAll("p_text", "$1::text").replaceAll("p_limit", "$2::int");
  await world.database.rows(`prepare search(text, int) as ${asked.trim()}`);
  await world.database.rows("set plan_cache_mode = force_generic_plan");
  const plan = await world.database.rows("explain execute search('crowd1999', 8)");
  expect(JSON.stringify(plan)).toContain("Index Cond");
  expect(JSON.stringify(plan)).toContain("citizens_by_beginning");
  expect(await names("crowd1999")).toHaveLength(8);
  await world.database.rows("delete from citizens where username like 'crowd%'");
});

test("no other method", async () => {
  const answer = await call("citizens", { method: "POST", json: {} });
  expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET"]);
});
