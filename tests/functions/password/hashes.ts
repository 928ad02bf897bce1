/** Counts the passwords that are hashed: each is a request to Node's own argon2, seen where Node makes it. */
import { createHook } from "node:async_hooks";
import { afterAll, beforeAll } from "vitest";

export type Hashes = { readonly during: <T>(work: () => Promise<T>) => Promise<[T, number]> };

export function useHashes(): Hashes {
  let count = 0;
  const hook = createHook({
    init(_, type) {
      if (type === "ARGON2REQUEST") count += 1;
    },
  });
  beforeAll(() => void hook.enable());
  afterAll(() => void hook.disable());
  return {
    async during(work) {
      const before = count;
      return [await work(), count - before];
    },
  };
}
