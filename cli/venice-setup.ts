/** `npm run venice:setup [-- --yes]`: the processor citizen, who pays our customers in Venice; made when missing. */
import Airtable from "airtable";
import { parseArgs } from "node:util";
import type { Env } from "../lib/env.ts";
import { millisOfDecimal, printDucats } from "../lib/money.ts";
import { PROCESSOR } from "../lib/processor.ts";
import { formulaText } from "../lib/venice/row.ts";
import { confirm } from "./confirm.ts";
import { environmentFor } from "./environment.ts";

type VeniceEnv = Pick<Env, "AIRTABLE_API_KEY" | "AIRTABLE_BASE_ID" | "AIRTABLE_ENDPOINT_URL">;

const requestTimeoutMs = 8_000;

/** The citizen as the game's own setup makes it. The ducats are written once, here, and never again. */
const processor = {
  CitizenId: PROCESSOR,
  Username: PROCESSOR,
  FirstName: "CASCADE",
  LastName: "Payment Processor",
  SocialClass: "Innovatori",
  Ducats: 1_000_000,
  Influence: 1_000,
  IsAI: true,
  InVenice: true,
  Description: "Pays the ducats that citizens buy through CASCADE.",
};

export type VenicePlan =
  | { readonly kind: "create"; readonly citizen: typeof processor }
  | { readonly kind: "present"; readonly recordId: string; readonly purse: string }
  /** Several of one name: which one pays is chance, and a person must remove the others. */
  | { readonly kind: "several"; readonly recordIds: readonly string[] };

/** Pure: what follows from the processor citizens that were found. */
export function planVenice(found: readonly { readonly id: string; readonly ducats: unknown }[]): VenicePlan {
  const [first, ...others] = found;
  if (!first) return { kind: "create", citizen: processor };
  if (others.length > 0) return { kind: "several", recordIds: found.map(({ id }) => id) };
  const purse = millisOfDecimal(first.ducats);
  return {
    kind: "present",
    recordId: first.id,
    purse: purse === undefined ? "no number" : `${printDucats(purse)} ducats`,
  };
}

export async function readVenice(
  env: VeniceEnv,
): Promise<{ readonly id: string; readonly ducats: unknown }[]> {
  const filterByFormula = `{Username}=${formulaText(PROCESSOR)}`;
  const records = await base(env)("CITIZENS")
    .select({ filterByFormula, fields: ["Username", "Ducats"] })
    .all();
  return records.map((record) => ({ id: record.id, ducats: record.get("Ducats") }));
}

/** Makes the citizen; changes nothing about one that is there. */
export async function applyVenice(env: VeniceEnv, plan: VenicePlan): Promise<void> {
  if (plan.kind !== "create") return;
  await base(env)("CITIZENS").create([{ fields: plan.citizen }]);
}

function base(env: VeniceEnv): Airtable.Base {
  return new Airtable({
    apiKey: env.AIRTABLE_API_KEY,
    ...(env.AIRTABLE_ENDPOINT_URL && { endpointUrl: env.AIRTABLE_ENDPOINT_URL }),
    noRetryIfRateLimited: true,
    requestTimeout: requestTimeoutMs,
  }).base(env.AIRTABLE_BASE_ID);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { yes: { type: "boolean", default: false } } });
  const env = environmentFor(["AIRTABLE_API_KEY", "AIRTABLE_BASE_ID", "AIRTABLE_ENDPOINT_URL"]);
  const plan = planVenice(await readVenice(env));
  if (plan.kind === "several")
    throw new Error(
      `There are ${plan.recordIds.length} citizens ${PROCESSOR} (${plan.recordIds.join(", ")}): keep one.`,
    );
  if (plan.kind === "present") {
    console.log(`Nothing to do: ${PROCESSOR} is there, with ${plan.purse}. Its purse is never written here.`);
    return;
  }
  console.log(`In base ${env.AIRTABLE_BASE_ID}:\n  + citizen ${PROCESSOR}`);
  for (const [field, value] of Object.entries(plan.citizen)) console.log(`      ${field}: ${value}`);
  if (!values.yes && !(await confirm("Create this citizen?"))) {
    console.log("Nothing was changed. Answer y, or pass --yes.");
    process.exitCode = 1;
    return;
  }
  await applyVenice(env, plan);
  console.log("  done.");
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    // airtable.js throws what is no Error.
    if (error instanceof Airtable.Error)
      console.error(`Airtable answered ${error.statusCode} ${error.error}: ${error.message}`);
    else console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
