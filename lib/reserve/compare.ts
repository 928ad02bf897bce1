/** The processor's purse against what our books explain, where no delivery is under way to do it each minute. */
import type { App } from "../app.ts";
import { beginReserve, concludeDeliveries, type Conclusion, type Work } from "../delivery/outbox.ts";
import type { Millis } from "../money.ts";

export type Compared =
  | Conclusion
  /** The first reading: what every later one is compared with. */
  | { readonly kind: "begun" }
  /** Left to the minute's run, which reads the rows as well. */
  | { readonly kind: "under_way" };

/**
 * Books a top-up that the purse shows, and alerts a movement that nothing of ours explains.
 * @param work read before the purse: a conclusion in between makes this one void.
 */
export async function comparePurse(
  app: Pick<App, "db" | "clock">,
  work: Work,
  purseMillis: Millis,
): Promise<Compared> {
  if (work.reserve === null) {
    await beginReserve(app, purseMillis);
    return { kind: "begun" };
  }
  if (work.underWay) return { kind: "under_way" };
  return await concludeDeliveries(app, work.reserve.version, purseMillis, []);
}
