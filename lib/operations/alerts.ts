/** Mails the operator each alert once: the alert's row is the outbox, its id the provider's idempotency key. */
import * as z from "zod";
import type { App } from "../app.ts";
import { timeColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import { messageOf, Unavailable } from "../errors.ts";

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

const alertRow = z.object({
  id: z.string(),
  kind: z.string(),
  subject: z.string(),
  message: z.string(),
  opened_at: timeColumn,
});

const perRun = 20;

/** Nothing is sent where no mail provider is set up; then `health` and the log show the alerts. */
export async function mailAlerts(app: Pick<App, "db" | "mail" | "env" | "clock" | "log">): Promise<number> {
  const { mail, env } = app;
  if (!mail || !env.OPERATOR_EMAIL) return 0;
  const alerts = await app.db.query(sql`select * from unmailed_alerts(${perRun}::int)`, alertRow);
  let mailed = 0;
  for (const alert of alerts) {
    try {
      await mail.send({
        to: env.OPERATOR_EMAIL,
        subject: `CASCADE: ${alert.kind.replaceAll("_", " ")} (${alert.subject})`,
        text: `${alert.message}\n\nNoticed at ${alert.opened_at}. You get this message once.\n`,
        // With its time: another database's first alert has the same id.
        idempotencyKey: `${alert.id}-${alert.opened_at}`,
      });
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      // The others have their own fate; the next run tries this one again.
      app.log("alert_not_mailed", { alert: alert.id, error: messageOf(error) });
      continue;
    }
    await app.db.query(sql`select alert_mailed(${app.clock()}::timestamptz, ${alert.id})`, z.unknown());
    mailed += 1;
  }
  return mailed;
}
