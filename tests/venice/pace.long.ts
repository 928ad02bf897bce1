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
    await Promise.all(
      instances.map(async ({ ask }) => {
        for (let asked = 0; asked < 6; asked += 1) await ask();
      }),
    );
    const seconds = (Date.now() - startedAt) / 1_000;
    burst.isOver = true;
    // Throws when the game was refused.
    await game;
    expect(statuses(parts)).toEqual(Array(30).fill(200));
    expect(mostInASecond(parts)).toBe(2);
    expect(30 / seconds).toBeGreaterThan(0.8 * 2);
    expect(games / seconds).toBeGreaterThan(2);
    expect(instances.map(({ trips }) => trips.postgres)).toEqual(Array(5).fill(undefined));
  },
);
