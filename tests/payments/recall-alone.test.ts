/** While ducats are fetched back nothing else may move the purse: two that begin in the same moment are not both begun. */
import { expect, test } from "vitest";
import { runOnce } from "../../lib/delivery/run.ts";
import { minutes, processor, purse } from "../support/delivering.ts";
import { overlapping } from "../support/overlapping.ts";
import { useReversals } from "../support/reversing.ts";
import { appAt, useWorld } from "../support/world.ts";

const world = useWorld();
const { bought, arrive, prove } = useReversals(world);

/** Refunded after it had arrived, so that it could be fetched back; and another delivery that could be begun. */
async function bothAtHand() {
  await world.database.rows("delete from recalls");
  await world.database.rows("delete from replenishments");
  await world.database.rows(
    "update deliveries set status = 'uncertain', concluded_at = now() where status in ('pending', 'planned', 'active')",
  );
  const arrived = await bought({ deliverTo: "venice" });
  await arrive(arrived);
  await prove(arrived.customer);
  await world.database.rows(
    `insert into refunds (id, payment, amount_cents, status, created_at) values ('re_' || $1, $1, 1000, 'succeeded', now())`,
    [arrived.payment],
  );
  await world.database.rows("select apply_reversals(now(), $1)", [arrived.payment]);
  const waiting = await bought({ deliverTo: "venice" });
  await world.database.rows("delete from reserve");
  await world.database.rows("insert into reserve (purse_millis, read_at) values (1000000000, now())");
  return { arrived, waiting };
}

async function underWay() {
  const [row] = await world.database.rows<{ recalls: string; tries: string; top_ups: string }>(
    `select (select count(*) from recalls where state = 'asked') as recalls,
       (select count(*) from deliveries where status = 'planned' and transport = 'try_create') as tries,
       (select count(*) from replenishments where state in ('planned', 'active', 'unclear')) as top_ups`,
  );
  return [Number(row?.recalls), Number(row?.tries), Number(row?.top_ups)];
}

const beginRecall = "select begin_recall(now(), 'rcl_' || substr($1, 5), $1, 100000)";
const beginTry = "select begin_try(now(), interval '90 seconds', interval '30 seconds')";
const beginTopUp = `select begin_replenishment(now(), 'rpl_' || substr($1, 5), 'transfer', 1000000, 'ConsiglioDeiDieci', interval '90 seconds')`;

test("a recall, while a transfer by the game's route begins", async () => {
  const { arrived } = await bothAtHand();
  await overlapping(world, beginTry, [], () => world.database.rows(beginRecall, [arrived.purchaseId]));
  expect(await underWay()).toEqual([0, 1, 0]);
});

test("a transfer by the game's route, while a recall begins", async () => {
  const { arrived } = await bothAtHand();
  await overlapping(world, beginRecall, [arrived.purchaseId], () => world.database.rows(beginTry));
  expect(await underWay()).toEqual([1, 0, 0]);
});

test("one whose time is over ends where the game's route is no longer configured, and a top-up may begin", async () => {
  const { arrived } = await bothAtHand();
  await world.database.rows(beginRecall, [arrived.purchaseId]);
  await world.database.rows("update reserve set purse_millis = $1", [purse(world, processor) * 1_000]);
  const at = (ms: number) => ({ ...appAt({ now: new Date(Date.now() + ms) }), game: undefined });
  await runOnce(at(minutes(29)), 100);
  expect(await underWay()).toEqual([1, 0, 0]);
  await runOnce(at(minutes(31)), 100);
  await world.database.rows(beginTopUp, [arrived.purchaseId]);
  expect(await underWay()).toEqual([0, 0, 1]);
});

test("a top-up, while a recall is under way: not begun", async () => {
  const { arrived } = await bothAtHand();
  await world.database.rows(beginRecall, [arrived.purchaseId]);
  await world.database.rows(beginTopUp, [arrived.purchaseId]);
  expect(await underWay()).toEqual([1, 0, 0]);
});
