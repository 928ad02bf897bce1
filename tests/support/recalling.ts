/** Venice beside a permutation of events, while its time goes with ours: what is sent arrives, what is owed is fetched back. */
import type { Venice } from "./permuting.ts";
import { useWatched } from "./watching.ts";
import type { World } from "./world.ts";

export function useVenice(world: World): Venice {
  const { run, pass } = useWatched(world);

  /** A run a minute, and what the game was asked for done by the next. */
  async function live(times: number): Promise<void> {
    for (let minute = 0; minute < times; minute += 1) {
      await run();
      await world.venice.settled();
    }
  }

  return {
    async arrive() {
      // What our own run has fetched is due two minutes later: it leaves those to the webhook.
      await live(3);
      await world.airtable.runGame();
      await live(2);
      pass(3 * 3_600_000);
    },
    fetchBack: () => live(3),
  };
}
