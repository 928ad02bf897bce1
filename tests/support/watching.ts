/** Deliveries that are watched while Venice's time goes with ours: what Airtable says of a change is in the app's own time. */
import { afterEach, beforeEach, vi } from "vitest";
import { runOnce, type RunReport } from "../../lib/delivery/run.ts";
import { advance, minutes, useDeliveries } from "./delivering.ts";
import { appAt, type CheckoutInput, type World } from "./world.ts";

export function useWatched(world: World) {
  const deliveries = useDeliveries(world);
  const { clock, activeDelivery } = deliveries;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"], now: clock.now });
  });
  afterEach(() => {
    world.airtable.mend();
    vi.useRealTimers();
  });

  /** The stand-in's time goes with the app's. */
  function pass(ms: number): void {
    advance(clock, ms);
    vi.setSystemTime(clock.now);
  }

  /** A run a minute; the last one's report. */
  async function run(times = 1): Promise<RunReport> {
    pass(minutes(1));
    const report = await runOnce(appAt(clock), 100);
    return times > 1 ? await run(times - 1) : report;
  }

  /** Active for a while, and seen so. */
  async function settled(input: CheckoutInput = { pack: "starter" }, citizen?: string) {
    const active = await activeDelivery(input, citizen);
    await run();
    return active;
  }

  return { ...deliveries, pass, run, settled };
}

export type Active = Awaited<ReturnType<ReturnType<typeof useWatched>["activeDelivery"]>>;
