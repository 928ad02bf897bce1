/** `npm run admin:grant`, as the operator runs it: who becomes an admin, and what it says. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { call } from "../support/call.ts";
import { root } from "../support/source.ts";
import { mailedLink, newCustomer, openAccount, password, useWorld, type Customer } from "../support/world.ts";

const world = useWorld();

/** Only what is given: nothing of this process's environment. */
async function grant(args: readonly string[], variables: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [join(root, "cli/admin-grant.ts"), ...args], {
    env: variables,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [said, complained, exitCode] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.on("close", resolve)),
  ]);
  return { said: said.trim(), complained: complained.trim(), exitCode };
}

const asOwner = () => ({ MIGRATION_DATABASE_URL: world.database.ownerUrl });

async function roleOf({ token }: Customer): Promise<string> {
  return (await call("me", { token })).body.account.role;
}

test("a verified account becomes an admin's at once, and its log names the operator", async () => {
  const customer = await newCustomer();
  expect(await grant([` ${customer.email.toUpperCase()} `], asOwner())).toEqual({
    said: `${customer.email.toUpperCase()} is an admin.`,
    complained: "",
    exitCode: 0,
  });
  expect(await roleOf(customer)).toBe("admin");
  const [entry] = (await call("audit", { token: customer.token })).body.entries;
  expect(entry).toMatchObject({
    ...{ act: "role.changed", actor: "operator", detail: { from: "customer", to: "admin" } },
    ...{ network: null, agent: null, requestId: null },
  });
});

test("granted twice it is written once", async () => {
  const { email, id } = await newCustomer();
  await grant([email], asOwner());
  expect((await grant([email], asOwner())).exitCode).toBe(0);
  const written = await world.database.rows(
    "select 1 from audit_log where account_id = $1 and act = 'role.changed'",
    [id],
  );
  expect(written).toHaveLength(1);
});

test("an unverified account is told so, and is an admin's from its verification on, not before", async () => {
  const { email, ip, signedUp } = await openAccount();
  await signedUp.afterwards;
  const granted = await grant([email], asOwner());
  expect(granted).toMatchObject({ complained: "", exitCode: 0 });
  expect(granted.said).toMatch(/once the e-mail is verified.*\/forgot\//);
  const signedIn = await call("login", { json: { email, password, bearer: true }, ip });
  const token: string = signedIn.body.tokens.accessToken;
  const look = () => call("accounts", { tail: `?email=${email}`, token });
  expect((await look()).status).toBe(404);
  await call("email-verification", { json: { token: await mailedLink(email) }, ip });
  expect((await look()).status).toBe(200);
});

test("an e-mail that nobody has: exit code 1, and nothing is changed", async () => {
  const before = await world.database.rows("select id, role from accounts order by id");
  const refused = await grant(["nobody@example.com"], asOwner());
  expect(refused).toMatchObject({ said: "", exitCode: 1 });
  expect(refused.complained).toBe(
    "No account has the e-mail nobody@example.com. Sign up with it first. Nothing was changed.",
  );
  expect(await world.database.rows("select id, role from accounts order by id")).toEqual(before);
});

test.each([
  ["nothing", []],
  ["two e-mails", ["a@example.com", "b@example.com"]],
  ["no e-mail", ["--help"]],
])("given %s: how it is used, and exit code 1", async (_, args) => {
  expect(await grant(args, asOwner())).toEqual({
    said: "",
    complained: "Say whose account it is: npm run admin:grant somebody@example.com",
    exitCode: 1,
  });
});

test("without a database: which variable is missing, and exit code 1", async () => {
  const refused = await grant(["a@example.com"]);
  expect(refused).toMatchObject({ said: "", exitCode: 1 });
  expect(refused.complained).toContain("DATABASE_URL is not set");
});

test("DATABASE_URL serves where it is the owner's", async () => {
  const customer = await newCustomer();
  expect((await grant([customer.email], { DATABASE_URL: world.database.ownerUrl })).exitCode).toBe(0);
  expect(await roleOf(customer)).toBe("admin");
});

test("the functions' own login may not: it says whose may, exit code 1, nothing granted", async () => {
  const customer = await newCustomer();
  expect(await grant([customer.email], { DATABASE_URL: world.database.appUrl })).toEqual({
    said: "",
    complained: "Only the database's owner grants this: set MIGRATION_DATABASE_URL to its URL.",
    exitCode: 1,
  });
  expect(await roleOf(customer)).toBe("customer");
});
