/** What doesn't sign in: one answer for all of it, and no work without the limiter's yes. */
import { randomBytes } from "node:crypto";
import { beforeAll, beforeEach, expect, test } from "vitest";
import {
  askedToSignIn,
  enrol,
  newAuthenticator,
  offered,
  signInByPasskey,
  type Authenticator,
  type Lies,
} from "../../support/authenticator.ts";
import { call, type Called } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { askedByVenice } from "../../support/wallet.ts";
import {
  mailedLink,
  newCustomer,
  openAccount,
  password,
  useWorld,
  type Customer,
} from "../../support/world.ts";

const world = useWorld();
const log = useLog();
let owner: Customer;
let device: Authenticator;
beforeAll(async () => {
  owner = await newCustomer();
  device = newAuthenticator({ synced: true });
  await enrol(owner, device);
});
beforeEach(async () => {
  // Signed in with only what a test says: nothing below may open a session.
  await world.database.rows("delete from sessions where method = 'passkey' returning id");
});

async function expectRefused(signingIn: Promise<Called>): Promise<void> {
  const answer = await signingIn;
  expect([answer.status, answer.body.code]).toEqual([401, "invalid_proof"]);
  expect(await world.database.rows("select from sessions where method = 'passkey'")).toEqual([]);
}

function signIn(challenge: string, credential: object, bearer = true): Promise<Called> {
  return call("passkey-login", { json: { challenge, credential, bearer } });
}

test.each<[string, Lies]>([
  ["another origin", { origin: "http://evil.test" }],
  ["this host by another scheme", { origin: "https://cascade.test" }],
  ["a subdomain", { origin: "http://evil.cascade.test" }],
  ["another rp id", { rpId: "evil.test" }],
  ["another challenge", { challenge: randomBytes(32).toString("base64url") }],
  ["what a new passkey says", { type: "webauthn.create" }],
  ["no verified owner", { userVerified: false }],
  ["nobody there", { userPresent: false }],
  ["a foreign page around ours", { topOrigin: "http://evil.test" }],
  ["another id than the signing key's", { id: newAuthenticator().id }],
])("a signature for %s is no proof: 401", async (_, lies) => {
  await expectRefused(signInByPasskey(device, lies));
});

test("the signature of another key is no proof, whatever id it names", async () => {
  const other = newAuthenticator({ synced: true, id: Buffer.from(device.id, "base64url") });
  const { options } = await offered(owner);
  other.create({ ...options, excludeCredentials: [] });
  await expectRefused(signInByPasskey(other));
});

test("an unknown passkey and a wrong signature get one answer, by the same round trips", async () => {
  const unknown = newAuthenticator({ synced: true });
  unknown.create((await offered(owner)).options);
  const answers = [await signInByPasskey(unknown), await signInByPasskey(device, { userVerified: false })];
  const [one, two] = log
    .requests()
    .slice(-4)
    .filter(({ status }) => status === 401);
  expect(one?.trips).toEqual(two?.trips);
  const [first, second] = answers.map(({ body }) => ({ ...body, requestId: "" }));
  expect([answers[0]?.status, first]).toEqual([401, second]);
});

test("a challenge that is another purpose's, unknown, over or spent is no proof", async () => {
  const mine = await askedToSignIn();
  const credential = device.get(mine.options);
  const adding = await offered(owner);
  const signed = device.get({ ...mine.options, challenge: adding.options.challenge });
  await expectRefused(signIn(adding.challenge, signed));
  const venice = await askedByVenice(owner.citizen);
  const misled = device.get({ ...mine.options, challenge: venice.message });
  await expectRefused(signIn(venice.challenge, misled));
  await expectRefused(signIn("chl_00000000000000000000", credential));

  const late = await askedToSignIn();
  await world.database.rows("update challenges set expires_at = now() where id = $1", [late.challenge]);
  await expectRefused(signIn(late.challenge, device.get(late.options)));

  const spent = await askedToSignIn();
  await expectRefused(signIn(spent.challenge, device.get(spent.options, { userVerified: false })));
  await expectRefused(signIn(spent.challenge, device.get(spent.options)));

  // The passkey's own challenge is still good: nothing above has used it.
  expect((await signIn(mine.challenge, credential)).status).toBe(200);
});

