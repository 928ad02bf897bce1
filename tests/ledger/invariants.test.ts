/** The books' laws, held by the database against the application's own role and against the tables' owner. */
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openAccount } from "../support/accounts-in-sql.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
let app: pg.Client;
const account = "acc_aaaaaaaaaaaaaaaaaaaa";
const other = "acc_bbbbbbbbbbbbbbbbbbbb";

beforeAll(async () => {
  database = await createDatabase();
  app = new pg.Client({ connectionString: database.appUrl });
  await app.connect();
  for (const id of [account, other]) await openAccount(app, id, id.replace("acc_", "ses_"));
});
afterAll(async () => {
  await app.end();
  await database.drop();
});

let keys = 0;
const key = () => `test:${(keys += 1)}`;

/** Runs statements in one database transaction; the constraint or SQLSTATE that refused it, or null. */
async function refusal(client: pg.Client, ...statements: string[]): Promise<string | null> {
  await client.query("begin");
  try {
    for (const statement of statements) await client.query(statement);
    await client.query("commit");
    return null;
  } catch (error) {
    await client.query("rollback");
    if (!(error instanceof pg.DatabaseError)) throw error;
    return error.constraint ?? error.code ?? "unknown";
  }
}

const denied = "42501";
const header = (name: string) =>
  `insert into transactions (id, business_key, kind, posted_at) values (900${keys}, '${name}', 'test', now())`;
const entry = (transaction: string, ledger: string, amount: number, owner: string | null = null) =>
  `insert into entries (transaction_id, ledger, account_id, amount) values (${transaction}, '${ledger}', ${owner ? `'${owner}'` : "null"}, ${amount})`;

describe("as the application's role", () => {
  const tables = [
    "transactions",
    "entries",
    "balances",
    "accounts",
    "purchases",
    "deliveries",
    "stripe_events",
    "api_keys",
  ];

  test.each(tables)("%s can be neither read, written, changed, emptied nor dropped", async (table) => {
    expect(await refusal(app, `select * from ${table}`)).toBe(denied);
    expect(await refusal(app, `insert into ${table} default values`)).toBe(denied);
    expect(await refusal(app, `delete from ${table}`)).toBe(denied);
    expect(await refusal(app, `truncate ${table} cascade`)).toBe(denied);
    expect(await refusal(app, `drop table ${table} cascade`)).toBe(denied);
    const { rows } = await database.owner.query<{ name: string }>(
      "select column_name as name from information_schema.columns where table_name = $1 and is_generated = 'NEVER' and is_identity = 'NO'",
      [table],
    );
    for (const { name } of rows)
      expect(await refusal(app, `update ${table} set ${name} = ${name}`)).toBe(denied);
  });

  test("posting by hand and the internal functions are closed", async () => {
    expect(await refusal(app, `select post(now(), 'x', 'x', array[('wallet', '${account}', 1)::leg])`)).toBe(
      denied,
    );
    expect(await refusal(app, `select credit_legs('${account}', 1)`)).toBe(denied);
    expect(await refusal(app, `select record_usage(now(), '${account}', 'x', 'x', 1)`)).toBe(denied);
    const { rows } = await database.owner.query<{ name: string }>(
      `select p.proname as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       where n.nspname = 'public' and has_function_privilege('cascade_app', p.oid, 'execute') order by 1`,
    );
    expect(rows.map(({ name }) => name)).toMatchSnapshot();
  });

  test("nothing can be created: no table, no function that would run with another's rights", async () => {
    expect(await refusal(app, "create table mine (x int)")).toBe(denied);
    expect(await refusal(app, "create function public.now() returns int language sql as 'select 1'")).toBe(
      denied,
    );
    expect(await refusal(app, "alter role cascade_app superuser")).toBe(denied);
  });

  test("a temporary table of the same name deceives no definer function", async () => {
    await app
      .query("create temporary table balances (account_id text, wallet bigint, debt bigint)")
      .catch(() => null);
    await app.query(`insert into pg_temp.balances values ('${account}', 1000000, 0)`).catch(() => null);
    const { rows } = await app.query<{ answer: { status: { walletMillis: number } } }>(
      "select credit_status(now(), null, $1) as answer",
      [account.replace("acc_", "ses_")],
    );
    expect(rows[0]?.answer.status.walletMillis).toBe(0);
    await app.query("discard temp");
  });

  test("every definer function has a fixed search_path", async () => {
    const open = await database.rows(
      `select proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       where n.nspname = 'public' and prosecdef and not coalesce(proconfig @> array['search_path=pg_catalog, public, pg_temp'], false)`,
    );
    expect(open).toEqual([]);
  });
});

