/** Accounts for staff: support looks up, an admin gives roles, the last one stays, and whoever loses his loses it at once. */
import { expect, test, vi } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { openAccount, useWorld } from "../../support/world.ts";
import { plantPerson, plantSession, type Person } from "../../authorisation/people.ts";

const world = useWorld();
const log = useLog();

const lookUp = ({ session }: Person, email: string) =>
  call("accounts", { tail: `?email=${encodeURIComponent(email)}`, token: session.token });
const give = ({ session }: Person, { id }: Pick<Person, "id">, role: string) =>
  call("accounts", { tail: `/${id}`, json: { role }, token: session.token });

/** Nobody else is an admin. */
async function onlyAdmins(count: number): Promise<Person[]> {
  await world.database.rows("update accounts set role = 'customer' where role = 'admin'");
  const admins = [];
  for (let index = 0; index < count; index += 1) admins.push(await plantPerson(world, { role: "admin" }));
  return admins;
}

async function roleOf({ id }: Person): Promise<unknown> {
  return (await world.database.rows("select role from accounts where id = $1", [id]))[0]?.["role"];
}

function roleChanges({ id }: Person) {
  return world.database.rows(
    "select actor, detail from audit_log where account_id = $1 and act = 'role.changed' order by id",
    [id],
  );
}

test("support finds an account by its e-mail, however it is written, in one round trip", async () => {
  const support = await plantPerson(world, { role: "support" });
  const { id, email } = await plantPerson(world, { verified: false });
  const found = await lookUp(support, ` ${email.toUpperCase()} `);
  expect(found.body.accounts).toEqual([
    {
      ...{ id, email, emailVerified: false, citizen: "RialtoBanker", citizenProved: false },
      ...{ role: "customer", tier: "builder", createdAt: expect.any(String) },
    },
  ]);
  expect(log.last().trips).toEqual({ postgres: 1 });
  expect(log.text()).not.toContain(email);
});

test("an e-mail that nobody has finds nothing; one like it finds nobody else", async () => {
  const support = await plantPerson(world, { role: "support" });
  const { email } = await plantPerson(world);
  for (const other of ["nobody@example.com", `x${email}`, `_${email.slice(1)}`])
    expect((await lookUp(support, other)).body).toEqual({ accounts: [] });
});

test.each(["", "?email=", "?email=a", "?mail=a@example.com", "?email=a@example.com&more=1"])(
  "accounts%s is refused by its field",
  async (tail) => {
    const { session } = await plantPerson(world, { role: "support" });
    const answer = await call("accounts", { tail, token: session.token });
    expect([answer.status, answer.body.code]).toEqual([422, "invalid_field"]);
  },
);

test.each(["customer", "support", "admin"])(
  "an admin gives the role %s: 204, and it is written who gave it",
  async (role) => {
    const [admin] = await onlyAdmins(1);
    const person = await plantPerson(world, { role: role === "support" ? "customer" : "support" });
    if (!admin) throw new Error("no admin");
    expect((await give(admin, person, role)).status).toBe(204);
    expect(log.last().trips).toEqual({ postgres: 1 });
    expect(await roleOf(person)).toBe(role);
    expect(await roleChanges(person)).toEqual([
      { actor: admin.id, detail: { from: role === "support" ? "customer" : "support", to: role } },
    ]);
  },
);

test("the role somebody has already: 204, and nothing is written", async () => {
  const [admin] = await onlyAdmins(1);
  const person = await plantPerson(world, { role: "support" });
  if (!admin) throw new Error("no admin");
  expect((await give(admin, person, "support")).status).toBe(204);
  expect((await give(admin, admin, "admin")).status).toBe(204);
  expect(await roleChanges(person)).toEqual([]);
});

test.each(["owner", "", null, ["admin"]])("the role %j is refused: 422", async (role) => {
  const { session, id } = await plantPerson(world, { role: "admin" });
  const answer = await call("accounts", { tail: `/${id}`, json: { role }, token: session.token });
  expect([answer.status, answer.body.field]).toEqual([422, "role"]);
});

test.each(["acc_00000000000000000000", "nonsense", "%27%20or%201=1", "%00"])(
  "giving %s a role: 404",
  async (id) => {
    const answer = await give(await plantPerson(world, { role: "admin" }), { id }, "support");
    expect([answer.status, answer.body.code]).toEqual([404, "not_found"]);
  },
);

