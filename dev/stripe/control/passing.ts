/** Time that passes by days: after each one, its webhooks delivered, whoever lives by this clock does what was due in it. */
import type { Clock } from "../../clock.ts";
import type { Actions } from "../stand-in.ts";

export type Passing = {
  /** Where time is going; undefined when it goes as usual. */
  until(): Date | undefined;
  /** Begins to pass, a day at a time, and goes on by itself. @throws Error while it is under way. */
  begin(to: Date): void;
};

export type AfterDay = (from: Date, to: Date) => Promise<void>;

const DAY_MS = 24 * 60 * 60 * 1000;

export function createPassing(
  { advance }: Pick<Actions, "advance">,
  clock: Clock,
  flush: () => Promise<void>,
  afterDay: AfterDay,
): Passing {
  let goal: Date | undefined;

  async function passTo(to: Date): Promise<void> {
    goal = to;
    try {
      await flush();
      do {
        const from = clock.now();
        advance({ ms: Math.max(0, Math.min(DAY_MS, to.getTime() - from.getTime())) });
        await flush();
        await afterDay(from, clock.now());
      } while (clock.now() < to);
    } finally {
      goal = undefined;
    }
  }

  return {
    until: () => goal,
    begin(to) {
      if (goal !== undefined) throw new Error("Time is passing already: wait until it is there.");
      passTo(to).catch((error: unknown) => {
        console.error("Time stopped passing:", error);
      });
    },
  };
}
