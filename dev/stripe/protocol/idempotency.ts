/** Idempotency keys: the first answer is kept for a day and given again to the same request. */
import { Refusal, invalid } from "./errors.ts";

const KEPT_MS = 24 * 60 * 60 * 1000;
const MAX_KEY_LENGTH = 255;

export type Answer = { readonly status: number; readonly body: string; readonly requestId: string };

type Entry = {
  readonly path: string;
  readonly params: string;
  readonly at: number;
  answer: Answer | undefined;
};

export type Claim =
  | { readonly kind: "first"; keep(answer: Answer): void; release(): void }
  | { readonly kind: "replay"; readonly answer: Answer };

export type Idempotency = {
  /** @throws Refusal 400 for other parameters or another endpoint, 409 while the first request is still at work. */
  claim(key: string, path: string, params: string): Claim;
};

export function createIdempotency(now: () => Date): Idempotency {
  const entries = new Map<string, Entry>();
  return {
    claim(key, path, params) {
      if (key.length > MAX_KEY_LENGTH) {
        throw invalid(
          `Idempotency keys can have up to ${MAX_KEY_LENGTH} characters; yours has ${key.length}.`,
        );
      }
      const at = now().getTime();
      const known = entries.get(key);
      if (known && at - known.at < KEPT_MS) return again(key, known, path, params);
      const entry: Entry = { path, params, at, answer: undefined };
      entries.set(key, entry);
      return {
        kind: "first",
        keep: (answer) => void (entry.answer = answer),
        release: () => void entries.delete(key),
      };
    },
  };
}

function again(key: string, known: Entry, path: string, params: string): Claim {
  if (known.path !== path) {
    throw new Refusal(
      "idempotency_error",
      `Keys for idempotent requests can only be used for the same endpoint they were first used for ('${path}' vs ` +
        `'${known.path}'). Try using a key other than '${key}' if you meant to execute a different request.`,
    );
  }
  if (known.params !== params) {
    throw new Refusal(
      "idempotency_error",
      "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a " +
        `key other than '${key}' if you meant to execute a different request.`,
    );
  }
  if (known.answer === undefined) {
    throw new Refusal(
      "idempotency_error",
      "There is currently another in-progress request using this Idempotent Key (that probably means you submitted " +
        `twice, and the other request is still going through): ${key}. Please try again later.`,
      { status: 409, code: "idempotency_key_in_use" },
    );
  }
  return { kind: "replay", answer: known.answer };
}
