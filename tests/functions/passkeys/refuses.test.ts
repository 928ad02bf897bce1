/** What is taken for a new passkey, and what never is. */
import { isoCBOR } from "@simplewebauthn/server/helpers";
import { randomBytes } from "node:crypto";
import { beforeAll, expect, test } from "vitest";
import { call, type Called } from "../../support/call.ts";
import {
  askedToSignIn,
  enrol,
  newAuthenticator,
  offered,
  signInByPasskey,
  type Lies,
} from "../../support/authenticator.ts";
import { askedToProve, newCitizen, newWallet } from "../../support/wallet.ts";
import { newCustomer, useWorld, type Customer } from "../../support/world.ts";

const world = useWorld();
let owner: Customer;
let stranger: Customer;
beforeAll(async () => {
  const citizen = newCitizen(world, newWallet());
  [owner, stranger] = [await newCustomer(citizen), await newCustomer()];
});

function add({ token }: Customer, challenge: string, credential: object): Promise<Called> {
  return call("passkeys", { json: { challenge, credential }, token });
}

async function countOf(customer: Customer): Promise<number> {
  return (await world.database.rows("select from passkeys where account_id = $1", [customer.id])).length;
}

async function expectRefused(answering: Promise<Called>): Promise<void> {
  const before = await countOf(owner);
  const answer = await answering;
  expect([answer.status, answer.body.code]).toEqual([401, "invalid_proof"]);
  expect(await countOf(owner)).toBe(before);
}

test.each<[string, Lies]>([
  ["another origin", { origin: "http://evil.test" }],
  ["this host by another scheme", { origin: "https://cascade.test" }],
  ["this host by another port", { origin: "http://cascade.test:8080" }],
  ["a subdomain", { origin: "http://evil.cascade.test" }],
  ["this host as a beginning", { origin: "http://cascade.test.evil.test" }],
  ["no origin", { origin: "" }],
  ["another rp id", { rpId: "evil.test" }],
  ["the site's parent as rp id", { rpId: "test" }],
  ["another challenge", { challenge: randomBytes(32).toString("base64url") }],
  ["no challenge", { challenge: "" }],
  ["what a signing in says", { type: "webauthn.get" }],
  ["no verified owner", { userVerified: false }],
  ["nobody there", { userPresent: false, userVerified: false }],
])("a credential for %s is no proof: 401", async (_, lies) => {
  await expectRefused(enrol(owner, newAuthenticator(), lies));
});

test("a credential that goes by another id than the authenticator has made is no proof: 401", async () => {
  await expectRefused(enrol(owner, newAuthenticator(), { id: newAuthenticator().id }));
});

test("a challenge of another account, of another purpose, unknown or over is no proof", async () => {
  const device = newAuthenticator();
  const mine = await offered(owner);
  const credential = device.create(mine.options);
  await expectRefused(add(stranger, mine.challenge, credential));

  const theirs = await offered(stranger);
  await expectRefused(add(owner, theirs.challenge, newAuthenticator().create(theirs.options)));

  const signIn = await askedToSignIn();
  const signed = newAuthenticator().create({ ...mine.options, challenge: signIn.options.challenge });
  await expectRefused(add(owner, signIn.challenge, signed));
  const proof = await askedToProve(owner);
  const misled = newAuthenticator().create({ ...mine.options, challenge: proof.message });
  await expectRefused(add(owner, proof.challenge, misled));
  await expectRefused(add(owner, "chl_00000000000000000000", credential));
  await expectRefused(add(owner, "'; drop table challenges; --", credential));

  const late = await offered(owner);
  const { rowCount } = await world.database.owner.query(
    "update challenges set expires_at = now() where id = $1",
    [late.challenge],
  );
  expect(rowCount).toBe(1);
  await expectRefused(add(owner, late.challenge, newAuthenticator().create(late.options)));

  // Nobody's mistake has used up what is mine.
  expect((await add(owner, mine.challenge, credential)).status).toBe(200);
});

test("a challenge lives for five minutes", async () => {
  const { challenge } = await offered(owner);
  const [row] = await world.database.rows(
    "select extract(epoch from expires_at - created_at)::float as seconds from challenges where id = $1",
    [challenge],
  );
  expect(row?.["seconds"]).toBeCloseTo(300, 0);
});

