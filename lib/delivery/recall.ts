/** Fetches refunded ducats back from the citizen who got them, through the game's own route; the purse tells whether they came. */
import * as z from "zod";
import type { App } from "../app.ts";
import { millisColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import type { Game } from "../game/port.ts";
import { millis, wholeDucats } from "../money.ts";
import { PROCESSOR } from "../processor.ts";

type Ports = Pick<App, "db" | "venice" | "clock" | "newId">;

const handColumn = z.object({ purchaseId: z.string(), citizen: z.string(), millis: millisColumn });

/**
 * One, when there is one and the purse has just been explained: as much as the citizen still has. What
 * doesn't come stays debt, and is tried again later.
 * @throws Unavailable: whether it came, the purse tells within half an hour.
 */
export async function recallOne(app: Ports, game: Game): Promise<boolean> {
  const { hand } = await app.db.one(
    sql`select recall_at_hand(${app.clock()}::timestamptz) as hand`,
    z.object({ hand: handColumn.nullable() }),
  );
  if (hand === null) return false;
  const { purchaseId, citizen } = hand;
  const purse = wholeDucats((await app.venice.purses([citizen])).get(citizen) ?? millis(0n));
  const amount = purse < hand.millis ? purse : hand.millis;
  const id = app.newId("rcl");
  const { begun } = await app.db.one(
    sql`select begin_recall(${app.clock()}::timestamptz, ${id}, ${purchaseId}, ${amount}::bigint) as begun`,
    z.object({ begun: z.boolean() }),
  );
  if (!begun) return false;
  // A refusal is no proof: the game says so of a row, too, whose making it could not see the end of.
  await game.transfer({
    payer: citizen,
    payee: PROCESSOR,
    millis: amount,
    reason: `Refund of CASCADE purchase ${purchaseId}`,
    reference: id,
  });
  return true;
}
