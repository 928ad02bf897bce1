/** A watch tells nobody whether an e-mail is known: 200 interleaved tries of each kind, compared as distributions. */
import { expect, test } from "vitest";
import { useLog } from "../support/log.ts";
import { newCustomer, useWorld, type World } from "../support/world.ts";
import { compare, median } from "./mann-whitney.ts";
import { address, ms, report, timed } from "./stopwatch.ts";

const tries = 200;
const warmUps = 20;

const world = useWorld();
useLog();

/** Every try from a network of its own, to e-mails that nobody has tried before: no limit and no lock is met. */
async function seeded({ database }: World, kind: string, count: number): Promise<string[]> {
  const { email } = await newCustomer();
  const emails = Array.from({ length: count }, (_, index) => `${kind}${index}@example.com`);
  await database.rows(
    `with template as (select * from accounts where email = $1), made as (
       insert into accounts (id, email, password_hash, citizen, created_at, email_verified_at)
       select 'acc_' || substr(md5(e), 1, 20), e, password_hash, citizen, created_at, email_verified_at
       from template, unnest($2::text[]) e returning id)
     insert into balances (account_id) select id from made`,
    [email, emails],
  );
  await database.rows("analyze accounts");
  return emails;
}

/** Known and unknown by turns, the first of each pair by chance: a machine that slows down slows both. */
async function measure(name: string, known: readonly string[], json: (email: string) => object) {
  const samples: { known: number[]; unknown: number[] } = { known: [], unknown: [] };
  const statuses = new Set<number>();
  for (const [index, email] of known.entries()) {
    const pair = [
      ["known", email],
      ["unknown", `un${email}`],
    ] as const;
    for (const [kind, each] of Math.random() < 0.5 ? pair : pair.toReversed()) {
      const { taken, status } = await timed(name, { json: json(each), ip: address() });
      statuses.add(status);
      if (index >= warmUps) samples[kind].push(taken);
    }
  }
  return { ...samples, statuses: [...statuses] };
}

test.each([
  ["login", 401, (email: string) => ({ email, password: "wrong horse battery" })],
  ["password-reset", 202, (email: string) => ({ email })],
] as const)("%s: known and unknown e-mails take equally long", async (name, status, json) => {
  // Chance alone is below 0.01 once in a hundred times, twice in a row once in ten thousand; a leak is each time.
  const ps: number[] = [];
  while (ps.length < 2 && (ps.at(-1) ?? 0) < 0.01) {
    const emails = await seeded(world, `${name}${ps.length}x`, tries + warmUps);
    const { known, unknown, statuses } = await measure(name, emails, json);
    expect(statuses).toEqual([status]);
    expect([known.length, unknown.length]).toEqual([tries, tries]);
    const { p, medians } = compare(known, unknown);
    report(`${name}: median known ${ms(medians[0])}, unknown ${ms(medians[1])}, p = ${p.toFixed(3)}`);
    ps.push(p);
  }
  expect(ps.at(-1)).toBeGreaterThan(0.01);
});

test("the comparison sees a difference of half the spread, and none where there is none", () => {
  const noise = (shift: number) =>
    Array.from(
      { length: tries },
      () => shift + Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(6.2832 * Math.random()),
    );
  expect(compare(noise(0), noise(0.6)).p).toBeLessThan(0.01);
  const sames = Array.from({ length: 50 }, () => compare(noise(0), noise(0)).p);
  expect(median(sames)).toBeGreaterThan(0.2);
});
