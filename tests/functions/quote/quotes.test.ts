/** A quote: what an order costs and gives at the rate of the moment, signed; nothing is stored and nobody else asked. */
import { decodeJwt, decodeProtectedHeader } from "jose";
import { expect, test } from "vitest";
import { MINUTE_MS } from "../../../lib/clock.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { usePromotions } from "../../support/promoting.ts";
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
    ...{ discountCents: 0, limitReached: null },
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

test("with a promotion code: the discount off, for one look at Stripe and one count more; signed", async () => {
  const customer = await newCustomer();
  const { code, id } = await usePromotions(world).offer();
  const { body } = await quote(customer.token, { pack: "explorer", promotionCode: code.toLowerCase() });
  expect(log.last().trips).toEqual({ redis: 1, postgres: 1, stripe: 1 });
  expect(body).toMatchObject({
    amountCents: 4_500,
    discountCents: 500,
    totalMillis: 525_000,
    limitReached: null,
  });
  expect(decodeJwt(body.quote)).toMatchObject({
    amountCents: 4_500,
    discount: { promotionCode: id, discountCents: 500, firstPurchaseOnly: false },
  });
  expect(await world.database.rows("select from purchases")).toEqual([]);
});

test.each([
  ["Stripe", 503, "payments_unavailable"],
  ["Redis", 503, "limiter_unavailable"],
] as const)("with a code and without %s: 503; without the code as ever", async (away, status, code) => {
  const customer = await newCustomer();
  const { faults } = away === "Stripe" ? world.stripe : world.upstash;
  faults.plan({ kind: "status", times: 5 });
  const refused = await quote(customer.token, { pack: "explorer", promotionCode: "VENICE10" });
  expect([refused.status, refused.body.code]).toEqual([status, code]);
  expect((await quote(customer.token, { pack: "explorer" })).status).toBe(200);
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
