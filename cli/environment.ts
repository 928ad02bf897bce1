/** The environment of an operator's command: the variables it uses are checked as the functions check them. */
import { parseEnv, variablesOfProcess, type Env } from "../lib/env.ts";

/** Well-formed and useless: what a command doesn't use may be missing, as the webhook secret is before the endpoint. */
const notUsed = {
  URL: "https://not-used.invalid",
  DATABASE_URL: "postgres://not-used/cascade",
  STRIPE_SECRET_KEY: "sk_test_not_used",
  STRIPE_WEBHOOK_SECRET: "whsec_not_used",
  AIRTABLE_API_KEY: "not used",
  AIRTABLE_BASE_ID: "appNotUsed",
  UPSTASH_REDIS_REST_URL: "https://not-used.invalid",
  UPSTASH_REDIS_REST_TOKEN: "not used",
  JWT_SECRET_KEY: "not used by this command of the operator's",
} as const;

/** @throws BadEnvironment naming what is missing or wrong among `names`. */
export function environmentFor<Name extends keyof Env>(
  names: readonly Name[],
  variables: Readonly<Record<string, string | undefined>> = variablesOfProcess(),
): Pick<Env, Name> {
  return portsEnvironmentFor(names, variables);
}

/** The same for a command that opens ports of lib, which take the whole of it. */
export function portsEnvironmentFor(
  names: readonly (keyof Env)[],
  variables: Readonly<Record<string, string | undefined>> = variablesOfProcess(),
): Env {
  const given = Object.fromEntries(names.map((name) => [name, variables[name]]));
  const others = Object.entries(notUsed).filter(([name]) => !names.some((used) => used === name));
  return parseEnv({ ...Object.fromEntries(others), ...given });
}
