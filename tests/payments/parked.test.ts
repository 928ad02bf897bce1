/** A parked delivery is given back while its ducats are taken back: whoever comes first, the two never wait for each other. */
import pg from "pg";
import { expect, test } from "vitest";
import { useReversals } from "../support/reversing.ts";
import { booksBalance, useWorld } from "../support/world.ts";

const world = useWorld();
const { bought, balance, purchase, admin } = useReversals(world);

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: world.database.ownerUrl });
  await client.connect();
  return client;
}

async function waiting(): Promise<number> {
  const [row] = await world.database.rows<{ count: string }>(
    "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
  );
  return Number(row?.count);
}

async function untilWaiting(count: number): Promise<void> {
  while ((await waiting()) < count) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Both begin while a third holds the balance, the first before the second; then it lets go. */
async function crosswise(accountId: string, statements: readonly [string, unknown[]][]): Promise<void> {
  const holder = await connect();
  const workers: pg.Client[] = [];
  try {
    await holder.query("begin");
    await holder.query("select from balances where account_id = $1 for update", [accountId]);
    const running: Promise<unknown>[] = [];
    for (const [statement, values] of statements) {
      const worker = await connect();
      workers.push(worker);
      running.push(worker.query(statement, values));
      await untilWaiting(running.length);
    }
    await holder.query("commit");
    const ends = await Promise.allSettled(running);
    expect(ends.map(({ status }) => status)).toEqual(ends.map(() => "fulfilled"));
  } finally {
    for (const client of [holder, ...workers]) await client.end();
  }
}

async function adminSession(): Promise<string> {
  const [row] = await world.database.rows<{ id: string }>("select id from sessions where account_id = $1", [
    admin().id,
  ]);
  return row?.id ?? "";
}

/** Refunded at Stripe, as a read has brought it; the books don't follow yet. */
async function readRefund(payment: string): Promise<void> {
  await world.database.rows(
    "insert into refunds (id, payment, amount_cents, status, created_at) values ('re_' || $1, $1, 1000, 'succeeded', now())",
    [payment],
  );
}

const giveBack = "select decide_delivery(now(), '{}', $1, $2, 'return', 'by a person', null)";
const takeBack = "select apply_reversals(now(), $1)";

test.each(["taken back first", "given back first"])("a purchase's own delivery, %s", async (order) => {
  const { customer, purchaseId, payment, deliveryId } = await bought({ deliverTo: "venice" });
  await world.database.rows("update deliveries set parked_at = now(), tries = 24 where id = $1", [
    deliveryId,
  ]);
  await readRefund(payment);
  const both: [string, unknown[]][] = [
    [takeBack, [payment]],
    [giveBack, [await adminSession(), deliveryId]],
  ];
  await crosswise(customer.id, order === "taken back first" ? both : both.toReversed());
  expect(await balance(customer)).toMatchObject({ wallet: 0, transit: 0, frozen: 0, debt: 0 });
  expect(await purchase(purchaseId)).toMatchObject({ burned: 100_000 });
  await booksBalance(world);
});

test.each(["taken back first", "given back first"])("a withdrawal, %s", async (order) => {
  const { customer, purchaseId, payment } = await bought();
  const deliveryId = purchaseId.replace("pur_", "dlv_");
  await world.database.rows(
    "select post(now(), 'send:' || $1, 'send', array[('wallet', $2, -100000)::leg, ('transit', $2, 100000)::leg])",
    [deliveryId, customer.id],
  );
  await world.database.rows(
    `insert into deliveries (id, account_id, citizen, millis, next_at, created_at, idempotency_key, parked_at, tries)
     values ($1, $2, 'RialtoBanker', 100000, now(), now(), $1, now(), 24)`,
    [deliveryId, customer.id],
  );
  await readRefund(payment);
  const both: [string, unknown[]][] = [
    [takeBack, [payment]],
    [giveBack, [await adminSession(), deliveryId]],
  ];
  await crosswise(customer.id, order === "taken back first" ? both : both.toReversed());
  expect(await balance(customer)).toMatchObject({ wallet: 0, transit: 0, frozen: 0, debt: 0 });
  expect(await purchase(purchaseId)).toMatchObject({ burned: 100_000 });
  await booksBalance(world);
});
