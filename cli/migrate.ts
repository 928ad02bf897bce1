/** `npm run migrate`: brings a database to the newest schema and opens it to the application's role. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import pg from "pg";
import { environmentFor } from "./environment.ts";

const folder = new URL("../migrations/", import.meta.url);
/** Any fixed number: two runs at once wait for each other. */
const advisoryLock = 7_206_911_305;

/**
 * Applies the migrations that are missing, each in a database transaction of its own, in the order of their names.
 * @returns the names applied now.
 * @throws when a migration that was applied has been edited since, or when one fails (none of it stays).
 */
export async function migrate(ownerUrl: string, appUrl?: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    await client.query("select pg_advisory_lock($1)", [advisoryLock]);
    await client.query(
      "create table if not exists schema_migrations (name text primary key, sha256 text not null, applied_at timestamptz not null default now())",
    );
    const { rows } = await client.query<{ name: string; sha256: string }>(
      "select name, sha256 from schema_migrations",
    );
    const known = new Map(rows.map((row) => [row.name, row.sha256]));
    const applied: string[] = [];
    for (const name of (await readdir(folder)).filter((file) => file.endsWith(".sql")).sort()) {
      const text = await readFile(new URL(name, folder), "utf8");
      const sha256 = createHash("sha256").update(text).digest("hex");
      const before = known.get(name);
      if (before === sha256) continue;
      if (before) throw new Error(`${name} was edited after it was applied: migrations only go forward`);
      await apply(client, name, text, sha256);
      applied.push(name);
    }
    if (appUrl) await openToApplication(client, appUrl);
    return applied;
  } finally {
    await client.end();
  }
}

async function apply(client: pg.Client, name: string, text: string, sha256: string): Promise<void> {
  await client.query("begin");
  try {
    await client.query(text);
    await client.query("insert into schema_migrations (name, sha256) values ($1, $2)", [name, sha256]);
    await client.query("commit");
  } catch (cause) {
    await client.query("rollback");
    throw new Error(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** Lets cascade_app log in with the password of DATABASE_URL. */
async function openToApplication(client: pg.Client, appUrl: string): Promise<void> {
  const { username, password } = new URL(appUrl);
  if (username !== "cascade_app") return;
  const secret = client.escapeLiteral(decodeURIComponent(password));
  await client.query(`alter role cascade_app login password ${secret}`);
}

if (import.meta.main) {
  const { MIGRATION_DATABASE_URL, DATABASE_URL } = environmentFor(["MIGRATION_DATABASE_URL", "DATABASE_URL"]);
  const applied = await migrate(MIGRATION_DATABASE_URL ?? DATABASE_URL, DATABASE_URL);
  console.log(applied.length > 0 ? `Applied ${applied.join(", ")}.` : "The schema is up to date.");
}
