/** One Postgres for the whole run, with a migrated template that each test file copies. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import type { TestProject } from "vitest/node";
import { migrate } from "../../cli/migrate.ts";
import { startPostgres } from "../../dev/postgres/server.ts";

declare module "vitest" {
  // Only an interface can be added to from outside.
  // eslint-disable-next-line @typescript-eslint/consistent-type-definitions
  export interface ProvidedContext {
    /** The owner's URL of the server, on its template database. */
    templateUrl: string;
  }
}

const template = "cascade_template";
export const appPassword = "cascade_app";

/** TEST_POSTGRES_URL (a superuser's, any database) runs the tests on a server of your own, Postgres 15 or later. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env["TEST_POSTGRES_URL"];
  const server = given ? undefined : await startPostgres({ folder: await newFolder(), keep: false });
  const adminUrl = given ?? server?.url("postgres") ?? "";
  const admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  await admin.query(`drop database if exists ${template} with (force)`);
  await admin.query(`create database ${template}`);
  await admin.end();
  const url = new URL(adminUrl);
  url.pathname = `/${template}`;
  await migrate(url.href, `postgres://cascade_app:${appPassword}@localhost/${template}`);
  project.provide("templateUrl", url.href);
  return async () => {
    await server?.close();
  };
}

/** Outside any folder that the server's own user might not be let into. */
function newFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "cascade-postgres-"));
}
