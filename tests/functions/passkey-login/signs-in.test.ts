/** Signing in with a passkey: what it gives, what it leaves behind, and counters that tell of copies. */
import { beforeAll, expect, test } from "vitest";
import { askedToSignIn, enrol, newAuthenticator, signInByPasskey } from "../../support/authenticator.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { newCustomer, useWorld, type Customer } from "../../support/world.ts";

const world = useWorld();
const log = useLog();
let owner: Customer;
beforeAll(async () => {
  owner = await newCustomer();
});

/** An authenticator whose passkey is the owner's. */
async function enrolled(synced = false) {
  const device = newAuthenticator({ synced });
  const added = await enrol(owner, device);
  if (added.status !== 200) throw new Error(added.text);
  return device;
}

async function expectRefused(signingIn: ReturnType<typeof call>): Promise<void> {
  const answer = await signingIn;
  expect([answer.status, answer.body.code]).toEqual([401, "invalid_proof"]);
  expect(answer.headers.getSetCookie()).toEqual([]);
}

test("the options are for this site, for any account: nobody is named, the owner must unlock", async () => {
  const { challenge, options } = await askedToSignIn();
  expect(log.last().trips).toEqual({ redis: 1, postgres: 1 });
  expect(challenge).toMatch(/^chl_[0-9a-z]{20}$/);
  expect(options).toMatchObject({ rpId: "cascade.test", userVerification: "required" });
  expect(options.allowCredentials ?? []).toEqual([]);
});

test("a program gets tokens and no cookie; the session says that a passkey opened it", async () => {
  const device = await enrolled();
  const answer = await signInByPasskey(device);
  expect(log.last().trips).toEqual({ redis: 1, postgres: 2 });
  expect([answer.status, answer.body.account]).toEqual([
    200,
    expect.objectContaining({ id: owner.id, email: owner.email }),
  ]);
  expect(answer.headers.getSetCookie()).toEqual([]);
  const token: string = answer.body.tokens.accessToken;
  expect((await call("me", { token })).body.account.id).toBe(owner.id);
  const { sessions } = (await call("sessions", { token })).body;
  const current = sessions.find((session: { current: boolean }) => session.current);
  expect(current).toMatchObject({ method: "passkey", network: "203.0.113.7" });
  const [entry] = await world.database.rows(
    "select actor, act, detail, network from audit_log where account_id = $1 order by id desc limit 1",
    [owner.id],
  );
  const detail = { session: current.id, method: "passkey" };
  expect(entry).toEqual({ actor: owner.id, act: "session.opened", detail, network: "203.0.113.7" });
});

test("a page gets cookies and no token", async () => {
  const device = await enrolled();
  const { challenge, options } = await askedToSignIn();
  const answer = await call("passkey-login", { json: { challenge, credential: device.get(options) } });
  expect([answer.status, answer.body.tokens]).toEqual([200, null]);
  const cookies = answer.headers.getSetCookie();
  expect(cookies.map((cookie) => cookie.split("=")[0])).toEqual([
    "cascade_session",
    "cascade_refresh",
    "cascade_device",
  ]);
  for (const cookie of cookies) expect(cookie).toContain("HttpOnly; SameSite=Lax");
  const cookie = cookies.map((each) => each.split(";")[0]).join("; ");
  expect((await call("me", { headers: { cookie } })).body.account.id).toBe(owner.id);
});

test("neither challenge, key nor signature is logged", async () => {
  const device = await enrolled();
  const { challenge, options } = await askedToSignIn();
  const credential = device.get(options);
  await call("passkey-login", { json: { challenge, credential } });
  for (const secret of [challenge, options.challenge, device.id, credential.response.signature])
    expect(log.text()).not.toContain(secret);
});

test("a counter that stands still or goes back is refused, one that goes on is not", async () => {
  const device = await enrolled();
  expect((await signInByPasskey(device, { counter: 5 })).status).toBe(200);
  for (const counter of [5, 4, 1, 0]) await expectRefused(signInByPasskey(device, { counter }));
  expect((await signInByPasskey(device, { counter: 4_294_967_295 })).status).toBe(200);
});

test("of an authenticator and its copy the one that is behind is refused", async () => {
  const device = await enrolled();
  const copy = device.clone();
  expect((await signInByPasskey(device)).status).toBe(200);
  await expectRefused(signInByPasskey(copy));
  expect((await signInByPasskey(device)).status).toBe(200);
});

test("an authenticator and its copies at the same moment: one session", async () => {
  const device = await enrolled();
  const copies = [device.clone(), device.clone(), device.clone(), device.clone(), device];
  const bodies = await Promise.all(
    copies.map(async (copy) => {
      const { challenge, options } = await askedToSignIn();
      return { challenge, credential: copy.get(options), bearer: true };
    }),
  );
  const answers = await Promise.all(bodies.map((json) => call("passkey-login", { json })));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401, 401]);
});

test("a session is opened only by the counter that the signature was held to", async () => {
  const device = await enrolled();
  const complete = (counter: number) =>
    world.database.rows(
      `select complete_passkey_sign_in(now(), '{}', $1, $2, 9, jsonb_build_object('id', 'ses_' || $3::text,
         'refreshHash', repeat('00', 32), 'expiresAt', now() + interval '1 day')) is not null as opened`,
      [device.id, counter, "0".repeat(20)],
    );
  expect(await complete(0)).toEqual([{ opened: false }]);
  expect(await complete(1)).toEqual([{ opened: true }]);
});

test("a synced passkey doesn't count: it signs in again and again, from several devices at once", async () => {
  const device = await enrolled(true);
  const twin = device.clone();
  for (const each of [device, twin, device]) expect((await signInByPasskey(each)).status).toBe(200);
  const answers = await Promise.all([signInByPasskey(device), signInByPasskey(twin)]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
});

test("a challenge is used once: of ten at once one signs in, and there is one session", async () => {
  const device = await enrolled(true);
  const { challenge, options } = await askedToSignIn();
  const credential = device.get(options);
  const opened = () => world.database.rows("select from sessions where method = 'passkey'");
  const before = (await opened()).length;
  const answers = await Promise.all(
    Array.from({ length: 10 }, () =>
      call("passkey-login", { json: { challenge, credential, bearer: true } }),
    ),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(9).fill(401)]);
  expect((await opened()).length).toBe(before + 1);
  await expectRefused(call("passkey-login", { json: { challenge, credential } }));
});

test("a passkey that was removed signs in no more, not even with the challenge it has signed", async () => {
  const device = await enrolled(true);
  const { challenge, options } = await askedToSignIn();
  const credential = device.get(options);
  await call("passkeys", { method: "DELETE", tail: `/${device.id}`, token: owner.token });
  await expectRefused(call("passkey-login", { json: { challenge, credential } }));
  await expectRefused(signInByPasskey(device));
});

test("a session that a passkey opened outlives it until it is ended: the list of devices shows it", async () => {
  const device = await enrolled(true);
  const { tokens } = (await signInByPasskey(device)).body;
  await call("passkeys", { method: "DELETE", tail: `/${device.id}`, token: owner.token });
  expect((await call("me", { token: tokens.accessToken })).status).toBe(200);
  await call("sessions", { method: "DELETE", token: owner.token });
  expect((await call("me", { token: tokens.accessToken })).status).toBe(401);
});
