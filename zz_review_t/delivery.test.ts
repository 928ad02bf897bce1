import { afterEach, test } from "vitest";
import { runOnce } from "../lib/delivery/run.ts";
import { advance, deliveryRow, minutes, pendingDelivery, processor, purse, veniceRows, type TestClock } from "../tests/support/delivering.ts";
import { appAt, statusOf, useWorld, newCustomer, openPurchase, eventsOf, deliver } from "../tests/support/world.ts";
const world = useWorld();
const clock: TestClock = { now: new Date() };
const out = (...a: unknown[]) => process.stderr.write("ZZ " + a.map((x) => typeof x === "string" ? x : JSON.stringify(x)).join(" ") + "\n");
afterEach(() => { for (const { id, fields } of world.airtable.list("STRATAGEMS")) if (fields["Status"] === "active" || fields["Status"]==="planned") world.airtable.remove("STRATAGEMS", id); });
async function run() { advance(clock, minutes(1)); return await runOnce(appAt(clock), 100).catch((e) => ({ threw: e.name + ": " + e.message })); }
const status = async (d: string) => (await deliveryRow(world, d))?.["status"];

test("A swap: attacker's executed row forged failed, victim's unexecuted row forged executed", async () => {
  const att = await pendingDelivery(world, { pack: "starter" }, "BarnabottoLuca");
  const vic = await pendingDelivery(world, { pack: "starter" }, "gondoliere_77");
  await run();
  const [ra] = veniceRows(world, att.deliveryId); const [rv] = veniceRows(world, vic.deliveryId);
  const a0 = purse(world, "BarnabottoLuca"), v0 = purse(world, "gondoliere_77");
  world.airtable.forge("STRATAGEMS", rv!.id, { Status: "executed", ExecutedAt: new Date().toISOString(), Notes: `${String(rv!.fields["Notes"])}\n[2026-11-20 12:00] Successfully transferred 100.0 ducats from ${processor} to gondoliere_77.` });
  await world.airtable.runGame();
  world.airtable.forge("STRATAGEMS", ra!.id, { Status: "failed", Notes: `${String(ra!.fields["Notes"])}\n[ERROR] Insufficient funds: 1.0 < 100.0` });
  out("A run", await run());
  out("A attacker", await status(att.deliveryId), "purse +", purse(world, "BarnabottoLuca") - a0, "wallet", (await statusOf(att.customer)).walletMillis, "| victim", await status(vic.deliveryId), "purse +", purse(world, "gondoliere_77") - v0, "wallet", (await statusOf(vic.customer)).walletMillis, "alerts", await world.database.rows("select kind from alerts where closed_at is null"));
});

test("B in-flight job: listed, then forged to refused, watch returns, job pays from memory", async () => {
  await run(); await run();
  const att = await pendingDelivery(world, { pack: "starter" }, "BarnabottoLuca");
  await run();
  const [ra] = veniceRows(world, att.deliveryId);
  const a0 = purse(world, "BarnabottoLuca");
  const g = world.airtable.runGame();
  await new Promise((r) => setTimeout(r, 0));
  world.airtable.forge("STRATAGEMS", ra!.id, { Status: "failed", Notes: `${String(ra!.fields["Notes"])}\n[ERROR] Insufficient funds: 1.0 < 100.0` });
  // simulate the listed-before copy: finish the job first if it already ran
  await g;
  out("B (game alone) purse +", purse(world, "BarnabottoLuca") - a0, world.airtable.list("STRATAGEMS").find((r) => r.id === ra!.id)?.fields["Status"]);
});

test("C activation's answer lost, game runs within the lease: innocent", async () => {
  for (let i = 0; i < 6; i++) await run();
  const d = await pendingDelivery(world, { pack: "starter" }, "gondoliere_77");
  world.airtable.faults.plan({ kind: "drop_after", method: "PATCH", path: "STRATAGEMS" });
  out("C send", await run(), await status(d.deliveryId), veniceRows(world, d.deliveryId).map((r) => r.fields["Status"]));
  await world.airtable.runGame();
  for (let i = 0; i < 8; i++) out("C run", await run(), await status(d.deliveryId));
  out("C alerts", await world.database.rows("select kind, subject from alerts where closed_at is null and kind <> 'reserve_low'"));
});

test("D stale mismatch timer: mid-write, then Venice away 4 minutes, then another mid-write", async () => {
  const d1 = await pendingDelivery(world, { pack: "starter" }, "gondoliere_77");
  const d2 = await pendingDelivery(world, { pack: "starter" }, "arsenal_caulker");
  await run();
  // the game has debited d1, its status not yet written
  const [r1] = veniceRows(world, d1.deliveryId);
  const [r2] = veniceRows(world, d2.deliveryId);
  const p0 = purse(world, processor);
  world.airtable.setDucats(processor, p0 - 100);
  out("D mid-write 1", await run());
  for (let i = 0; i < 4; i++) { world.airtable.faults.plan({ kind: "status", status: 503, method: "GET", path: "CITIZENS" }); out("D away", await run()); }
  // d1 done now, d2 debited but status not yet written: a fresh, seconds-old mismatch
  const done = (r: any, who: string) => world.airtable.forge("STRATAGEMS", r.id, { Status: "executed", ExecutedAt: new Date().toISOString(), Notes: `${String(r.fields["Notes"])}\n[2026-11-20 12:00] Successfully transferred 100.0 ducats from ${processor} to ${who}.` });
  done(r1, "gondoliere_77"); world.airtable.setDucats(processor, p0 - 200);
  out("D mid-write 2", await run(), await status(d1.deliveryId), await status(d2.deliveryId));
  done(r2, "arsenal_caulker");
  for (let i = 0; i < 5; i++) await run();
  out("D end", await status(d1.deliveryId), await status(d2.deliveryId));
});

test("E expired unexecuted row: active for ever, no alert", async () => {
  const d = await pendingDelivery(world, { pack: "starter" }, "gondoliere_77");
  await run();
  const alerts0 = (await world.database.rows("select 1 from alerts")).length;
  advance(clock, minutes(60 * 24 * 60));
  for (let i = 0; i < 3; i++) await run();
  out("E", await status(d.deliveryId), "new alerts", (await world.database.rows("select 1 from alerts")).length - alerts0);
  const { readHealth } = await import("../lib/operations/health.ts");
  out("E health", (await readHealth(appAt(clock))).counts);
  await world.database.rows("update deliveries set status='uncertain' where status in ('active')");
});

test("F row's StratagemId moved to another delivery's: pin's unique violation blocks the batch", async () => {
  const d1 = await pendingDelivery(world, { pack: "starter" }, "BarnabottoLuca");
  await run();
  const [r1] = veniceRows(world, d1.deliveryId);
  const d2 = await pendingDelivery(world, { pack: "starter" }, "BarnabottoLuca");
  const innocent = await pendingDelivery(world, { pack: "starter" }, "gondoliere_77");
  world.airtable.forge("STRATAGEMS", r1!.id, { StratagemId: `${d2.deliveryId}-1` });
  for (let i = 0; i < 10; i++) { advance(clock, minutes(2)); out("F", await run(), await status(d1.deliveryId), await status(d2.deliveryId), await status(innocent.deliveryId)); }
  out("F alerts", await world.database.rows("select kind, subject from alerts where closed_at is null and opened_at > now() - interval '1 hour'"));
});
