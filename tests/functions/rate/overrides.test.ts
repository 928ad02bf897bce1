/** An admin's hand on the rate: at once, within the bounds, with a reason, until a time or a release, and written down. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { HOUR_MS, later, MINUTE_MS } from "../../../lib/clock.ts";
import { call, type Called } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { nextHour, rateRows, setTown, step } from "../../support/rating.ts";
import { plantPerson, plantSession, type Person } from "../../authorisation/people.ts";
import { useWorld } from "../../support/world.ts";

const world = useWorld();
const log = useLog();

let now = Date.UTC(2026, 11, 1);
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now });
  nextHour();
});
afterEach(() => {
  now = Date.now();
  vi.useRealTimers();
});

async function newAdmin(): Promise<Person> {
  const admin = await plantPerson(world, { role: "admin" });
  // Planted by the database's clock, which the test doesn't move.
  await world.database.rows("update sessions set expires_at = 'infinity'");
  return admin;
}

function override(by: Person, json: object): Promise<Called> {
  return call("rate", {
    json: { microUsdPerDucat: 150_000, reason: "a fair", ...json },
    token: by.session.token,
  });
}

const release = (by: Person, token = by.session.token) => call("rate", { method: "DELETE", token });

const audited = ({ id }: Person) =>
  world.database.rows<{ act: string; detail: object }>(
    "select act, actor, detail from audit_log where actor = $1 and act like 'rate.%' order by id",
    [id],
  );

test("it is in force at once, far beyond two per cent; steps hold until it ends; then they go on from there", async () => {
  const admin = await newAdmin();
  const until = later(new Date(), 90 * MINUTE_MS).toISOString();
  expect((await override(admin, { until })).status).toBe(204);
  expect(log.last().trips).toEqual({ postgres: 1 });
  expect((await call("rate")).body).toMatchObject({
    microUsdPerDucat: 150_000,
    held: "override",
    holdsUntil: until,
  });
  expect((await call("packs")).body).toMatchObject({ rate: { microUsdPerDucat: 150_000 } });
  expect((await call("packs")).body.packs[0].usdCents).toBe(1_500);
  await setTown(world);
  expect(await step()).toEqual({ step: "held", microUsdPerDucat: 150_000, because: "override" });
  nextHour();
  await setTown(world);
  expect((await step()).because).toBe("override");
  nextHour();
  await setTown(world);
  expect(await step()).toEqual({ step: "stepped", microUsdPerDucat: 147_000, because: null });
  expect(await audited(admin)).toEqual([
    {
      act: "rate.overridden",
      actor: admin.id,
      detail: { from: 100_000, to: 150_000, until, reason: "a fair" },
    },
  ]);
});

test("without an end it holds until it is released; released again, nothing is written", async () => {
  const admin = await newAdmin();
  await override(admin, { microUsdPerDucat: 50_000 });
  for (let hour = 0; hour < 3; hour += 1) {
    nextHour();
    await setTown(world);
    expect((await step()).because).toBe("override");
  }
  // The first token is over by now.
  const { token } = await plantSession(world, admin.id);
  expect((await release(admin, token)).status).toBe(204);
  const { length } = await rateRows(world);
  expect((await release(admin, token)).status).toBe(204);
  expect(await rateRows(world)).toHaveLength(length);
  expect((await call("rate")).body).toMatchObject({ microUsdPerDucat: 50_000, holdsUntil: null });
  expect((await audited(admin)).map(({ act }) => act)).toEqual(["rate.overridden", "rate.released"]);
  nextHour();
  await setTown(world);
  expect(await step()).toMatchObject({ step: "stepped", microUsdPerDucat: 51_000 });
});

test("ten overrides and ten steps at once: every one written in one order, one step in the hour", async () => {
  const admin = await newAdmin();
  await setTown(world);
  const before = await rateRows(world);
  const rates = Array.from({ length: 10 }, (_, index) => 100_000 + index);
  const answers = await Promise.all([
    ...rates.map((microUsdPerDucat) => override(admin, { microUsdPerDucat })),
    ...Array.from({ length: 10 }, () => call("update-rate", { json: {} })),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([
    ...Array<number>(10).fill(204),
    ...Array<number>(10).fill(200),
  ]);
  const added = (await rateRows(world)).slice(before.length);
  expect(
    added
      .filter(({ kind }) => kind === "override")
      .map(({ rate }) => rate)
      .sort(),
  ).toEqual(rates);
  expect(added.filter(({ kind }) => kind !== "override")).toHaveLength(1);
  expect(await audited(admin)).toHaveLength(10);
  await release(admin);
});

test.each([
  [{ microUsdPerDucat: 49_999 }, "microUsdPerDucat"],
  [{ microUsdPerDucat: 500_001 }, "microUsdPerDucat"],
  [{ microUsdPerDucat: 100_000.5 }, "microUsdPerDucat"],
  [{ microUsdPerDucat: "100000" }, "microUsdPerDucat"],
  [{ reason: "" }, "reason"],
  [{ reason: "  " }, "reason"],
  [{ reason: "x".repeat(501) }, "reason"],
  [{ reason: "a\0b" }, "reason"],
  [{ until: "tomorrow" }, "until"],
  [{ until: "2020-01-01T00:00:00Z" }, "until"],
  [{ who: "me" }, "who"],
])("%j is refused by its field, and nothing moves", async (json, field) => {
  const admin = await newAdmin();
  const before = await rateRows(world);
  const answer = await override(admin, json);
  expect([answer.status, answer.body.code, answer.body.field]).toEqual([422, "invalid_field", field]);
  expect(await rateRows(world)).toEqual(before);
  expect(await audited(admin)).toEqual([]);
});

test("health says that the rate is set by hand", async () => {
  const admin = await newAdmin();
  await override(admin, { until: later(new Date(), HOUR_MS).toISOString() });
  expect((await call("health")).body.warnings).toContain("the rate is held: an admin has set it");
  await release(admin);
});
