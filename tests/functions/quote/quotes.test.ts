/** A quote: what an order costs and gives at the rate of the moment, signed; nothing is stored and nobody else asked. */
import { decodeJwt, decodeProtectedHeader } from "jose";
import { expect, test } from "vitest";
import { MINUTE_MS } from "../../../lib/clock.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { setRate } from "../../support/rating.ts";
import { newCustomer, useWorld } from "../../support/world.ts";

const world = useWorld();
const log = useLog();

const quote = (token: string, json: object) => call("quote", { json, token });

test("a pack at the rate of now, for a quarter of an hour, in one round trip", async () => {
  const customer = await newCustomer();
  const answer = await quote(customer.token, { pack: "explorer" });
  expect(log.last().trips).toEqual({ postgres: 1 });
  const { quote: token, expiresAt, expiresInSeconds, ...rest } = answer.body;
  expect(rest).toEqual({
    ...{ citizen: customer.citizen, deliverTo: "venice", amountCents: 5_000, debtMillis: 0 },
    ...{ baseMillis: 500_000, bonusMillis: 25_000, totalMillis: 525_000 },
    rate: { microUsdPerDucat: 100_000, asOf: "2026-11-01T00:00:00.000Z" },
  });
  const left = Date.parse(expiresAt) - Date.now();
  expect(left).toBeGreaterThan(14 * MINUTE_MS);
  expect(left).toBeLessThanOrEqual(15 * MINUTE_MS);
  expect([899, 900]).toContain(expiresInSeconds);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  const claims = decodeJwt(token);
  expect(claims).toMatchObject({ aud: "cascade-quote", sub: customer.id, exp: Date.parse(expiresAt) / 1000 });
  expect(claims.jti).toMatch(/^quo_[0-9a-z]{20}$/);
  expect(decodeProtectedHeader(token).alg).toBe("HS256");
  expect(await world.database.rows("select from purchases")).toEqual([]);
});

test("a custom amount: the ducats follow from the rate, rounded down", async () => {
  const customer = await newCustomer();
  await setRate(world, 123_457);
  const { body } = await quote(customer.token, { amountCents: 1_001, deliverTo: "wallet" });
  expect(body).toMatchObject({
    ...{ amountCents: 1_001, baseMillis: 81_080, bonusMillis: 0, totalMillis: 81_080, deliverTo: "wallet" },
    rate: { microUsdPerDucat: 123_457 },
  });
  const pack = (await quote(customer.token, { pack: "starter" })).body;
  expect([pack.amountCents, pack.baseMillis]).toEqual([1_235, 100_000]);
  const shown = (await call("packs")).body;
  expect(shown.packs[0].usdCents).toBe(1_235);
  await setRate(world, 100_000);
});

test("each quote is its own", async () => {
  const customer = await newCustomer();
  const [one, two] = [
    await quote(customer.token, { pack: "starter" }),
    await quote(customer.token, { pack: "starter" }),
  ];
  expect(decodeJwt(one.body.quote).jti).not.toBe(decodeJwt(two.body.quote).jti);
});

test.each([
  [{}, "pack"],
  [{ pack: "doge" }, "pack"],
  [{ pack: "starter", amountCents: 1_000 }, "pack"],
  [{ amountCents: 999 }, "amountCents"],
  [{ amountCents: 1_000_001 }, "amountCents"],
  [{ pack: "starter", deliverTo: "florence" }, "deliverTo"],
  [{ pack: "starter", citizen: "Other" }, "citizen"],
  [{ pack: "starter", rate: 1 }, "rate"],
])("%j is refused by its field", async (json, field) => {
  const customer = await newCustomer();
  const answer = await quote(customer.token, json);
  expect([answer.status, answer.body.code, answer.body.field]).toEqual([422, "invalid_field", field]);
});

test("the database away: 503", async () => {
  const customer = await newCustomer();
  world.gateway.faults.plan({ kind: "drop_before" });
  expect((await quote(customer.token, { pack: "starter" })).status).toBe(503);
});
