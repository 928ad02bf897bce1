/** What becomes due by the clock. Called before anything is looked at, because no clock runs here by itself. */
import { runDue } from "./billing/due.ts";
import { ripen } from "./objects/balance-transactions.ts";
import { settleDuePayouts } from "./objects/payouts.ts";
import { endPromotions } from "./objects/promotion-times.ts";
import { expireSession } from "./payments/expire.ts";
import { settleDueRefunds } from "./refunds/settle.ts";
import { onItsOwn, type World } from "./world.ts";

export function sweep(world: World): void {
  for (const session of world.sessions.oldestFirst()) {
    if (session.status === "open" && session.expires_at <= world.seconds())
      expireSession(world, onItsOwn, session);
  }
  runDue(world, null, world.seconds());
  settleDueRefunds(world);
  endPromotions(world);
  ripen(world);
  settleDuePayouts(world);
}
