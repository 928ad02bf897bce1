/** The environment: one schema, read once, at the first call. Nothing else reads process.env. */
import * as z from "zod";

const url = z.url({ protocol: /^https?$/, error: "must be an http(s) URL" });
const postgresUrl = z.url({ protocol: /^postgres(ql)?$/, error: "must be a postgres:// URL" });
const smtpUrl = z
  .url({ protocol: /^smtps?$/, hostname: /./, error: "must be an smtp:// or smtps:// URL" })
  .regex(/^(?:[^%]|%[\da-f]{2})*$/i, "must have each % of its user or password written as %25");
const secret = z.string().min(1, "must not be empty");
const priceId = z.string().startsWith("price_", "must be a Stripe price (price_…)").optional();
const limitCents = z.coerce.number().int().positive().optional();
const signingSecret = z.string().min(32, "must have at least 32 characters");

const schema = z
  .object({
    URL: url,

    DATABASE_URL: postgresUrl,
    MIGRATION_DATABASE_URL: postgresUrl.optional(),
    DATABASE_DRIVER: z.enum(["neon", "pg"]).default("neon"),
    NEON_FETCH_ENDPOINT: url.optional(),

    STRIPE_SECRET_KEY: z
      .string()
      .regex(
        /^(sk|rk)_(live|test)_\w+$/,
        "must be a Stripe secret key (sk_live_…, sk_test_…) or restricted key (rk_…)",
      ),
    STRIPE_WEBHOOK_SECRET: z.string().startsWith("whsec_", "must be a webhook signing secret (whsec_…)"),
    STRIPE_API_BASE: url.optional(),
    STRIPE_PRICE_BUILDER_MONTH: priceId,
    STRIPE_PRICE_BUILDER_YEAR: priceId,
    STRIPE_PRICE_ARCHITECT_MONTH: priceId,
    STRIPE_PRICE_ARCHITECT_YEAR: priceId,
    STRIPE_PRICE_REVOLUTIONARY_MONTH: priceId,
    STRIPE_PRICE_REVOLUTIONARY_YEAR: priceId,
    STRIPE_PRICE_ENTERPRISE_MONTH: priceId,
    STRIPE_PRICE_ENTERPRISE_YEAR: priceId,
    TRIAL_DAYS: z.coerce.number().int().min(0).max(90).default(0),

    LIMIT_TRANSACTION_CENTS: limitCents,
    LIMIT_ACCOUNT_DAY_CENTS: limitCents,
    LIMIT_ACCOUNT_MONTH_CENTS: limitCents,
    LIMIT_CITIZEN_DAY_CENTS: limitCents,
    LIMIT_CITIZEN_MONTH_CENTS: limitCents,

    AIRTABLE_API_KEY: secret,
    AIRTABLE_BASE_ID: z.string().regex(/^app\w+$/, "must be an Airtable base id (app…)"),
    AIRTABLE_ENDPOINT_URL: url.optional(),
    VENICE_TRANSPORT: z.enum(["rows", "try_create"]).default("rows"),
    VENICE_API_URL: url.optional(),
    AIRTABLE_REQUESTS_PER_SECOND: z.coerce.number().int().positive().default(2),
    RESERVE_FLOOR_DUCATS: z.coerce.number().int().nonnegative().default(100_000),
    RESERVE_TARGET_DUCATS: z.coerce.number().int().positive().optional(),
    TREASURY_CITIZEN: z.string().min(1).optional(),

    UPSTASH_REDIS_REST_URL: url,
    UPSTASH_REDIS_REST_TOKEN: secret,
    REDIS_TIMEOUT_MS: z.coerce.number().int().positive().default(200),

    JWT_SECRET_KEY: signingSecret,
    JWT_PREVIOUS_SECRET_KEY: signingSecret.optional(),

    RESEND_API_KEY: secret.optional(),
    SMTP_URL: smtpUrl.optional(),
    MAIL_API_BASE: url.optional(),
    MAIL_FROM: z.string().includes("@").optional(),
    OPERATOR_EMAIL: z.email().optional(),
  })
  .refine((env) => !(env.STRIPE_API_BASE && env.STRIPE_SECRET_KEY.includes("_live_")), {
    path: ["STRIPE_API_BASE"],
    error: "must not be set together with a live key",
  })
  .refine((env) => env.VENICE_TRANSPORT === "rows" || env.VENICE_API_URL, {
    path: ["VENICE_TRANSPORT"],
    error: "try_create needs VENICE_API_URL beside it",
  })
  .refine((env) => (env.RESERVE_TARGET_DUCATS ?? Infinity) >= env.RESERVE_FLOOR_DUCATS, {
    path: ["RESERVE_TARGET_DUCATS"],
    error: "must not be below RESERVE_FLOOR_DUCATS",
  })
  .refine((env) => !env.RESEND_API_KEY || (env.MAIL_FROM && env.OPERATOR_EMAIL), {
    path: ["RESEND_API_KEY"],
    error: "needs MAIL_FROM and OPERATOR_EMAIL beside it",
  })
  .refine((env) => !env.SMTP_URL || (env.MAIL_FROM && env.OPERATOR_EMAIL), {
    path: ["SMTP_URL"],
    error: "needs MAIL_FROM and OPERATOR_EMAIL beside it",
  })
  .refine((env) => !(env.RESEND_API_KEY && env.SMTP_URL), {
    path: ["SMTP_URL"],
    error: "must not be set together with RESEND_API_KEY: mail goes one way",
  });

export type Env = z.output<typeof schema>;

/** Raised at the first call of a function whose environment is wrong; names each variable and shows no value. */
export class BadEnvironment extends Error {
  override readonly name = "BadEnvironment";
}

/**
 * Parses variables; an empty one counts as not set. Netlify Database's own URL serves when DATABASE_URL is not set.
 * @throws BadEnvironment
 */
export function parseEnv(variables: Readonly<Record<string, string | undefined>>): Env {
  const given = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ""));
  given["DATABASE_URL"] ??= given["NETLIFY_DB_URL"];
  const parsed = schema.safeParse(given, { reportInput: false });
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => {
    const name = issue.path.join(".");
    return given[name] === undefined ? `${name} is not set` : `${name}: ${issue.message}`;
  });
  throw new BadEnvironment(`Set these variables (see .env.example): ${faults.join("; ")}`);
}

/** This process's variables as they are: for the operator's commands, which need some of them only. */
export function variablesOfProcess(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

let cached: Env | undefined;

/** This process's environment. @throws BadEnvironment */
export function env(): Env {
  cached ??= parseEnv(variablesOfProcess());
  return cached;
}

/** Whether the site takes real money. */
export function isLive(env: Pick<Env, "STRIPE_SECRET_KEY">): boolean {
  return env.STRIPE_SECRET_KEY.includes("_live_");
}