test.each([
  ["garbage instead of a signature", { signature: "AAAA" }],
  ["no signature", { signature: "" }],
  ["no authenticator data", { authenticatorData: "" }],
  ["garbage instead of authenticator data", { authenticatorData: randomBytes(9_000).toString("base64url") }],
  ["garbage instead of client data", { clientDataJSON: "AAAA" }],
])("%s: 401, and no fault of ours", async (_, response) => {
  const { challenge, options } = await askedToSignIn();
  const credential = device.get(options);
  await expectRefused(
    signIn(challenge, { ...credential, response: { ...credential.response, ...response } }),
  );
});

test("fields that no browser sends are refused: 422", async () => {
  const { challenge, options } = await askedToSignIn();
  const credential = device.get(options);
  for (const json of [
    { challenge },
    { credential },
    { bearer: "yes" },
    { challenge: "\ud800", credential },
    { challenge, credential: { ...credential, id: "\0" } },
    { challenge, credential: { ...credential, id: "A".repeat(20_001) } },
    { challenge, credential: { ...credential, type: "password" } },
    { challenge, credential, email: owner.email },
  ]) {
    const answer = await call("passkey-login", { json });
    expect([answer.status, answer.body.code]).toEqual([422, "invalid_field"]);
  }
  // What browsers send beyond what is read is left out.
  const extra = {
    authenticatorAttachment: "platform",
    response: { ...credential.response, userHandle: "AA" },
  };
  expect((await signIn(challenge, { ...credential, ...extra })).status).toBe(200);
});

test("another site's page signs nobody in: 403", async () => {
  const { challenge, options } = await askedToSignIn();
  const headers = { origin: "http://evil.test" };
  const answer = await call("passkey-login", {
    json: { challenge, credential: device.get(options) },
    headers,
  });
  expect([answer.status, answer.body.code]).toEqual([403, "foreign_origin"]);
});

test("a network has twenty tries in a quarter of an hour, asking and proving together: then 429", async () => {
  const ip = "203.0.113.77";
  const offer = await askedToSignIn(ip);
  for (let tries = 1; tries < 20; tries += 1)
    expect((await call("passkey-login", { json: {}, ip })).status).toBe(201);
  const json = { challenge: offer.challenge, credential: device.get(offer.options), bearer: true };
  const refused = await call("passkey-login", { json, ip });
  expect([refused.status, refused.body.code]).toEqual([429, "rate_limited"]);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  // Another network is not concerned, and the challenge has not been used.
  expect((await call("passkey-login", { json, ip: "203.0.113.78" })).status).toBe(200);
});

test("a limiter that is away: 503, nothing asked of the books, no challenge used", async () => {
  const { challenge, options } = await askedToSignIn();
  const credential = device.get(options);
  world.gateway.faults.forget();
  world.upstash.faults.plan({ kind: "status", status: 500, times: 10 });
  for (const json of [{}, { challenge, credential }]) {
    const answer = await call("passkey-login", { json });
    expect([answer.status, answer.body.code]).toEqual([503, "limiter_unavailable"]);
  }
  expect(world.gateway.faults.seen).toEqual([]);
  world.upstash.faults.clear();
  expect((await signIn(challenge, credential)).status).toBe(200);
});

test("books that are away: 503", async () => {
  const { challenge, options } = await askedToSignIn();
  world.gateway.faults.plan({ kind: "drop_before", times: 10 });
  for (const json of [{}, { challenge, credential: device.get(options) }]) {
    const answer = await call("passkey-login", { json });
    expect([answer.status, answer.body.code]).toEqual([503, "database_unavailable"]);
  }
});

// Whoever signs up with somebody else's e-mail must not stay in the account once its owner has come.
test("a passkey that was added before the e-mail was verified ends when the mailbox's owner sets the password", async () => {
  const { email, ip, signedUp } = await openAccount();
  await signedUp.afterwards;
  const squatter = await call("login", { json: { email, password, bearer: true }, ip });
  const planted = newAuthenticator({ synced: true });
  await enrol({ token: squatter.body.tokens.accessToken }, planted);

  const asked = await call("password-reset", { json: { email }, ip });
  await asked.afterwards;
  const reset = { token: await mailedLink(email), password: "the mailbox's owner's" };
  expect((await call("password-reset", { json: reset, ip })).status).toBe(204);
  await expectRefused(signInByPasskey(planted));
});
