/** What the database itself holds of rates and prices, against its owner's own hand: bounds, steps, order, agreement. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packs } from "../../lib/catalog/packs.ts";
import { cents, microUsdPerDucat } from "../../lib/money.ts";
import { packPrice, quote } from "../../lib/purchase/quote.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

type Row = {
  readonly rate?: number;
  readonly kind?: string;
  readonly hour?: string | null;
  readonly at?: string;
  readonly previous?: number;
  readonly nth?: number;
  readonly reason?: string | null;
  readonly inputs?: boolean;
};

/** A row behind the opening one, right in all but what is given. Answers the constraint that refuses it. */
async function refusedBy(row: Row): Promise<string> {
  const { rate = 102_000, kind = "step", at = "2026-12-01T10:00:30Z", nth = 2, reason = null } = row;
  const { hour = "2026-12-01T10:00:00Z", previous = 100_000, inputs = true } = row;
  try {
    await database.rows(
      `insert into rates (nth, at, micro_usd_per_ducat, kind, hour, reason, who, previous_nth, previous_at,
         previous_micro_usd, level_milli, coherence_milli, inputs_at, target_micro_usd)
       values ($1::int, $2, $3, $4, $5, $6, 'system', $1::int - 1, '2026-11-01T00:00:00Z', $7, $8::int, $8::int, $9, $8::int)`,
      [nth, at, rate, kind, hour, reason, previous, inputs ? 5_000 : null, inputs ? at : null],
    );
  } catch (error) {
    return (error as { constraint?: string }).constraint ?? String(error);
  }
  throw new Error("it was taken");
}

describe("a rate", () => {
  test.each<[string, Row, string]>([
    ["a step of more than two per cent up", { rate: 102_001 }, "rates_step_is_small"],
    ["a step of more than two per cent down", { rate: 97_999 }, "rates_step_is_small"],
    ["above the most", { rate: 500_001, kind: "override", hour: null, reason: "x" }, "rates_within_bounds"],
    ["below the least", { rate: 49_999, kind: "override", hour: null, reason: "x" }, "rates_within_bounds"],
    ["one that claims another rate before it", { previous: 101_000 }, "rates_follow"],
    ["one that leaves a gap", { nth: 3 }, "rates_follow"],
    ["a second first one", { nth: 1 }, "rates_pkey"],
    [
      "one before the one before",
      { at: "2026-10-31T10:00:30Z", hour: "2026-10-31T10:00:00Z" },
      "rates_in_order",
    ],
    ["a held one that moves", { kind: "held", reason: "stale" }, "rates_held_is_still"],
    ["a release that moves", { kind: "release", hour: null }, "rates_held_is_still"],
    ["a step without its hour", { hour: null }, "rates_of_their_hour"],
    ["a step of another hour", { hour: "2026-12-01T09:00:00Z" }, "rates_of_their_hour"],
    ["a step of no full hour", { hour: "2026-12-01T10:00:15Z" }, "rates_of_their_hour"],
    ["an override in a step's place", { kind: "override", reason: "x" }, "rates_of_their_hour"],
    ["a step without inputs", { inputs: false }, "rates_explained"],
    ["a held one without a reason", { kind: "held", rate: 100_000 }, "rates_explained"],
    ["an override without a reason", { kind: "override", hour: null, reason: " " }, "rates_explained"],
  ])("%s is refused", async (_, row, constraint) => {
    expect(await refusedBy(row)).toBe(constraint);
  });

  test("the two per cent themselves are taken; a second step in the hour is not; nothing is changed or removed", async () => {
    const step = (nth: number, previous: number, rate: number, at: string) =>
      database.rows(
        `insert into rates (nth, at, micro_usd_per_ducat, kind, hour, who, previous_nth, previous_at, previous_micro_usd,
           level_milli, coherence_milli, inputs_at, target_micro_usd)
         select $1::int, $4::timestamptz, $3::bigint, 'step', date_trunc('hour', $4::timestamptz, 'UTC'), 'system', nth, at,
           $2::bigint, 1, 1, $4::timestamptz, 1 from rates where nth = $1::int - 1`,
        [nth, previous, rate, at],
      );
    await step(2, 100_000, 102_000, "2026-12-01T10:00:30Z");
    await expect(step(3, 102_000, 102_000, "2026-12-01T10:59:59Z")).rejects.toMatchObject({
      constraint: "rates_one_step_an_hour",
    });
    await step(3, 102_000, 99_960, "2026-12-01T11:00:00Z");
    for (const change of ["update rates set micro_usd_per_ducat = 1", "delete from rates", "truncate rates"])
      await expect(database.rows(change), change).rejects.toThrow();
  });
});

