/** An account's deliveries, and one with its steps. */
import * as z from "zod";
import { callerColumns, type Caller } from "../account/caller.ts";
import type { App } from "../app.ts";
import { timeColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import { deliveryColumn, shownDelivery } from "./show.ts";

const perPage = 50;
const refused = z.object({ kind: z.enum(["unauthorised", "forbidden"]) });

const listedColumn = z.discriminatedUnion("kind", [
  refused,
  z.object({ kind: z.literal("read"), keySeenLongAgo: z.boolean(), deliveries: z.array(deliveryColumn) }),
]);

/** The newest first, made before `before`. */
export async function listDeliveries(
  app: Pick<App, "db" | "clock">,
  caller: Caller,
  before: string | undefined,
) {
  const now = app.clock();
  const { keyHash, sessionId } = callerColumns(caller);
  const { listed } = await app.db.one(
    sql`select list_deliveries(${now}::timestamptz, ${keyHash}::bytea, ${sessionId}, ${before ?? null}::timestamptz,
      ${perPage}::int) as listed`,
    z.object({ listed: listedColumn }),
  );
  if (listed.kind !== "read") return listed;
  return { ...listed, deliveries: listed.deliveries.map((delivery) => shownDelivery(delivery, now)) };
}

const readColumn = z.discriminatedUnion("kind", [
  refused,
  z.object({ kind: z.literal("not_found") }),
  z.object({
    kind: z.literal("read"),
    keySeenLongAgo: z.boolean(),
    delivery: deliveryColumn,
    steps: z.array(z.object({ at: timeColumn, status: deliveryColumn.shape.status })),
  }),
]);

/** `not_found` for another account's. */
export async function readDelivery(app: Pick<App, "db" | "clock">, caller: Caller, id: string) {
  const now = app.clock();
  const { keyHash, sessionId } = callerColumns(caller);
  const { read } = await app.db.one(
    sql`select read_delivery(${now}::timestamptz, ${keyHash}::bytea, ${sessionId}, ${id}) as read`,
    z.object({ read: readColumn }),
  );
  return read.kind === "read" ? { ...read, delivery: shownDelivery(read.delivery, now) } : read;
}
