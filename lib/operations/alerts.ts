/** What a person must look at: opened once, closed when it is mended. Its letter to the operator is queued with it. */
import * as z from "zod";
import type { App } from "../app.ts";
import { sql } from "../db/port.ts";

export type AlertName = { readonly kind: string; readonly subject: string };

/** Opens an alert; one that is open already stays as it is. */
export async function openAlert(
  { db, clock }: Pick<App, "db" | "clock">,
  alert: AlertName & { readonly message: string },
): Promise<void> {
  await db.query(
    sql`select open_alert(${clock()}::timestamptz, ${alert.kind}, ${alert.subject}, ${alert.message})`,
    z.unknown(),
  );
}

export async function closeAlert({ db, clock }: Pick<App, "db" | "clock">, alert: AlertName): Promise<void> {
  await db.query(
    sql`select close_alert(${clock()}::timestamptz, ${alert.kind}, ${alert.subject})`,
    z.unknown(),
  );
}