test("a challenge works once: a refused credential uses it up, and of ten at once one is added", async () => {
  const spoilt = await offered(owner);
  await expectRefused(
    add(owner, spoilt.challenge, newAuthenticator().create(spoilt.options, { userVerified: false })),
  );
  await expectRefused(add(owner, spoilt.challenge, newAuthenticator().create(spoilt.options)));

  const before = await countOf(owner);
  const { challenge, options } = await offered(owner);
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => add(owner, challenge, newAuthenticator().create(options))),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(9).fill(401)]);
  expect(await countOf(owner)).toBe(before + 1);
});

test("a credential belongs to one account: 409 for everybody else, under a race, too", async () => {
  const device = newAuthenticator();
  expect((await enrol(owner, device)).status).toBe(200);
  const again = await enrol(stranger, device);
  expect([again.status, again.body.code]).toEqual([409, "passkey_taken"]);
  expect((await signInByPasskey(device)).body.account.id).toBe(owner.id);

  const raced = newAuthenticator();
  const race = await Promise.all([enrol(owner, raced), enrol(stranger, raced)]);
  expect(race.map(({ status }) => status).sort()).toEqual([200, 409]);
});

test("nobody takes a passkey over by registering its id with a key of his own", async () => {
  const device = newAuthenticator();
  await enrol(owner, device);
  const forged = newAuthenticator({ id: Buffer.from(device.id, "base64url") });
  expect((await enrol(stranger, forged)).body.code).toBe("passkey_taken");
  expect((await signInByPasskey(forged)).status).toBe(401);
  expect((await signInByPasskey(device)).body.account.id).toBe(owner.id);
});

test("an account has twenty passkeys at most, however many come at once: 409", async () => {
  const customer = await newCustomer();
  await world.database.rows(
    `insert into passkeys (id, account_id, name, public_key, counter, transports, synced, created_at)
     select 'planted' || n, $1, 'Planted', '\\x00', 0, '{}', false, now() from generate_series(1, 17) n`,
    [customer.id],
  );
  const offers = await Promise.all(Array.from({ length: 10 }, () => offered(customer)));
  const answers = await Promise.all(
    offers.map(({ challenge, options }) => add(customer, challenge, newAuthenticator().create(options))),
  );
  const statuses = [...Array<number>(3).fill(200), ...Array<number>(7).fill(409)];
  expect(answers.map(({ status }) => status).sort()).toEqual(statuses);
  expect(await countOf(customer)).toBe(20);
  const more = await enrol(customer, newAuthenticator());
  expect([more.status, more.body.code]).toEqual([409, "passkey_limit_reached"]);
  await call("passkeys", { method: "DELETE", tail: "/planted1", token: customer.token });
  expect((await enrol(customer, newAuthenticator())).status).toBe(200);
});

const encoded = (value: Parameters<typeof isoCBOR.encode>[0]) =>
  Buffer.from(isoCBOR.encode(value)).toString("base64url");
const hex = (text: string) => Buffer.from(text, "hex").toString("base64url");

test.each([
  ["nothing", ""],
  ["one letter", "A"],
  ["text", Buffer.from("not CBOR at all").toString("base64url")],
  ["a number", encoded(7)],
  ["a list", encoded(["none"])],
  ["an empty map", encoded(new Map())],
  ["a map without authData", encoded(new Map([["fmt", "none"]]))],
  ["authData that is text", encoded(new Map([["authData", "text"]]))],
  ["authData that is short", encoded(new Map([["authData", new Uint8Array(36)]]))],
  ["authData that promises more", encoded(new Map([["authData", new Uint8Array(55).fill(255)]]))],
  ["a byte string of 4 GB", hex("5affffffff")],
  ["a byte string of 2^63 bytes", hex("5bffffffffffffffff")],
  ["a list of 2^53 items", hex("9b001fffffffffffff")],
  ["a list without an end", hex("9f".repeat(100))],
  ["lists in lists", hex("81".repeat(14_000))],
  ["maps in maps", hex("a1".repeat(14_000))],
  ["tags in tags", hex("c0".repeat(14_000))],
  ["random bytes", randomBytes(14_000).toString("base64url")],
])("an attestation that is %s is no proof: 401, and no fault of ours", async (_, attestationObject) => {
  const { challenge, options } = await offered(owner);
  const credential = newAuthenticator().create(options);
  await expectRefused(
    add(owner, challenge, { ...credential, response: { ...credential.response, attestationObject } }),
  );
});

