/** The database port's contract, held by both adapters: Neon's HTTP driver through the gateway, and a plain connection. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { startGateway, type Gateway } from "../../dev/postgres/gateway.ts";
import { openNeon } from "../../lib/db/neon.ts";
import { closePg, openPg } from "../../lib/db/pg.ts";
import { DatabaseRefusal, sql, type Database } from "../../lib/db/port.ts";
import { millisColumn } from "../../lib/db/columns.ts";
import { Unavailable } from "../../lib/errors.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
let gateway: Gateway;
let trips = 0;

beforeAll(async () => {
  database = await createDatabase();
  gateway = await startGateway();
});
afterAll(async () => {
  await closePg();
  await gateway.close();
  await database.drop();
});

type Opened = { readonly url: string; readonly actAs?: string };
const count = () => void (trips += 1);
const adapters: readonly (readonly [string, (options: Opened) => Database])[] = [
  ["neon", (options) => openNeon({ ...options, fetchEndpoint: `${gateway.url}/sql` }, count)],
  ["pg", (options) => openPg(options, count)],
];

describe.each(adapters)("%s", (_, open) => {
  const asApp = () => open({ url: database.appUrl });
  const asOwner = () => open({ url: database.ownerUrl, actAs: "cascade_app" });

  test("parameters of every kind arrive, rows come back parsed, each statement is one round trip", async () => {
    trips = 0;
    const at = new Date("2026-11-20T12:00:00Z");
    const row = await asApp().one(
      sql`select ${9_007_199_254_740_993n}::bigint as big, ${'it\'s \\ "so"'} as text, ${true}::boolean as yes, ${at}::timestamptz = ${at.toISOString()}::timestamptz as same,
        encode(${new Uint8Array([0, 255])}::bytea, 'hex') as bytes, ${["a", "b,c"]}::text[] as list, ${null}::text as nothing`,
      z.object({
        big: millisColumn,
        text: z.string(),
        yes: z.boolean(),
        same: z.boolean(),
        bytes: z.string(),
        list: z.array(z.string()),
        nothing: z.null(),
      }),
    );
    expect(row).toEqual({
      ...{ big: 9_007_199_254_740_993n, text: 'it\'s \\ "so"', yes: true, same: true },
      ...{ bytes: "00ff", list: ["a", "b,c"], nothing: null },
    });
    expect(trips).toBe(1);
  });

  test("an owner's connection acts as the application's role, in one round trip", async () => {
    trips = 0;
    const role = await asOwner().one(
      sql`select current_user as name, current_setting('statement_timeout') as timeout`,
      z.object({ name: z.string(), timeout: z.string() }),
    );
    expect(role).toEqual({ name: "cascade_app", timeout: "8s" });
    expect(trips).toBe(1);
    await expect(asOwner().query(sql`select * from accounts`, z.unknown())).rejects.toBeInstanceOf(
      DatabaseRefusal,
    );
  });

  test("a refusal carries its SQLSTATE and constraint", async () => {
    const refused = await asApp()
      .query(sql`select sign_up(now(), '{}', 'not an id', 'a@example.com', 'h', 'c', '{}')`, z.unknown())
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(DatabaseRefusal);
    expect(refused).toMatchObject({ code: "23514", constraint: "accounts_id_check" });
  });

  test("a statement that is cancelled is a service that is away, with nothing done", async () => {
    const cancelled = await asApp()
      .query(sql`select pg_cancel_backend(pg_backend_pid()), pg_sleep(5)`, z.unknown())
      .catch((error: unknown) => error);
    expect(cancelled).toBeInstanceOf(Unavailable);
    expect(cancelled).toMatchObject({ port: "postgres", effect: "none" });
  });

  test("a row of another shape than declared is not let in; one row means one row", async () => {
    await expect(asApp().query(sql`select 1.5 as n`, z.object({ n: millisColumn }))).rejects.toThrow();
    await expect(asApp().one(sql`select 1 as n where false`, z.unknown())).rejects.toThrow(/one row/);
    await expect(asApp().one(sql`select generate_series(1, 2)`, z.unknown())).rejects.toThrow(/one row/);
  });

  test("a server that isn't there is unavailable", async () => {
    const nowhere = new URL(database.appUrl);
    nowhere.port = "9";
    await expect(open({ url: nowhere.href }).query(sql`select 1`, z.unknown())).rejects.toBeInstanceOf(
      Unavailable,
    );
  });
});
