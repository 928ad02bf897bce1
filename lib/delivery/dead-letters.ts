/** Deliveries that wait for a person: what is known of each, and what an admin may decide. */
import * as z from "zod";
import type { App } from "../app.ts";
import { timeColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import { PROCESSOR } from "../processor.ts";
import { deliveryColumn } from "./show.ts";

const perPage = 50;

const listedColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.enum(["unauthorised", "not_found"]) }),
  z.object({
    kind: z.literal("listed"),
    deliveries: z.array(
      deliveryColumn.extend({
        accountId: z.string(),
        recordId: z.string().nullable(),
        tries: z.int(),
        lastError: z.string().nullable(),
        parkedAt: timeColumn.nullable(),
        evidence: z.record(z.string(), z.unknown()).nullable(),
      }),
    ),
  }),
]);

/** For support and admins, the oldest first; `not_found` for everybody else. */
export async function listDeadLetters(app: Pick<App, "db" | "clock">, sessionId: string) {
  const { listed } = await app.db.one(
    sql`select list_dead_letters(${app.clock()}::timestamptz, ${sessionId}, ${perPage}::int) as listed`,
    z.object({ listed: listedColumn }),
  );
  return listed;
}

export type Decision = {
  readonly action: "look" | "resend" | "return" | "arrived";
  readonly reason: string;
};

const foundColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.enum(["unauthorised", "not_found"]) }),
  z.object({ kind: z.literal("found"), recordIds: z.array(z.string()), citizen: z.string() }),
]);

/** For admins; `not_possible` where the delivery's state doesn't allow it. @throws Unavailable (a look reads Venice) */
export async function decideDelivery(
  app: Pick<App, "db" | "venice" | "clock" | "visit">,
  sessionId: string,
  id: string,
  { action, reason }: Decision,
): Promise<"done" | "not_possible" | "not_found" | "unauthorised"> {
  let seen: object | null = null;
  if (action === "look") {
    const { found } = await app.db.one(
      sql`select dead_letter(${app.clock()}::timestamptz, ${sessionId}, ${id}) as found`,
      z.object({ found: foundColumn }),
    );
    if (found.kind !== "found") return found.kind;
    seen = await look(app, found.recordIds, found.citizen);
  }
  const { outcome } = await app.db.one(
    sql`select decide_delivery(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${sessionId}, ${id}, ${action},
      ${reason}, ${seen === null ? null : JSON.stringify(seen)}::jsonb) as outcome`,
    z.object({ outcome: z.enum(["done", "not_possible", "not_found", "unauthorised"]) }),
  );
  return outcome;
}

/** The rows and both purses, as they are now; `rows` is null where none is known: nothing was looked for. */
async function look(app: Pick<App, "venice" | "clock">, recordIds: readonly string[], citizen: string) {
  const rows = recordIds.length === 0 ? null : await app.venice.findRows({ recordIds });
  const purses = await app.venice.purses([citizen, PROCESSOR]);
  const millisOf = (name: string) => purses.get(name)?.toString() ?? null;
  return {
    at: app.clock().toISOString(),
    rows,
    citizenPurseMillis: millisOf(citizen),
    processorPurseMillis: millisOf(PROCESSOR),
  };
}
