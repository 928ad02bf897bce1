/** Of two reads of a subscription the one whose ticket was taken later counts, whichever is saved last. */
import { expect, test } from "vitest";
import * as z from "zod";
import { sql } from "../../lib/db/port.ts";
import { readSubscription } from "../../lib/subscription/reread.ts";
import { useLog } from "../support/log.ts";
import { useSubscribers } from "../support/subscribing.ts";
import { appAt, useWorld } from "../support/world.ts";

const world = useWorld();
useLog();
const { sdk, subscriber, subscribe, bring, news, standing } = useSubscribers(world, "2026-03-10T09:00:00Z");

async function save(read: object | null): Promise<string> {
  const { db, clock } = appAt({ now: new Date() });
  const { outcome } = await db.one(
    sql`select save_subscription_read(${clock()}::timestamptz, ${JSON.stringify(read)}::jsonb) as outcome`,
    z.object({ outcome: z.string() }),
  );
  return outcome;
}

test.each([
  ["held up until a newer one is saved", [1, 0], ["read", "superseded"]],
  ["saved in its turn", [0, 1], ["read", "read"]],
] as const)("an old read, %s", async (_name, order, outcomes) => {
  const marco = await subscriber();
  const { id } = await subscribe(marco, "builder");
  await bring();
  const app = appAt({ now: new Date() });
  const reads = [await readSubscription(app, id)];
  await sdk().subscriptions.cancel(id);
  news();
  reads.push(await readSubscription(app, id));
  const came: string[] = [];
  for (const place of order) came.push(await save(reads[place] ?? null));
  expect(came).toEqual(outcomes);
  expect(await standing(marco)).toEqual({ tier: "explorer", state: "ended" });
});
