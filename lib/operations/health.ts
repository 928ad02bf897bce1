/** Whether the parts answer, and how much waits for a person. */
import * as z from "zod";
import type { App } from "../app.ts";
import { actsAsOwner } from "../db/open.ts";
import { sql } from "../db/port.ts";
import { messageOf } from "../errors.ts";

const probe = { name: "health", limit: 1_000, windowSeconds: 60 };

export async function readHealth(app: Pick<App, "db" | "limiter" | "env" | "mail" | "clock" | "log">) {
  const [counts, verdict] = await Promise.all([
    app.db
      .one(
        sql`select health_counts(${app.clock()}::timestamptz) as counts`,
        z.object({ counts: z.record(z.string(), z.int()) }),
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
    ...(app.mail ? [] : ["no mail provider is set up: alerts are shown here and in the log only"]),
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
