/** Notices under test: queued as the database queues them, written by a clock that the test moves. */
import { afterEach } from "vitest";
import type { App } from "../../lib/app.ts";
import { notifyCitizens } from "../../lib/citizens/notify.ts";
import { randomText } from "../../lib/ids.ts";
import { dyingApp, type Death, type TestClock } from "../support/delivering.ts";
import { appAt, type World } from "../support/world.ts";

type NoticeRow = {
  readonly kind: string;
  readonly object: string;
  readonly citizen: string;
  readonly state: string;
  readonly tries: number;
  readonly doubts: number;
  readonly last_error: string | null;
};

/** A file's notices: after each test none is left to be written, and nobody was told anything. */
export function useNotices(world: World, clock: TestClock = { now: new Date() }) {
  afterEach(async () => {
    await world.database.rows("delete from venice_notices");
    for (const { id } of world.airtable.list("NOTIFICATIONS")) world.airtable.remove("NOTIFICATIONS", id);
  });

  /** A notice, due now; the delivery that it is about. */
  async function queue(kind: "arrived" | "returned" = "arrived"): Promise<string> {
    const object = `dlv_${randomText(20).toLowerCase()}`;
    await world.database.rows("select queue_notice($1, $2, $3, 'RialtoBanker', $4)", [
      clock.now,
      kind,
      object,
      { millis: 100_000, stratagemId: `${object}-1` },
    ]);
    return object;
  }

  const rows = (object: string) =>
    world.database.rows<NoticeRow>("select * from venice_notices where object = $1 order by id", [object]);

  return {
    clock,
    queue,
    rows,
    row: async (object: string) => (await rows(object))[0],
    /** Notifications in Venice about an object. */
    told: (object: string) =>
      world.airtable
        .list("NOTIFICATIONS")
        .map(({ fields }) => fields)
        .filter(({ Notes }) => String(Notes).startsWith(object)),
    notify: () => notifyCitizens(appAt(clock)),
    dieWhileNotifying: (death: Death) => {
      const app = appAt(clock);
      // The fuse is on what dyingApp knows as Venice.
      const dying = dyingApp({ ...app, venice: app.town } as unknown as App, death).app;
      return notifyCitizens({ ...dying, town: dying.venice as unknown as App["town"] });
    },
  };
}
