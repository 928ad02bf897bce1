/** Keys of withdrawals whose answers may have been lost: by amount, in this tab, until it is known what became of them. */
import { list, record, text, type Guard } from "./guards.ts";
import type { Credit } from "./wire.ts";

const storageKey = "cascade.sending";
/** `known`: the deliveries that were there before it was asked for. */
const pending = record({ key: text, known: list(text) });
type Pending = { readonly key: string; readonly known: readonly string[] };
const isPending: Guard<Pending> = pending;

/** The key of an amount that was asked for and not heard of, or a new one. */
export function keyFor(amount: number, known: readonly string[]): string {
  const before = read().get(amount);
  if (before) return before.key;
  const key = crypto.randomUUID();
  write(new Map([...read(), [amount, { key, known }]]));
  return key;
}

export function forget(amount: number): void {
  write(new Map([...read()].filter(([each]) => each !== amount)));
}

/** A delivery of that amount that was not there before is the one. Forgets them: asked for again, each is another withdrawal. */
export function takenAfterAll(deliveries: Credit["deliveries"]): readonly number[] {
  const taken = [...read()].filter(([amount, { known }]) =>
    deliveries.some(
      ({ id, purchaseId, millis }) => purchaseId === null && millis === amount * 1_000 && !known.includes(id),
    ),
  );
  const amounts = taken.map(([amount]) => amount);
  amounts.forEach(forget);
  return amounts;
}

function read(): ReadonlyMap<number, Pending> {
  try {
    const value: unknown = JSON.parse(sessionStorage.getItem(storageKey) ?? "{}");
    const entries = typeof value === "object" && value !== null ? Object.entries(value) : [];
    return new Map(
      entries.flatMap(([amount, each]) => (isPending(each) ? [[Number(amount), each] as const] : [])),
    );
  } catch {
    return new Map();
  }
}

function write(keys: ReadonlyMap<number, Pending>): void {
  try {
    sessionStorage.setItem(storageKey, JSON.stringify(Object.fromEntries(keys)));
  } catch {
    // A browser that stores nothing still sends; only a retry after a lost answer is another withdrawal.
  }
}
