/** Deliveries under test: workers that die at a chosen step, and what must be true of Venice afterwards. */
import { afterEach } from "vitest";
import type { App } from "../../lib/app.ts";
import { runOnce, type RunReport } from "../../lib/delivery/run.ts";
import {
  appAt,
  deliver,
  newCustomer,
  paidPurchase,
  type CheckoutInput,
  type Customer,
  type World,
} from "./world.ts";

export class Died extends Error {}

/** Where a worker dies: before or after its n-th call of a port; everything it tries later fails as well. */
export type Death = { readonly step: number; readonly side: "before" | "after" };

/** The real app with a fuse: nothing is imitated, calls only stop getting through. */
export function dyingApp(app: App, death: Death): { readonly app: App; readonly steps: () => number } {
  let steps = 0;
  const fused = <T extends object>(port: T): T =>
    new Proxy(port, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== "function") return method;
        return async (...args: unknown[]) => {
          steps += 1;
          const step = steps;
          if (step > death.step || (step === death.step && death.side === "before")) throw new Died();
          const result: unknown = await Reflect.apply(method, target, args);
          if (step === death.step) throw new Died();
          return result;
        };
      },
    });
  const game = app.game && fused(app.game);
  return { app: { ...app, db: fused(app.db), venice: fused(app.venice), game }, steps: () => steps };
}

/** A paid purchase whose delivery is still pending: the webhook's own run is kept from starting. */
export async function pendingDelivery(
  world: World,
  input: CheckoutInput = { pack: "starter" },
  citizen?: string,
  of?: Customer,
) {
  const customer = of ?? (await newCustomer(citizen));
  const { purchaseId, completed } = await paidPurchase(world, customer, input);
  // Not due before the test says so: the run that the webhook starts finds nothing.
  await world.database.rows(
    "create or replace function hold_back() returns trigger language plpgsql as $$ begin new.next_at := '2100-01-01'; return new; end $$",
  );
  await world.database.rows(
    "create or replace trigger hold_back before insert on deliveries for each row execute function hold_back()",
  );
  await (
    await deliver(completed)
  ).afterwards;
  await world.database.rows("drop trigger hold_back on deliveries");
  const deliveryId = purchaseId.replace("pur_", "dlv_");
  await world.database.rows("update deliveries set next_at = '2000-01-01' where id = $1", [deliveryId]);
  return { customer, purchaseId, deliveryId };
}

export const minutes = (count: number) => count * 60_000;

export type TestClock = { now: Date };

export function advance(clock: TestClock, byMs: number): void {
  clock.now = new Date(clock.now.getTime() + byMs);
}

/** Five drains at once, as five instances would be. */
export function fiveDrains(clock: TestClock): Promise<RunReport[]> {
  return Promise.all(Array.from({ length: 5 }, () => runOnce(appAt(clock), 100)));
}

export async function deliveryRow(world: World, deliveryId: string) {
  const [row] = await world.database.rows<Record<string, unknown>>("select * from deliveries where id = $1", [
    deliveryId,
  ]);
  return row;
}

/** The delivery's rows in Venice: their statuses, strays included. */
export function veniceRows(world: World, deliveryId: string) {
  return world.airtable
    .list("STRATAGEMS")
    .filter(({ fields }) => String(fields["StratagemId"]).startsWith(deliveryId));
}

export function purse(world: World, citizen: string): number {
  return Number(world.airtable.citizen(citizen)?.fields["Ducats"]);
}

export const processor = "CASCADE_PAYMENT_PROCESSOR";

/** A file's deliveries: a clock that never goes back, a run each minute, and after each test nothing left under way. */
export function useDeliveries(world: World) {
  const clock: TestClock = { now: new Date() };

  afterEach(async () => {
    for (const { id, fields } of world.airtable.list("STRATAGEMS"))
      if (fields["Status"] === "active") world.airtable.remove("STRATAGEMS", id);
    await world.database.rows(
      "update deliveries set status = 'uncertain', concluded_at = now() where status in ('pending', 'planned', 'active')",
    );
    await world.database.rows("update alerts set closed_at = now() where closed_at is null");
    await world.database.rows(
      "update reserve set purse_millis = $1, mismatch_began = null, mismatch_since = null",
      [Math.round(purse(world, processor) * 1000)],
    );
  });

  /** Runs once a minute, this many times; the last run's report. */
  async function run(times = 1): Promise<RunReport> {
    advance(clock, minutes(1));
    const report = await runOnce(appAt(clock), 100);
    return times > 1 ? await run(times - 1) : report;
  }

  /** A delivery whose row is active in Venice; the baseline purse is read. */
  async function activeDelivery(input: CheckoutInput = { pack: "starter" }, citizen?: string) {
    const pending = await pendingDelivery(world, input, citizen);
    await run();
    const [row] = veniceRows(world, pending.deliveryId);
    if (!row) throw new Error("no row in Venice");
    return { ...pending, row };
  }

  return {
    clock,
    run,
    activeDelivery,
    status: async (deliveryId: string) => (await deliveryRow(world, deliveryId))?.["status"],
    alertsOf: (subject: string) =>
      world.database.rows("select kind from alerts where subject = $1 and closed_at is null", [subject]),
    openAlerts: (kind: string) =>
      world.database.rows("select subject from alerts where kind = $1 and closed_at is null", [kind]),
  };
}

type VeniceRow = ReturnType<typeof veniceRows>[number];

/** What the game writes when it has paid: anyone can write it as well. */
export function asExecuted({ fields }: VeniceRow) {
  return {
    Status: "executed",
    ExecutedAt: new Date().toISOString(),
    Notes: `${String(fields["Notes"])}\n[2026-11-20 12:00] Successfully transferred 100.0 ducats from ${processor} to ${String(fields["TargetCitizen"])}.`,
  };
}

/** What the game writes when the processor's purse was too small. */
export function asRefused({ fields }: VeniceRow) {
  return {
    Status: "failed",
    ExecutedAt: null,
    Notes: `${String(fields["Notes"])}\n[ERROR] Insufficient funds: 1.0 < 100.0`,
  };
}

/** As it was when it was activated. */
export function asActive({ fields }: VeniceRow) {
  return { Status: "active", ExecutedAt: null, Notes: String(fields["Notes"]) };
}
