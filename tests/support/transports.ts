/** Deliveries by either transport, from paid to the end, in a world whose game answers at once. */
import type { App } from "../../lib/app.ts";
import { runOnce } from "../../lib/delivery/run.ts";
import { Died, dyingApp, minutes, pendingDelivery, processor, purse } from "./delivering.ts";
import { useWatched } from "./watching.ts";
import { appAt, type World } from "./world.ts";

export const citizen = "RialtoBanker";
export const transports = ["rows", "try_create"] as const;
export type Transport = (typeof transports)[number];

export function useTransports(world: World) {
  const watched = useWatched(world);
  const { clock, pass } = watched;

  function appBy(transport: Transport): App {
    const app = appAt(clock);
    return { ...app, env: { ...app.env, VENICE_TRANSPORT: transport } };
  }

  /** Minutes go by, with the game's own run in each, drained by five at once. */
  async function live(transport: Transport, times: number): Promise<void> {
    for (let minute = 0; minute < times; minute += 1) {
      pass(minutes(1));
      await Promise.all(Array.from({ length: 5 }, () => runOnce(appBy(transport), 100)));
      await world.venice.settled();
      await world.airtable.runGame();
    }
  }

  /** Until nothing is under way: an hour is longer than anything has to wait for. */
  async function end(transport: Transport): Promise<void> {
    await live(transport, 3);
    for (let rounds = 0; rounds < 12 && (await areUnderWay()); rounds += 1) {
      pass(minutes(4));
      await live(transport, 2);
    }
  }

  async function areUnderWay(): Promise<boolean> {
    const waiting = "select 1 from deliveries where status in ('pending', 'planned', 'active')";
    return (await world.database.rows(waiting)).length > 0;
  }

  async function dieAt(transport: Transport, step: number, side: "before" | "after"): Promise<number> {
    const dying = dyingApp(appBy(transport), { step, side });
    await runOnce(dying.app, 100).catch((error: unknown) => {
      if (!(error instanceof Died)) throw error;
    });
    await world.venice.settled();
    return dying.steps();
  }

  /** A purse reading exists and all is quiet. */
  async function begin(transport: Transport) {
    await live(transport, 1);
    const pending = await pendingDelivery(world);
    return { ...pending, before: purse(world, citizen), reserve: purse(world, processor) };
  }

  return { ...watched, live, end, dieAt, begin };
}
