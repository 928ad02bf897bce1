/** Which service is a stand-in's and which is your own, decided by the variables; the two are never mixed. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { freePort } from "./ports.ts";

export type Variables = Readonly<Record<string, string>>;
export type Given = Readonly<Record<string, string | undefined>>;

/**
 * `chooses`: one of these set to something of yours means your own service. `needs`: what is needed then. `standInOnly`:
 * what then must not keep the stand-in's address; empty, and so not set, unless you gave it.
 */
const services = {
  postgres: {
    chooses: ["DATABASE_URL", "MIGRATION_DATABASE_URL"],
    needs: ["DATABASE_URL"],
    standInOnly: ["MIGRATION_DATABASE_URL", "NEON_FETCH_ENDPOINT"],
  },
  upstash: {
    chooses: ["UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"],
    needs: ["UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"],
    standInOnly: [],
  },
  stripe: {
    chooses: ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"],
    needs: ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"],
    standInOnly: ["STRIPE_API_BASE"],
  },
  airtable: {
    chooses: ["AIRTABLE_API_KEY", "AIRTABLE_BASE_ID"],
    needs: ["AIRTABLE_API_KEY", "AIRTABLE_BASE_ID"],
    // The game's API acts on the base it stands beside: with a base of one side and an API of the other, they'd be two Venices.
    standInOnly: ["AIRTABLE_ENDPOINT_URL", "VENICE_API_URL"],
  },
  mailbox: {
    chooses: ["RESEND_API_KEY"],
    needs: ["RESEND_API_KEY", "MAIL_FROM", "OPERATOR_EMAIL"],
    standInOnly: ["MAIL_API_BASE"],
  },
} as const;

/** Mail has a second way out: with a mail server of yours, what leads to Resend is the stand-in's alone. */
const mailServer = {
  chooses: ["SMTP_URL"],
  needs: ["SMTP_URL", "MAIL_FROM", "OPERATOR_EMAIL"],
  standInOnly: ["RESEND_API_KEY", "MAIL_API_BASE"],
} as const;

export type Service = keyof typeof services;
export const serviceNames = Object.keys(services) as readonly Service[];

export type Environment = {
  /** Every variable of the stand-ins, as the functions must see it; one that must not be set is empty. */
  readonly variables: Variables;
  readonly standIns: ReadonlySet<Service>;
};

/** A choice that can't work; its message says what to change. */
export class BadChoice extends Error {
  override readonly name = "BadChoice";
}

/**
 * Chooses each service. An empty variable counts as not given, as it does in lib/env.ts.
 * @throws BadChoice when a service of your own is half given.
 */
export function chooseEnvironment(given: Given, defaults: Variables): Environment {
  const own = (name: string): boolean => Boolean(given[name]) && given[name] !== defaults[name];
  const variables: Record<string, string> = Object.fromEntries(
    Object.entries(defaults).map(([name, value]) => [name, given[name] || value]),
  );
  const standIns = new Set<Service>();
  for (const service of serviceNames) {
    const isMailServer = service === "mailbox" && own("SMTP_URL");
    const { chooses, needs, standInOnly } = isMailServer ? mailServer : services[service];
    const chosen = [...chooses, ...standInOnly].filter(own);
    if (chosen.length === 0) {
      standIns.add(service);
      continue;
    }
    const missing = needs.filter((name) => !own(name));
    if (missing.length > 0)
      throw new BadChoice(
        `${chosen.join(" and ")} is yours, so ${missing.join(" and ")} must be yours, too.`,
      );
    for (const name of standInOnly) if (!own(name)) variables[name] = "";
    // The stand-ins have no line for some of these.
    for (const name of chosen) variables[name] = given[name] ?? "";
  }
  return { variables, standIns };
}

/**
 * What the functions will see must be what was chosen: under `netlify dev` alone, nobody empties the stand-in's address
 * for them.
 * @throws BadChoice
 */
export function assertSeenByFunctions({ variables }: Environment, given: Given): void {
  const wrong = Object.keys(variables).filter((name) => (given[name] ?? "") !== variables[name]);
  const empty = wrong.filter((name) => variables[name] === "");
  if (empty.length > 0)
    throw new BadChoice(
      `You set a service of your own, but the functions would still see the stand-in's ${empty.join(" and ")}: ` +
        `add ${empty.map((name) => `${name}=`).join(" and ")} (empty) to .env, or use npm start, which does that.`,
    );
  if (wrong.length > 0)
    throw new BadChoice(
      `${wrong.join(", ")} ${wrong.length === 1 ? "is" : "are"} empty in your .env file or shell, which hides what ` +
        "netlify.toml has for development: remove the empty lines, or use npm start, which does that.",
    );
}

/** The .env files as `netlify dev` reads them, the process's own variables before them all. */
export function readGiven(folder: string, own: Given): Given {
  const files = [".env", ".env.development", ".env.local", ".env.development.local"];
  const paths = files.map((name) => join(folder, name)).filter((path) => existsSync(path));
  return Object.assign({}, ...paths.map((path) => parseEnv(readFileSync(path, "utf8"))), own) as Given;
}

/** The stand-ins' variables with every port replaced by a free one: for tests and the demonstration. */
export async function withFreePorts(defaults: Variables): Promise<Variables> {
  const ports = new Map<string, number>();
  const moved: Record<string, string> = {};
  for (const [name, value] of Object.entries(defaults)) {
    const port = /127\.0\.0\.1:(\d+)/.exec(value)?.[1];
    if (port !== undefined && !ports.has(port)) ports.set(port, await freePort());
    moved[name] = port === undefined ? value : value.replace(`:${port}`, `:${ports.get(port)}`);
  }
  return moved;
}
