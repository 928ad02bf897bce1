/** A database of a test file's own, copied from the migrated template. */
import pg from "pg";
import { inject } from "vitest";
import { appPassword } from "./postgres.ts";

export type TestDatabase = {
  readonly ownerUrl: string;
  readonly appUrl: string;
  /** A connection as the owner, for looking and for planting. */
  readonly owner: pg.Client;
  /** The rows of a query, as the owner. */
  rows<Row extends pg.QueryResultRow>(text: string, params?: unknown[]): Promise<Row[]>;
  drop(): Promise<void>;
};

let made = 0;

export async function createDatabase(): Promise<TestDatabase> {
  const templateUrl = inject("templateUrl");
  made += 1;
  const name = `test_${process.pid}_${made}_${Math.random().toString(36).slice(2, 8)}`;
  await asAdmin(templateUrl, `create database ${name} template ${new URL(templateUrl).pathname.slice(1)}`);
  const ownerUrl = new URL(templateUrl);
  ownerUrl.pathname = `/${name}`;
  const appUrl = new URL(ownerUrl);
  appUrl.username = "cascade_app";
  appUrl.password = appPassword;
  const owner = new pg.Client({ connectionString: ownerUrl.href });
  await owner.connect();
  return {
    ownerUrl: ownerUrl.href,
    appUrl: appUrl.href,
    owner,
    async rows<Row extends pg.QueryResultRow>(text: string, params: unknown[] = []) {
      return (await owner.query<Row>(text, params)).rows;
    },
    async drop() {
      await owner.end();
      await asAdmin(templateUrl, `drop database if exists ${name} with (force)`);
    },
  };
}

/** Databases are made and dropped from `postgres`: the template must have no connection while it is copied. */
async function asAdmin(templateUrl: string, statement: string): Promise<void> {
  const url = new URL(templateUrl);
  url.pathname = "/postgres";
  const admin = new pg.Client({ connectionString: url.href });
  await admin.connect();
  try {
    // Two copies of one template at once collide: an advisory lock makes them queue.
    await admin.query("select pg_advisory_lock(815)");
    await admin.query(statement);
  } finally {
    await admin.end();
  }
}