test("a price is the same in the database and in the program, at every rate", async () => {
  const rates = [50_000, 99_999, 100_000, 100_001, 123_457, 333_333, 499_999, 500_000];
  for (let rate = 50_000; rate <= 500_000; rate += 6_151) rates.push(rate);
  const amounts = [1_000, 1_001, 1_999, 33_333, 999_999, 1_000_000];
  const rows = await database.rows<{ rate: string; base: string; cents: string }>(
    `select rate, base, price_cents(base, rate) as cents from unnest($1::bigint[]) rate, unnest($2::bigint[]) base`,
    [rates, packs.map(({ baseMillis }) => String(baseMillis))],
  );
  expect(rows).toHaveLength(rates.length * packs.length);
  for (const { rate, base, cents: price } of rows) {
    const pack = packs.find(({ baseMillis }) => baseMillis === BigInt(base));
    expect(
      packPrice(
        pack?.baseMillis ?? quote({ pack: "starter" }, microUsdPerDucat(1n)).baseMillis,
        microUsdPerDucat(BigInt(rate)),
      ),
    ).toBe(BigInt(price));
  }
  const custom = await database.rows<{ rate: string; cents: string; millis: string }>(
    `select rate, cents, bought_millis(cents, rate) as millis from unnest($1::bigint[]) rate, unnest($2::bigint[]) cents`,
    [rates, amounts],
  );
  for (const { rate, cents: amount, millis } of custom)
    expect(quote({ amountCents: cents(BigInt(amount)) }, microUsdPerDucat(BigInt(rate))).baseMillis).toBe(
      BigInt(millis),
    );
});

describe("a purchase, whoever pins it", () => {
  beforeAll(async () => {
    await database.rows(
      `insert into accounts (id, email, password_hash, citizen, created_at)
       values ('acc_' || repeat('r', 20), 'rates@example.com', 'hash', 'RialtoBanker', now())`,
    );
  });

  const pin = (figures: {
    pack?: string | null;
    cents?: number;
    base?: number;
    rate?: number;
    at?: string;
  }) =>
    database.rows(
      `insert into purchases (id, account_id, citizen, deliver_to, idempotency_key, request_hash, pack, amount_cents, livemode,
         base_millis, bonus_millis, micro_usd_per_ducat, status, attempt, opened_at)
       values ('pur_' || substr(md5(random()::text), 1, 20), 'acc_' || repeat('r', 20), 'RialtoBanker', 'wallet',
         random()::text, '', $1, $2, false, $3, 0, $4, 'draft', 1, $5)`,
      [
        ...[
          figures.pack === undefined ? "starter" : figures.pack,
          figures.cents ?? 1_000,
          figures.base ?? 100_000,
        ],
        ...[figures.rate ?? 100_000, figures.at ?? "2026-11-20T00:00:00Z"],
      ],
    );

  test.each([
    ["a pack for less than its price", { cents: 999 }],
    ["a pack for more", { cents: 1_001 }],
    ["more ducats than a custom amount buys", { pack: null, base: 100_001 }],
    ["fewer", { pack: null, base: 99_999 }],
  ])("%s is refused", async (_, figures) => {
    await expect(pin(figures)).rejects.toMatchObject({ constraint: "purchases_price_at_rate" });
  });

  test("a rate that never was, and one that was in force more than 20 minutes ago, are refused", async () => {
    await expect(pin({ rate: 50_000, cents: 500 })).rejects.toMatchObject({
      constraint: "purchases_rate_in_force",
    });
    // By the test above: 102,000 from 10:00:30 until 11:00:00.
    const at = (time: string) => pin({ rate: 102_000, cents: 1_020, at: `2026-12-01T${time}Z` });
    await expect(at("10:00:29")).rejects.toMatchObject({ constraint: "purchases_rate_in_force" });
    await at("10:00:30");
    await at("11:19:59");
    await expect(at("11:20:01")).rejects.toMatchObject({ constraint: "purchases_rate_in_force" });
  });
});
