/** Opening an account: for a citizen that Venice knows under exactly this name, with the password kept as a hash. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { useWorld } from "../../support/world.ts";

const world = useWorld();
const log = useLog();
const password = "correct horse battery";

let accounts = 0;
function newEmail(): string {
  accounts += 1;
  return `citizen${accounts}@example.com`;
}

let addresses = 0;
/** Each from an address of its own, so that no limit is met. */
function signUp(json: object) {
  addresses += 1;
  return call("signup", { json, ip: `192.0.2.${addresses}` });
}

async function accountCount(): Promise<number> {
  return (await world.database.rows("select 1 from accounts")).length;
}

test.each(["RialtoBanker", "Bepi_Dall'Oro", "gondoliere_77"])(
  "%s opens an account: 201, wallet empty",
  async (citizen) => {
    const email = newEmail();
    const answer = await signUp({ email, password, citizen });
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({
      account: {
        ...{ id: expect.stringMatching(/^acc_[0-9a-z]{20}$/), email, citizen },
        ...{ emailVerified: false, citizenProved: false, role: "customer" },
      },
    });
    const [stored] = await world.database.rows(
      "select a.citizen, a.told_tier as tier, b.wallet, b.debt from accounts a join balances b on b.account_id = a.id where a.id = $1",
      [answer.body.account.id],
    );
    expect(stored).toEqual({ citizen, tier: "explorer", wallet: "0", debt: "0" });
  },
);

test("two accounts may deliver to one citizen: it is an address, not a login", async () => {
  const answers = [
    await signUp({ email: newEmail(), password, citizen: "RialtoBanker" }),
    await signUp({ email: newEmail(), password, citizen: "RialtoBanker" }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([201, 201]);
});

test("the password is kept as an argon2id hash with a salt of its own, and stands in no answer and no log", async () => {
  const emails = [newEmail(), newEmail()];
  const answers = [];
  for (const email of emails) answers.push(await signUp({ email, password, citizen: "RialtoBanker" }));
  const stored = await world.database.rows<{ password_hash: string }>(
    "select password_hash from accounts where email = any ($1)",
    [emails],
  );
  expect(stored).toHaveLength(2);
  for (const { password_hash: hash } of stored)
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[^$]{22}\$[^$]{43}$/);
  expect(new Set(stored.map(({ password_hash: hash }) => hash)).size).toBe(2);
  expect(answers.map(({ text }) => text).join("")).not.toContain(password);
  const written = log.text();
  for (const secret of [password, ...emails, "$argon2id"]) expect(written).not.toContain(secret);
});

test("the citizen who pays the deliveries is nobody's: refused, and by the database as well", async () => {
  const answer = await signUp({ email: newEmail(), password, citizen: " CASCADE_PAYMENT_PROCESSOR " });
  expect([answer.status, answer.body.field]).toEqual([422, "citizen"]);
  await signUp({ email: newEmail(), password, citizen: "RialtoBanker" });
  const change = "update accounts set citizen = 'CASCADE_PAYMENT_PROCESSOR'";
  await expect(world.database.rows(change)).rejects.toThrow("accounts_citizen_check");
});

test("no table holds the password", async () => {
  await signUp({ email: newEmail(), password: "findable-secret-phrase", citizen: "RialtoBanker" });
  const tables = await world.database.rows<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'",
  );
  expect(tables.length).toBeGreaterThan(10);
  for (const { name } of tables) {
    const found = await world.database.rows(`select 1 from ${name} t where t::text like '%findable-secret%'`);
    expect(found, name).toHaveLength(0);
  }
});

test("e-mails are one whatever their letters and spaces around", async () => {
  const email = newEmail();
  const answer = await signUp({ email: `  ${email.toUpperCase()} `, password, citizen: "RialtoBanker" });
  expect(answer.body.account.email).toBe(email);
  const again = await signUp({ email, password, citizen: "RialtoBanker" });
  expect([again.status, again.body.code, again.body.field]).toEqual([409, "email_taken", "email"]);
});

test("an e-mail that is taken keeps its account as it was", async () => {
  const email = newEmail();
  await signUp({ email, password, citizen: "RialtoBanker" });
  const taken = await signUp({ email, password: "another password", citizen: "BarnabottoLuca" });
  expect([taken.status, taken.body.code]).toEqual([409, "email_taken"]);
  const [stored] = await world.database.rows("select citizen from accounts where email = $1", [email]);
  expect(stored).toEqual({ citizen: "RialtoBanker" });
  const signedIn = await call("login", { json: { email, password }, ip: "192.0.2.250" });
  expect(signedIn.status).toBe(200);
});

test("ten sign-ups with one e-mail at once open one account", async () => {
  const email = newEmail();
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => signUp({ email, password, citizen: "RialtoBanker" })),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 9 }, () => 409)]);
  expect(await world.database.rows("select 1 from accounts where email = $1", [email])).toHaveLength(1);
});