test.each([
  ["nothing", ""],
  ["no JSON", Buffer.from("{").toString("base64url")],
  ["null", Buffer.from("null").toString("base64url")],
  ["a list", Buffer.from("[]").toString("base64url")],
  ["lists in lists", Buffer.from("[".repeat(14_000)).toString("base64url")],
])("client data that is %s is no proof: 401", async (_, clientDataJSON) => {
  const { challenge, options } = await offered(owner);
  const credential = newAuthenticator().create(options);
  await expectRefused(
    add(owner, challenge, { ...credential, response: { ...credential.response, clientDataJSON } }),
  );
});

test.each(["packed", "tpm", "apple", "android-key", "android-safetynet", "fido-u2f", "unheard-of"])(
  "an attestation by %s that says nothing is no proof: 401",
  async (fmt) => {
    const { challenge, options } = await offered(owner);
    const credential = newAuthenticator().create(options);
    const attestation = isoCBOR.decodeFirst<Map<string, string>>(
      new Uint8Array(Buffer.from(credential.response.attestationObject, "base64url")),
    );
    const attestationObject = encoded(attestation.set("fmt", fmt));
    await expectRefused(
      add(owner, challenge, { ...credential, response: { ...credential.response, attestationObject } }),
    );
  },
);

test.each([
  ["NUL among the transports", { transports: ["in\0ternal"] }],
  ["half a letter among the transports", { transports: ["\ud800"] }],
  ["eleven transports", { transports: Array<string>(11).fill("usb") }],
  ["a transport of 21 letters", { transports: ["x".repeat(21)] }],
])("%s: 422, and no fault of ours", async (_, lies: Lies) => {
  const answer = await enrol(owner, newAuthenticator(), lies);
  expect([answer.status, answer.body.code]).toEqual([422, "invalid_field"]);
});

test.each([1_024, 3_000, 12_000])(
  "a credential id of %i bytes, longer than WebAuthn allows, is refused and no fault of ours",
  async (length) => {
    const answer = await enrol(owner, newAuthenticator({ id: randomBytes(length) }));
    expect([401, 422]).toContain(answer.status);
  },
);

test("fields that no browser sends are refused: 422, and a body beyond 64 KiB 413", async () => {
  const { challenge, options } = await offered(owner);
  const credential = newAuthenticator().create(options);
  const { response } = credential;
  for (const json of [
    { challenge },
    { credential },
    { challenge: "", credential },
    { challenge: "c".repeat(501), credential },
    { challenge: "chl\0", credential },
    { challenge, credential: { ...credential, id: "a+b/c=" } },
    { challenge, credential: { ...credential, type: "password" } },
    { challenge, credential: { ...credential, response: { ...response, attestationObject: "%" } } },
    { challenge, credential: { ...credential, response: { ...response, clientDataJSON: 7 } } },
    {
      challenge,
      credential: { ...credential, response: { ...response, attestationObject: "A".repeat(20_001) } },
    },
    { challenge, credential, name: "" },
    { challenge, credential, synced: true },
  ]) {
    const answer = await call("passkeys", { json, token: owner.token });
    expect([answer.status, answer.body.code], JSON.stringify(json).slice(0, 60)).toEqual([
      422,
      "invalid_field",
    ]);
  }
  const huge = { challenge, credential: { ...credential, extra: "x".repeat(65_536) } };
  expect((await call("passkeys", { json: huge, token: owner.token })).status).toBe(413);
  expect((await add(owner, challenge, credential)).status).toBe(200);
});

test("another site's page adds nothing: 403", async () => {
  const { challenge, options } = await offered(owner);
  const credential = newAuthenticator().create(options);
  const headers = { origin: "http://evil.test" };
  const answer = await call("passkeys", { json: { challenge, credential }, token: owner.token, headers });
  expect([answer.status, answer.body.code]).toEqual([403, "foreign_origin"]);
});

// Each one keeps a row.
test("a session that asks for options without end is refused: 429", async () => {
  const answers = await Promise.all(
    Array.from({ length: 40 }, () => call("passkeys", { json: {}, token: stranger.token })),
  );
  expect(answers.map(({ status }) => status)).toContain(429);
});
