/** The security log: what was done to an account, read by its owner and by staff, written once and never changed. */
import pg from "pg";
import { describe, expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { useWorld } from "../../support/world.ts";
import { plantPerson, type Person } from "../../authorisation/people.ts";

const world = useWorld();
const log = useLog();

type Entry = {
  readonly id: number;
  readonly act: string;
  readonly actor: string;
  readonly network: string | null;
  readonly agent: string | null;
};

async function read({ session }: Person, query: Record<string, string | number> = {}) {
  const tail = `?${new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]))}`;
  return await call("audit", { tail: tail === "?" ? "" : tail, token: session.token });
}

const entriesOf = async (...args: Parameters<typeof read>): Promise<Entry[]> =>
  (await read(...args)).body.entries;

/** What the account's owner did, from his own network. */
function rename({ session, passkeyId }: Person) {
  const headers = { "user-agent": "Browser/1" };
  return call("passkeys", {
    ...{ tail: `/${passkeyId}`, json: { name: "Phone" }, token: session.token },
    ...{ ip: "2001:db8:1:2:3::4", headers },
  });
}

test("one's own act: who, what, when, from which network and device, under which request, in one round trip", async () => {
  const person = await plantPerson(world);
  const renamed = await rename(person);
  const [entry] = (await read(person)).body.entries;
  expect(entry).toEqual({
    id: expect.any(Number),
    at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    ...{ act: "passkey.renamed", actor: "self", detail: { name: "Phone" } },
    ...{ network: "2001:db8:1:2::/64", agent: "Browser/1" },
    requestId: renamed.headers.get("x-request-id"),
  });
  expect(log.last().trips).toEqual({ postgres: 1 });
});

test("what staff did says so to the owner, without the staff's id, network and device; staff see all of it", async () => {
  const admin = await plantPerson(world, { role: "admin" });
  const person = await plantPerson(world);
  await rename(person);
  await call("accounts", {
    ...{ tail: `/${person.id}`, json: { role: "support" }, token: admin.session.token },
    ...{ ip: "192.0.2.44", headers: { "user-agent": "Staff/1" } },
  });
  const own = await read(person);
  expect(own.body.entries.slice(0, 2)).toMatchObject([
    { act: "role.changed", actor: "staff", network: null, agent: null },
    { act: "passkey.renamed", actor: "self", network: "2001:db8:1:2::/64", agent: "Browser/1" },
  ]);
  for (const secret of [admin.id, "192.0.2.44", "Staff/1"]) expect(own.text).not.toContain(secret);
  expect((await entriesOf(admin, { account: person.id })).slice(0, 2)).toMatchObject([
    { act: "role.changed", actor: admin.id, network: "192.0.2.44", agent: "Staff/1" },
    { act: "passkey.renamed", actor: "self", network: "2001:db8:1:2::/64", agent: "Browser/1" },
  ]);
});

test("a visitor's failed try shows its network to the owner", async () => {
  const person = await plantPerson(world);
  await call("login", { json: { email: person.email, password: "wrong horse battery" }, ip: "192.0.2.45" });
  expect((await entriesOf(person))[0]).toMatchObject({
    ...{ act: "sign_in.failed", actor: "visitor", network: "192.0.2.45" },
  });
});

test("another's log: 404 for a customer, read by support and admins", async () => {
  const person = await plantPerson(world);
  const refused = await read(await plantPerson(world), { account: person.id });
  expect([refused.status, refused.body.code]).toEqual([404, "not_found"]);
  for (const role of ["support", "admin"] as const) {
    const staff = await plantPerson(world, { role });
    expect((await entriesOf(staff, { account: person.id })).map(({ act }) => act)).toEqual([
      "session.opened",
      "session.opened",
    ]);
    expect((await read(staff, { account: "acc_00000000000000000000" })).status).toBe(404);
  }
});

test.each([
  "?account=1",
  "?account=",
  "?before=0",
  "?before=-1",
  "?before=x",
  "?before=1.5",
  "?before=1e300",
  "?page=2",
])("audit%s is refused by its field", async (tail) => {
  const { session } = await plantPerson(world);
  const answer = await call("audit", { tail, token: session.token });
  expect([answer.status, answer.body.code]).toEqual([422, "invalid_field"]);
});

test("pages of fifty, the newest first, without a gap or a double, while new entries come", async () => {
  const person = await plantPerson(world);
  const stranger = await plantPerson(world);
  // Between one's own are others', and one instant may have several.
  for (let index = 0; index < 118; index += 1)
    for (const id of [person.id, stranger.id])
      await world.database.rows("select audit('2026-11-20T12:00Z', '{}', $1, $1, $2)", [
        id,
        `planted.${index}`,
      ]);
  const pages: Entry[][] = [];
  let before: number | undefined;
  for (;;) {
    const page = await entriesOf(person, before === undefined ? {} : { before });
    await rename(person);
    if (page.length === 0) break;
    pages.push(page);
    before = page.at(-1)?.id;
  }
  expect(pages.map(({ length }) => length)).toEqual([50, 50, 20]);
  const acts = pages.flat().map(({ act }) => act);
  const planted = Array.from({ length: 118 }, (_, index) => `planted.${117 - index}`);
  expect(acts).toEqual([...planted, "session.opened", "session.opened"]);
});

describe("what is written stays", () => {
  const attempts = ["update audit_log set act = 'nothing'", "delete from audit_log", "truncate audit_log"];

  test.each(attempts)("for the owner, too: %s", async (statement) => {
    await plantPerson(world);
    const before = await world.database.rows("select * from audit_log order by id");
    await expect(world.database.rows(statement)).rejects.toMatchObject({
      ...{ code: "23514", constraint: "append_only" },
    });
    expect(await world.database.rows("select * from audit_log order by id")).toEqual(before);
  });

  test("an account that has a log cannot be deleted from under it", async () => {
    const { id } = await plantPerson(world);
    await expect(
      world.database.rows("truncate accounts cascade").then(() => "truncated"),
    ).rejects.toMatchObject({ constraint: "append_only" });
    expect(await world.database.rows("select 1 from accounts where id = $1", [id])).toHaveLength(1);
  });

  test.each([
    ...attempts,
    "select * from audit_log",
    "insert into audit_log default values",
    "select audit(now(), '{}', 'system', null, 'forged')",
  ])("for cascade_app nothing of it is there: %s", async (statement) => {
    const app = new pg.Client({ connectionString: world.database.appUrl });
    await app.connect();
    try {
      await expect(app.query(statement)).rejects.toMatchObject({ code: "42501" });
    } finally {
      await app.end();
    }
  });
});
