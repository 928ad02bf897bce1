/** A long burst beside a game that takes its whole share: nobody is refused, and hardly anything of our share is lost. */
import { expect, test } from "vitest";
import { instance, mostInASecond, onAQuietMachine, statuses, useParts } from "./pacing.ts";

const parts = useParts();

test(
  "thirty requests of five instances at once: two in any second, none refused, four fifths of the share at least",
  onAQuietMachine,
  async () => {
    const burst = { isOver: false };
    let games = 0;
    const game = (async () => {
      while (!burst.isOver) {
        await parts.airtable.game.asks.page("CITIZENS", { maxRecords: 1 });
        games += 1;
      }
    })();
    const startedAt = Date.now();
    const instances = Array.from({ length: 5 }, () => instance());
    const asked = Promise.allSettled(
      instances.map(async ({ ask }) => {
        for (let asks = 0; asks < 6; asks += 1) await ask();
      }),
    ).then((ends) => {
      burst.isOver = true;
      return ends;
    });
    // Nobody is left asking when it is tried again. Throws when the game was refused.
    const [ends] = await Promise.all([asked, game.finally(() => asked)]);
    const seconds = (Date.now() - startedAt) / 1_000;
    expect(ends.filter(({ status }) => status === "rejected")).toEqual([]);
    expect(statuses(parts)).toEqual(Array(30).fill(200));
    expect(mostInASecond(parts)).toBe(2);
    expect(30 / seconds).toBeGreaterThan(0.8 * 2);
    expect(games / seconds).toBeGreaterThan(2);
    expect(instances.map(({ trips }) => trips.postgres)).toEqual(Array(5).fill(undefined));
  },
);
