/** Whether the parts answer, and how much waits for a person. */
import * as z from "zod";
import type { App } from "../app.ts";
import { actsAsOwner } from "../db/open.ts";
import { sql } from "../db/port.ts";
import { messageOf } from "../errors.ts";
import { heldReasons } from "../rate/target.ts";

const probe = { name: "health", limit: 1_000, windowSeconds: 60 };

const whyHeld: Readonly<Record<(typeof heldReasons)[number], string>> = {
  stale: "its inputs in Redis are older than an hour",
  missing: "its inputs are not in Redis (consciousness:stats)",
  unreadable: "its inputs in Redis are no numbers within their range, or of no readable time",
  redis_away: "Redis did not answer the hourly run",
  override: "an admin has set it",
  not_run: "update-rate has not run for two hours",
};

export async function readHealth(app: Pick<App, "db" | "limiter" | "env" | "mail" | "clock" | "log">) {
  const [counts, verdict] = await Promise.all([
    app.db
      .one(
        sql`select health_counts(${app.clock()}::timestamptz) as counts, rate_held(${app.clock()}::timestamptz) as held`,
        z.object({ counts: z.record(z.string(), z.int()), held: z.enum(heldReasons).nullable() }),
      )
      .catch((error: unknown) => {
        app.log("health_postgres", { error: messageOf(error) });
        return null;
      }),
    app.limiter.take(probe, "probe"),
  ]);
  const checks = {
    postgres: counts ? ("ok" as const) : ("down" as const),
    redis: verdict.kind === "unavailable" ? ("down" as const) : ("ok" as const),
  };
  const warnings = [
    ...(actsAsOwner(app.env)
      ? ["DATABASE_URL is an owner's: every call switches to cascade_app; give the functions their own login"]
      : []),
    ...(counts?.held ? [`the rate is held: ${whyHeld[counts.held]}`] : []),
    ...(app.mail
      ? []
      : [
          "no mail provider is set up: nobody is told of alerts; `openAlerts` counts them, `select * from alerts where closed_at is null` shows them",
        ]),
  ];
  const ok = checks.postgres === "ok" && checks.redis === "ok";
  return {
    status: ok ? ("ok" as const) : ("degraded" as const),
    at: app.clock().toISOString(),
    checks,
    counts: counts?.counts ?? {},
    warnings,
  };
}
