/** Work that is done a moment after the request that asked for it. */
import type { Later } from "./world.ts";

export type Waiting = {
  readonly later: Later;
  /** Resolves when nothing waits. */
  done(): Promise<void>;
  close(): void;
};

export function createLater(delayMs: number): Waiting {
  const timers = new Set<NodeJS.Timeout>();
  let idle: (() => void)[] = [];
  const settle = (): void => {
    if (timers.size > 0) return;
    for (const resolve of idle) resolve();
    idle = [];
  };
  return {
    later(work) {
      const timer = setTimeout(() => {
        timers.delete(timer);
        try {
          work();
        } finally {
          settle();
        }
      }, delayMs);
      timers.add(timer);
    },
    done: () => (timers.size === 0 ? Promise.resolve() : new Promise((resolve) => idle.push(resolve))),
    close() {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      settle();
    },
  };
}
