/** What Stripe's answers are, and how they name other objects and times. */
import { SECOND_MS } from "../clock.ts";
import { Unavailable } from "../errors.ts";

/** The SDK returns any JSON without an `error` key as a success: look at what it is. */
type Answer = { readonly object?: string };

/** Of a read. */
export function expectObject({ object }: Answer, name: string): void {
  if (object !== name)
    throw new Unavailable("stripe", { effect: "none", message: `Stripe's answer is no ${name}` });
}

/** Of a write: what became of it is unknown. */
export function expectMade({ object, id }: Answer & { readonly id?: string }, name: string): void {
  if (object !== name || !id)
    throw new Unavailable("stripe", { effect: "unknown", message: `Stripe's answer is no ${name}` });
}

type Reference = string | { readonly id: string };

/** Of an object that may be expanded. */
export function idOf(reference: Reference): string;
export function idOf(reference: Reference | null): string | null;
export function idOf(reference: Reference | null): string | null {
  return typeof reference === "string" ? reference : (reference?.id ?? null);
}

export function isoOf(seconds: number): string {
  return new Date(seconds * SECOND_MS).toISOString();
}
