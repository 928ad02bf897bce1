/** Deliveries by the game's own route: one transfer after the other, asked for and carried out at once. */
import type { App } from "../app.ts";
import type { Game } from "../game/port.ts";
import { PROCESSOR } from "../processor.ts";
import { findRowsOf } from "./asked.ts";
import { beginTry, markActive, postpone } from "./outbox.ts";

type Ports = Pick<App, "db" | "venice" | "clock">;

/**
 * Asks for the oldest transfer that is due; `begun`: one is under way.
 * Dying between any two steps loses nothing: the watch finds the row that was made, or proves that none was.
 * @throws Unavailable when the game's answer is lost: the watch finds out what became of it.
 */
export async function tryOne(app: Ports, game: Game): Promise<"nothing" | "begun" | "given_back"> {
  const claim = await beginTry(app);
  if (!claim) return "nothing";
  const askedAt = app.clock().toISOString();
  const answer = await game.transfer({
    payer: PROCESSOR,
    payee: claim.citizen,
    millis: claim.millis,
    reason: `CASCADE delivery ${claim.id}`,
    reference: claim.reference,
  });
  if (answer.kind === "begun") {
    await markActive(app, [{ ...claim, recordId: answer.recordId }]);
    return "begun";
  }
  // The game says so of a row, too, whose making it could not see the end of.
  const found = await findRowsOf(app, { ...claim, askedAt });
  if (found.kind !== "absent") return "begun";
  await postpone(app, [claim], answer.reason, 0);
  return "given_back";
}
