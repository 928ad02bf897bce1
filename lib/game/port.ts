/** The game itself, asked over its HTTP API to transfer ducats at once (VENICE.md, section 5: `try-create`). */
import type { Millis } from "../money.ts";

export type Transfer = {
  readonly payer: string;
  readonly payee: string;
  /** Whole ducats. */
  readonly millis: Millis;
  readonly reason: string;
  /** Travels in the row's notes: what it is found by. */
  readonly reference: string;
};

/** `begun`: the row is made, and its transfer under way. `refused`: the game says that it made none. */
export type TransferAnswer =
  | { readonly kind: "begun"; readonly recordId: string }
  | { readonly kind: "refused"; readonly reason: string };

export type Game = {
  /**
   * Not idempotent: asked twice, it pays twice.
   * @throws Unavailable with effect `unknown`: it may have been done, now or later.
   */
  transfer(transfer: Transfer): Promise<TransferAnswer>;
};
