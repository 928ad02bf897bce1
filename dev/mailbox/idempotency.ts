/** Resend's `Idempotency-Key`: for 24 hours the same key answers with the same id, and refuses another payload. */
import { createHash } from "node:crypto";
import { REFUSALS } from "./refusal.ts";

const LIFETIME_MS = 24 * 60 * 60 * 1_000;
const MAX_LENGTH = 256;

export type Idempotency = {
  /** The id answered before, or undefined for a key not seen. @throws Refusal for a bad key or another payload. */
  recall(key: string, payload: string): string | undefined;
  remember(key: string, payload: string, id: string): void;
  clear(): void;
};

export function createIdempotency(now: () => Date): Idempotency {
  const answers = new Map<string, { digest: string; id: string; until: number }>();
  const digestOf = (payload: string) => createHash("sha256").update(payload).digest("hex");

  return {
    recall(key, payload) {
      if (key.length === 0 || key.length > MAX_LENGTH) throw REFUSALS.idempotencyKey();
      const known = answers.get(key);
      if (known === undefined || known.until <= now().getTime()) return undefined;
      if (known.digest !== digestOf(payload)) throw REFUSALS.otherPayload();
      return known.id;
    },
    remember(key, payload, id) {
      answers.set(key, { digest: digestOf(payload), id, until: now().getTime() + LIFETIME_MS });
    },
    clear: () => {
      answers.clear();
    },
  };
}
