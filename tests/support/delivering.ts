/** Deliveries under test: workers that die at a chosen step, and what must be true of Venice afterwards. */
import type { App } from "../../lib/app.ts";
import { runOnce, type RunReport } from "../../lib/delivery/run.ts";
import { appAt, deliver, newCustomer, paidPurchase, type CheckoutInput, type World } from "./world.ts";

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
  return { app: { ...app, db: fused(app.db), venice: fused(app.venice) }, steps: () => steps };
}

/** A paid purchase whose delivery is still pending: the webhook's own run is kept from starting. */
export async function pendingDelivery(
  world: World,
  input: CheckoutInput = { pack: "starter" },
  citizen?: string,
) {
  const customer = await newCustomer(citizen);
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
