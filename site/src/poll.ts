/** Asks again and again, ever slower, and not at all while nobody looks. */

/** The wait before the next question: 2 s for the first half minute, then slower, at most 15 s. */
export function waitMs(asked: number): number {
  return Math.min(15_000, Math.round(2_000 * 1.25 ** Math.max(0, asked - 15)));
}

export type Round =
  | { readonly kind: "again" }
  /** Something changed: ask quickly again. */
  | { readonly kind: "anew" }
  | { readonly kind: "after"; readonly seconds: number }
  | { readonly kind: "done" };

export function poll(ask: () => Promise<Round>): void {
  let asked = 0;
  let timer: number | undefined;
  let asking = false;
  let done = false;

  const next = async (): Promise<void> => {
    if (asking || done || document.hidden) return;
    window.clearTimeout(timer);
    asking = true;
    const round = await ask();
    asking = false;
    asked = round.kind === "anew" ? 1 : asked + 1;
    done = round.kind === "done";
    const wait = round.kind === "after" ? Math.max(round.seconds * 1000, waitMs(asked)) : waitMs(asked);
    if (!done) timer = window.setTimeout(() => void next(), wait);
  };

  document.addEventListener("visibilitychange", () => void next());
  void next();
}