test.each([
  ["nobody", "NobodyAtAll"],
  ["in other letters", "rialtobanker"],
  ["in capital letters", "RIALTOBANKER"],
  ["in part", "Rialto"],
  ["a formula", '") , TRUE(), ("'],
  ["a formula with a quote", '"=""),1=1,OR("'],
  ["a formula with a backslash", '\\" , TRUE() , "'],
  ["a field of the formula", "{Username}"],
  ["with an invisible letter", "RialtoBanker\u200b"],
  ["in letters that look alike", "RiаltoBanker"],
])("a citizen that is %s is unknown, and no account is stored", async (_, citizen) => {
  const before = await accountCount();
  const answer = await signUp({ email: newEmail(), password, citizen });
  expect([answer.status, answer.body.code, answer.body.field]).toEqual([422, "unknown_citizen", "citizen"]);
  expect(await accountCount()).toBe(before);
  expect(log.last().trips).not.toHaveProperty("postgres");
});

test("a citizen whose name has a quote and a backslash is found", async () => {
  world.airtable.addCitizen({ Username: 'Quote"Backslash\\', Ducats: 5 });
  const answer = await signUp({ email: newEmail(), password, citizen: 'Quote"Backslash\\' });
  expect(answer.status).toBe(201);
});

test.each([
  ["an e-mail without @", { email: "nobody" }, "email"],
  ["an e-mail with a line break", { email: "a@example.com\nbcc: b@example.com" }, "email"],
  ["an e-mail with a NUL", { email: "a\u0000@example.com" }, "email"],
  ["an e-mail too long", { email: `${"a".repeat(250)}@example.com` }, "email"],
  ["no e-mail", { email: undefined }, "email"],
  ["a list as e-mail", { email: ["a@example.com"] }, "email"],
  ["a password of nine", { password: "123456789" }, "password"],
  ["a password of 201", { password: "a".repeat(201) }, "password"],
  ["no password", { password: undefined }, "password"],
  ["a number as password", { password: 1234567890 }, "password"],
  ["no citizen", { citizen: undefined }, "citizen"],
  ["an empty citizen", { citizen: "   " }, "citizen"],
  ["a citizen too long", { citizen: "a".repeat(101) }, "citizen"],
  ["a tier of the client's own", { tier: "enterprise" }, "tier"],
  ["an id of the client's own", { id: "acc_1" }, "id"],
])("%s is refused by its field and nothing is stored", async (_, wrong, field) => {
  const before = await accountCount();
  const answer = await signUp({ email: newEmail(), password, citizen: "RialtoBanker", ...wrong });
  expect([answer.status, answer.body.code, answer.body.field]).toEqual([422, "invalid_field", field]);
  expect(await accountCount()).toBe(before);
  expect(log.last().trips).toEqual({});
});

test.each([10, 200])("a password of %d letters is taken and signs in", async (length) => {
  const email = newEmail();
  const long = "p".repeat(length);
  expect((await signUp({ email, password: long, citizen: "RialtoBanker" })).status).toBe(201);
  expect((await call("login", { json: { email, password: long }, ip: "192.0.2.251" })).status).toBe(200);
  expect(
    (await call("login", { json: { email, password: `${long.slice(1)}q` }, ip: "192.0.2.251" })).status,
  ).toBe(401);
});

test("spaces in a password count", async () => {
  const email = newEmail();
  await signUp({ email, password: "  spaced out  ", citizen: "RialtoBanker" });
  expect((await call("login", { json: { email, password: "spaced out" }, ip: "192.0.2.252" })).status).toBe(
    401,
  );
  expect(
    (await call("login", { json: { email, password: "  spaced out  " }, ip: "192.0.2.252" })).status,
  ).toBe(200);
});

test("a form opens an account too and goes on to sign in with 303", async () => {
  const email = newEmail();
  const answer = await call("signup", {
    form: { email, password, citizen: "RialtoBanker" },
    ip: "192.0.2.253",
  });
  expect([answer.status, answer.headers.get("location")]).toEqual([303, "/sign-in/?created=1"]);
  expect(await world.database.rows("select 1 from accounts where email = $1", [email])).toHaveLength(1);
});

test("a sign-up costs one round trip each to Redis, Venice and Postgres, and one more to Redis for Venice's pace", async () => {
  await signUp({ email: newEmail(), password, citizen: "RialtoBanker" });
  expect(log.last()).toMatchObject({
    function: "signup",
    status: 201,
    trips: { redis: 2, venice: 1, postgres: 1 },
  });
});

test.each(["status", "drop_before"] as const)("Venice away (%s): 503, nothing stored", async (kind) => {
  const before = await accountCount();
  world.airtable.faults.plan({ kind, times: 5 });
  const answer = await signUp({ email: newEmail(), password, citizen: "RialtoBanker" });
  expect([answer.status, answer.body.code]).toEqual([503, "venice_unavailable"]);
  expect(await accountCount()).toBe(before);
});

test("the database's answer lost: 503; the same sign-up again says that the e-mail has its account", async () => {
  const json = { email: newEmail(), password, citizen: "RialtoBanker" };
  world.gateway.faults.plan({ kind: "drop_after" });
  expect((await signUp(json)).body.code).toBe("database_unavailable");
  expect((await signUp(json)).body.code).toBe("email_taken");
  expect(await world.database.rows("select 1 from accounts where email = $1", [json.email])).toHaveLength(1);
});
