/** An account opened with somebody else's e-mail: once its owner chooses a password, nobody else has a way in. */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { call } from "../support/call.ts";
import { mailedLink, openAccount, password, useWorld } from "../support/world.ts";

const world = useWorld();

let squatters = 0;

/** Somebody who doesn't read the mailbox, signed in with the password he chose, has done all that he can. */
async function squat() {
  squatters += 1;
  const citizen = `Squatter${squatters}`;
  world.airtable.addCitizen({ Username: citizen, Ducats: 1 });
  const { email, ip, signedUp } = await openAccount(citizen);
  await signedUp.afterwards;
  const { tokens } = (await call("login", { json: { email, password, bearer: true }, ip })).body;
  const id: string = signedUp.body.account.id;
  const [session] = await world.database.rows<{ id: string }>(
    "select id from sessions where account_id = $1",
    [id],
  );
  await world.database.rows("select add_passkey(now(), '{}', $1, $2)", [
    session?.id,
    { id: `passkey-of-${id}`, name: "Mine", publicKey: "00", counter: 1, transports: [], synced: false },
  ]);
  await world.database.rows("select prove_citizen(now(), '{}', $1, $2, 'wallet of a squatter')", [
    session?.id,
    citizen,
  ]);
  await call("api-keys", { json: { name: "mine" }, token: tokens.accessToken });
  return { id, email, ip, tokens };
}

async function takeBack({ email, ip }: { email: string; ip: string }): Promise<void> {
  await (
    await call("password-reset", { json: { email }, ip })
  ).afterwards;
  const token = await mailedLink(email);
  const reset = await call("password-reset", { json: { token, password: "the owner's own password" }, ip });
  expect(reset.status).toBe(204);
  await reset.afterwards;
}

test("his session, his refresh token and his password are over, and he has no key", async () => {
  const squatted = await squat();
  await takeBack(squatted);
  const { id, email, ip, tokens } = squatted;
  expect((await call("me", { token: tokens.accessToken })).status).toBe(401);
  expect((await call("refresh", { json: { refreshToken: tokens.refreshToken } })).status).toBe(401);
  expect((await call("login", { json: { email, password }, ip })).status).toBe(401);
  expect(await world.database.rows("select 1 from api_keys where account_id = $1", [id])).toEqual([]);
});

/** A session of his own making: the next sign-in's. */
const session = (of: string) => ({
  id: of.replace("acc_", "ses_"),
  refreshHash: createHash("sha256").update(of).digest("hex"),
  expiresAt: "2100-01-01",
});

test("his passkey signs in no more", async () => {
  const { id, ...rest } = await squat();
  await takeBack(rest);
  const [signedIn] = await world.database.rows<{ account: unknown }>(
    "select complete_passkey_sign_in(now(), '{}', $1, 1, 2, $2) as account",
    [`passkey-of-${id}`, session(id)],
  );
  expect(signedIn?.account).toBe(null);
});

test("his wallet signs in no more", async () => {
  const { id, ...rest } = await squat();
  await takeBack(rest);
  const [signedIn] = await world.database.rows<{ account: unknown }>(
    "select complete_venice_sign_in(now(), '{}', $1, 'wallet of a squatter', $2) as account",
    [id, session(id)],
  );
  expect(signedIn?.account).toBe(null);
});

test("choosing a password by the link verifies the e-mail, and the log says so", async () => {
  const squatted = await squat();
  await takeBack(squatted);
  const acts = await world.database.rows(
    "select act from audit_log where account_id = $1 and act in ('email.verified', 'password.reset') order by act",
    [squatted.id],
  );
  expect(acts).toEqual([{ act: "email.verified" }, { act: "password.reset" }]);
});