describe("as the tables' owner", () => {
  beforeEach(() => void (keys += 1));

  test("a balanced posting is accepted, and moves the balance", async () => {
    await database.rows(
      `select post(now(), '${key()}', 'test', array[('wallet', '${account}', 500)::leg, ('issuance', null, -500)::leg])`,
    );
    const [row] = await database.rows<{ wallet: string }>(
      "select wallet from balances where account_id = $1",
      [account],
    );
    expect(row?.wallet).toBe("500");
  });

  test("an unbalanced posting fails, in ducats and across currencies", async () => {
    const unbalanced = (legs: string) =>
      refusal(database.owner, `select post(now(), '${key()}', 'test', array[${legs}])`);
    expect(await unbalanced(`('wallet', '${account}', 500)::leg, ('issuance', null, -499)::leg`)).toBe(
      "entries_sum_to_zero",
    );
    expect(await unbalanced(`('issuance', null, 500)::leg, ('sales', null, -500)::leg`)).toBe(
      "entries_sum_to_zero",
    );
    expect(await unbalanced(`('wallet', '${account}', 500)::leg`)).toBe("entries_sum_to_zero");
  });

  test("a header without entries fails at commit, also when the check is forced early and undone", async () => {
    expect(await refusal(database.owner, header(key()))).toBe("transactions_have_entries");
    expect(await refusal(database.owner, header(key()), "set constraints all immediate")).toBe(
      "transactions_have_entries",
    );
  });

  test("an entry of its own, later in the same database transaction, fails as well", async () => {
    const first = header(key());
    const id = `900${keys}`;
    const balanced = `insert into entries (transaction_id, ledger, account_id, amount) values (${id}, 'wallet', '${account}', 5), (${id}, 'issuance', null, -5)`;
    expect(
      await refusal(
        database.owner,
        first,
        balanced,
        "set constraints all immediate",
        entry(id, "wallet", 5, account),
      ),
    ).toBe("entries_sum_to_zero");
  });

  test("an entry appended to an old transaction fails, balanced or not", async () => {
    const [{ id } = { id: "0" }] = await database.rows<{ id: string }>(
      "select max(id)::text as id from transactions",
    );
    expect(await refusal(database.owner, entry(id, "wallet", 5, account))).toBe("entries_with_their_header");
    const pair = `insert into entries (transaction_id, ledger, account_id, amount) values (${id}, 'wallet', '${account}', 5), (${id}, 'issuance', null, -5)`;
    expect(await refusal(database.owner, pair)).toBe("entries_with_their_header");
  });

  test("entries and headers can be neither changed nor removed", async () => {
    for (const table of ["transactions", "entries"]) {
      expect(await refusal(database.owner, `delete from ${table}`)).toBe("append_only");
      expect(await refusal(database.owner, `truncate ${table} cascade`)).toBe("append_only");
    }
    expect(await refusal(database.owner, "update entries set amount = 1")).toBe("append_only");
    expect(await refusal(database.owner, "update transactions set kind = 'other'")).toBe("append_only");
  });

  test("a balance is moved by entries only, begins at zero and cannot be removed", async () => {
    expect(await refusal(database.owner, "update balances set wallet = wallet + 1")).toBe(
      "balances_follow_entries",
    );
    expect(await refusal(database.owner, "delete from balances")).toBe("balances_follow_entries");
    expect(await refusal(database.owner, "truncate balances")).toBe("balances_follow_entries");
    const planted =
      "insert into accounts (id, email, password_hash, citizen, created_at) values ('acc_cccccccccccccccccccc', 'c@example.com', 'h', 'C', now())";
    expect(
      await refusal(
        database.owner,
        planted,
        "insert into balances (account_id, wallet) values ('acc_cccccccccccccccccccc', 5)",
      ),
    ).toBe("balances_begin_at_zero");
  });

  test.each(["wallet", "transit", "frozen", "held", "recall"])("%s never goes below zero", async (ledger) => {
    const take = `select post(now(), '${key()}', 'test', array[('${ledger}', '${other}', -1)::leg, ('spent', null, 1)::leg])`;
    expect(await refusal(database.owner, take)).toBe(`${ledger}_not_negative`);
  });

  test("debt never goes above zero, and no balance passes what JSON can say exactly", async () => {
    const give = `select post(now(), '${key()}', 'test', array[('debt', '${other}', 1)::leg, ('spent', null, -1)::leg])`;
    expect(await refusal(database.owner, give)).toBe("debt_not_positive");
    const flood = `select post(now(), '${key()}', 'test', array[('wallet', '${other}', 9007199254740992)::leg, ('issuance', null, -9007199254740992)::leg])`;
    expect(await refusal(database.owner, flood)).toBe("balances_exact_in_json");
  });

  test("a business key is posted once, fifty tries at once", async () => {
    const name = key();
    const clients = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const client = new pg.Client({ connectionString: database.ownerUrl });
        await client.connect();
        return client;
      }),
    );
    const post = `select post(now(), '${name}', 'test', array[('wallet', '${other}', 7)::leg, ('issuance', null, -7)::leg])`;
    const posted = await Promise.all(
      clients.map(async (client) => {
        let count = 0;
        for (let round = 0; round < 5; round += 1) if ((await refusal(client, post)) === null) count += 1;
        return count;
      }),
    );
    expect(posted.reduce((sum, count) => sum + count)).toBe(1);
    await Promise.all(clients.map((client) => client.end()));
  });

  test("a customer's ledger needs its account, a system ledger has none, an unknown ledger is refused", async () => {
    const posted = (legs: string) =>
      refusal(database.owner, `select post(now(), '${key()}', 'test', array[${legs}])`);
    expect(await posted(`('wallet', null, 5)::leg, ('issuance', null, -5)::leg`)).toBe("entries_owner");
    expect(await posted(`('wallet', '${account}', 5)::leg, ('issuance', '${account}', -5)::leg`)).toBe(
      "entries_owner",
    );
    expect(await posted(`('purse', null, 5)::leg, ('issuance', null, -5)::leg`)).toBe("entries_known_ledger");
  });
});

test("transfers between the same customers in opposite orders never deadlock, and the books balance", async () => {
  const clients = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const client = new pg.Client({ connectionString: database.ownerUrl });
      await client.connect();
      return client;
    }),
  );
  const fill = (id: string) =>
    database.rows(
      `select post(now(), '${key()}', 'test', array[('wallet', '${id}', 1000)::leg, ('issuance', null, -1000)::leg])`,
    );
  await fill(account);
  await fill(other);
  await Promise.all(
    clients.map(async (client, index) => {
      const [from, to] = index % 2 === 0 ? [account, other] : [other, account];
      for (let round = 0; round < 25; round += 1)
        await client.query(
          `select post(now(), '${key()}', 'test', array[('wallet', '${from}', -3)::leg, ('wallet', '${to}', 3)::leg])`,
        );
    }),
  );
  await Promise.all(clients.map((client) => client.end()));
  expect(await database.rows("select * from balance_differences")).toEqual([]);
  expect(
    await database.rows("select currency from trial_balance group by currency having sum(amount) <> 0"),
  ).toEqual([]);
});
