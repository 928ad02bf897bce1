/** The game's clock: 03:05, 11:05 and 19:05 in Rome, when the clocks change, too. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

test.each([
  ["2026-11-20T02:04:59Z", "2026-11-20T02:05:00Z"],
  ["2026-11-20T02:05:00Z", "2026-11-20T10:05:00Z"],
  ["2026-11-20T10:05:01Z", "2026-11-20T18:05:00Z"],
  ["2026-11-20T18:05:00Z", "2026-11-21T02:05:00Z"],
  ["2026-11-20T23:30:00Z", "2026-11-21T02:05:00Z"],
  ["2026-07-01T00:00:00Z", "2026-07-01T01:05:00Z"],
  // Summer time begins at 02:00 on 29 March 2026, and ends at 03:00 on 25 October.
  ["2026-03-28T18:06:00Z", "2026-03-29T01:05:00Z"],
  ["2026-10-24T17:06:00Z", "2026-10-25T02:05:00Z"],
])("after %s the game runs at %s", async (at, run) => {
  const [row] = await database.rows<{ run: Date }>("select venice_run_after($1) as run", [at]);
  expect(row?.run.toISOString()).toBe(new Date(run).toISOString());
});

test("a delivery is due an hour after the first run that it could be sent in for", async () => {
  const due = async (at: string) =>
    (await database.rows<{ due: Date }>("select delivery_due($1) as due", [at]))[0]?.due.toISOString();
  expect(await due("2026-11-20T09:30:00Z")).toBe("2026-11-20T11:05:00.000Z");
  expect(await due("2026-11-20T09:40:00Z")).toBe("2026-11-20T19:05:00.000Z");
});