test("a role given works with the token that is out already, and taken away is gone with the same token", async () => {
  const [admin] = await onlyAdmins(1);
  const person = await plantPerson(world);
  if (!admin) throw new Error("no admin");
  expect((await lookUp(person, admin.email)).status).toBe(404);
  await give(admin, person, "admin");
  expect((await lookUp(person, admin.email)).status).toBe(200);
  expect((await give(person, admin, "customer")).status).toBe(204);
  expect((await lookUp(admin, person.email)).status).toBe(404);
  const answer = await give(admin, admin, "admin");
  expect([answer.status, answer.body.code]).toEqual([404, "not_found"]);
  expect(await roleOf(admin)).toBe("customer");
});

test("the last admin stays one: 409, whatever role is offered instead", async () => {
  const [admin] = await onlyAdmins(1);
  if (!admin) throw new Error("no admin");
  for (const role of ["customer", "support"]) {
    const answer = await give(admin, admin, role);
    expect([answer.status, answer.body.code]).toEqual([409, "last_admin"]);
  }
  expect(await roleOf(admin)).toBe("admin");
  expect(await roleChanges(admin)).toEqual([]);
});

test("an admin who isn't verified is nobody, so he doesn't count as another: the last who can act stays", async () => {
  const [admin] = await onlyAdmins(1);
  await plantPerson(world, { role: "admin", verified: false });
  if (!admin) throw new Error("no admin");
  const answer = await give(admin, admin, "customer");
  expect(answer.status).toBe(409);
  expect(await roleOf(admin)).toBe("admin");
});

/** Until all have begun nobody may change an account: each that looks before it waits sees all as they were. */
async function atOnce<T>(count: number, start: () => Promise<T>): Promise<T> {
  await world.database.rows("begin");
  await world.database.rows("lock table accounts in exclusive mode");
  const started = start();
  try {
    await vi.waitFor(
      async () => {
        await world.database.rows("select pg_stat_clear_snapshot()");
        const waiting = await world.database.rows(
          "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        expect(waiting).toHaveLength(count);
      },
      { timeout: 5_000 },
    );
  } finally {
    await world.database.rows("commit");
  }
  return started;
}

test("two admins who dismiss each other at once: one is left", async () => {
  const [one, two] = await onlyAdmins(2);
  if (!one || !two) throw new Error("no admins");
  const answers = await atOnce(2, () =>
    Promise.all([give(one, two, "customer"), give(two, one, "customer")]),
  );
  expect(answers.map(({ status }) => status).sort()).not.toEqual([204, 204]);
  const admins = await world.database.rows("select id from accounts where role = 'admin'");
  expect(admins).toHaveLength(1);
});

test("two admins who both resign at once: one is left", async () => {
  const [one, two] = await onlyAdmins(2);
  if (!one || !two) throw new Error("no admins");
  const answers = await atOnce(2, () =>
    Promise.all([give(one, one, "customer"), give(two, two, "customer")]),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([204, 409]);
});

test("of three admins, two dismiss each other at once: who was dismissed first dismisses nobody", async () => {
  const [one, two] = await onlyAdmins(3);
  if (!one || !two) throw new Error("no admins");
  const answers = await atOnce(2, () =>
    Promise.all([give(one, two, "customer"), give(two, one, "customer")]),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([204, 404]);
  expect(await world.database.rows("select id from accounts where role = 'admin'")).toHaveLength(2);
});

test("an admin's session that was ended is nobody's: 401", async () => {
  const admin = await plantPerson(world, { role: "admin" });
  const other = await plantSession(world, admin.id);
  await call("sessions", { method: "DELETE", tail: `/${admin.session.id}`, token: other.token });
  expect((await lookUp(admin, admin.email)).status).toBe(401);
  expect((await give(admin, admin, "customer")).status).toBe(401);
});

test("signing up with a role of one's own choice is refused: 422, and no account is opened", async () => {
  const json = {
    ...{ email: "wished@example.com", password: "correct horse battery", citizen: "RialtoBanker" },
    role: "admin",
  };
  expect((await call("signup", { json })).body.field).toBe("role");
  expect(await world.database.rows("select 1 from accounts where email = 'wished@example.com'")).toEqual([]);
  const { signedUp } = await openAccount();
  expect(signedUp.body.account.role).toBe("customer");
  await signedUp.afterwards;
});
