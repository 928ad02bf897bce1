/** A gate before the work, so that a test can look at what happens while a request is being worked on. */

export type Gate = {
  /** From now on requests wait here. */
  shut(): void;
  /** Lets all go on. */
  open(): void;
  /** Resolves when the gate is open. */
  pass(): Promise<void>;
  /** How many wait. */
  readonly waiting: number;
};

export function createGate(): Gate {
  let shut = false;
  let waiting: (() => void)[] = [];
  return {
    shut: () => void (shut = true),
    open() {
      shut = false;
      for (const go of waiting) go();
      waiting = [];
    },
    pass: () => (shut ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve()),
    get waiting() {
      return waiting.length;
    },
  };
}
