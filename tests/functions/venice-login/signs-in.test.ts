/** Signing in with Venice: by the wallet that was pinned when the citizen was proved, whatever Venice says since. */
import { beforeAll, expect, test } from "vitest";
import { call, type Called } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import {
  askedByVenice,
  askedToProve,
  newCitizen,
  newProvedCustomer,
  newWallet,
  prove,
  signInByWallet,
  writeWallet,
  type ProvedCustomer,
} from "../../support/wallet.ts";
import { askedToSignIn } from "../../support/authenticator.ts";
import { mailedLink, newCustomer, openAccount, password, useWorld } from "../../support/world.ts";

const world = useWorld();
const log = useLog();
let owner: ProvedCustomer;
beforeAll(async () => {
  owner = await newProvedCustomer(world);
});

async function expectRefused(signingIn: Promise<Called>): Promise<void> {
  const answer = await signingIn;
  expect([answer.status, answer.body.code]).toEqual([401, "invalid_proof"]);
  expect(answer.headers.getSetCookie()).toEqual([]);
}

function answer(challenge: string, signature: string): Promise<Called> {
  return call("venice-login", { json: { challenge, signature, bearer: true } });
}

test("the message names the site, what it is for, the citizen, a nonce and its end; Venice is not asked", async () => {
  world.airtable.faults.forget();
  const asked = await call("venice-login", { json: { citizen: ` ${owner.citizen} ` } });
  expect(log.last().trips).toEqual({ redis: 1, postgres: 1 });
  const { message, expiresAt } = asked.body;
  expect(message.split("\n")).toEqual([
    "cascade.test asks you to prove that you are a citizen of Venice.",
    "",
    "This signs you in to the account that you have linked the citizen to.",
    "",
    `Citizen: ${owner.citizen}`,
    expect.stringMatching(/^Nonce: [1-9A-HJ-NP-Za-km-z]{16,22}$/),
    expect.stringMatching(/^Issued at: 20.*Z$/),
    `Expires at: ${expiresAt}`,
  ]);
  expect(world.airtable.faults.seen).toEqual([]);
});

test("its signature signs in: tokens for a program, a session by Venice, and it is written down", async () => {
  const answered = await signInByWallet(owner.citizen, owner.wallet);
  expect(log.last().trips).toEqual({ redis: 1, postgres: 2 });
  expect([answered.status, answered.body.account]).toEqual([
    200,
    expect.objectContaining({ id: owner.id, citizenProved: true }),
  ]);
  expect(answered.headers.getSetCookie()).toEqual([]);
  const token: string = answered.body.tokens.accessToken;
  const { sessions } = (await call("sessions", { token })).body;
  const current = sessions.find((session: { current: boolean }) => session.current);
  expect(current.method).toBe("venice");
  const [entry] = await world.database.rows(
    "select actor, act, detail from audit_log where account_id = $1 order by id desc limit 1",
    [owner.id],
  );
  const detail = { session: current.id, method: "venice" };
  expect(entry).toEqual({ actor: owner.id, act: "session.opened", detail });
});

test("cookies for a page", async () => {
  const { challenge, message } = await askedByVenice(owner.citizen);
  const signature = owner.wallet.sign(message);
  const answered = await call("venice-login", { json: { challenge, signature } });
  expect([answered.status, answered.body.tokens]).toEqual([200, null]);
  expect(answered.headers.getSetCookie().map((cookie) => cookie.split("=")[0])).toEqual([
    "cascade_session",
    "cascade_refresh",
    "cascade_device",
  ]);
  expect(log.text()).not.toContain(signature);
});

test("it works while Venice is away", async () => {
  world.airtable.faults.plan({ kind: "drop_before", times: 10 });
  expect((await signInByWallet(owner.citizen, owner.wallet)).status).toBe(200);
});

test("a stranger who writes his wallet into Venice signs in as nobody, and the owner goes on signing in", async () => {
  const thief = newWallet();
  writeWallet(world, owner.citizen, thief.address);
  await expectRefused(signInByWallet(owner.citizen, thief));
  expect((await signInByWallet(owner.citizen, owner.wallet)).body.account.id).toBe(owner.id);
  const record = world.airtable.citizen(owner.citizen);
  world.airtable.remove("CITIZENS", record?.id ?? "");
  expect((await signInByWallet(owner.citizen, owner.wallet)).body.account.id).toBe(owner.id);
});

test("a linked citizen, one that nobody has linked and one that is nobody look the same: 201, then 401", async () => {
  const thief = newWallet();
  const unlinked = await newCustomer(newCitizen(world, thief));
  log.forget();
  const seen = [];
  for (const citizen of [owner.citizen, unlinked.citizen, "Nobody_At_All", "'; drop table accounts; --"]) {
    const { challenge, message } = await askedByVenice(citizen);
    const refused = await answer(challenge, thief.sign(message));
    const body = { ...refused.body, requestId: "" };
    seen.push({ status: refused.status, body, message: message.split("\n").length });
  }
  for (const each of seen) expect(each).toEqual(seen[0]);
  expect(seen[0]?.status).toBe(401);
  const trips = log.requests().map(({ trips }) => trips);
  expect(trips).toEqual(Array.from({ length: 8 }, () => ({ redis: 1, postgres: 1 })));
});

test("the citizen is asked for by his exact name", async () => {
  for (const citizen of [owner.citizen.toUpperCase(), `${owner.citizen}\u200b`, owner.citizen.slice(0, -1)])
    await expectRefused(signInByWallet(citizen, owner.wallet));
});

test("a challenge of another purpose, unknown, over or spent is no proof, nor is what was signed for another", async () => {
  const mine = await askedByVenice(owner.citizen);
  const proof = await askedToProve(await newCustomer(newCitizen(world, owner.wallet)));
  await expectRefused(answer(proof.challenge, owner.wallet.sign(proof.message)));
  await expectRefused(answer(mine.challenge, owner.wallet.sign(proof.message)));
  const passkey = await askedToSignIn();
  await expectRefused(answer(passkey.challenge, owner.wallet.sign(passkey.options.challenge)));
  await expectRefused(answer("chl_00000000000000000000", owner.wallet.sign(mine.message)));
  // A wrong signature has used it up.
  await expectRefused(answer(mine.challenge, owner.wallet.sign(mine.message)));

  const late = await askedByVenice(owner.citizen);
  await world.database.rows("update challenges set expires_at = now() where id = $1", [late.challenge]);
  await expectRefused(answer(late.challenge, owner.wallet.sign(late.message)));
});

test("a challenge that was asked for another citizen signs in to his account only", async () => {
  const other = await newProvedCustomer(world);
  const asked = await askedByVenice(other.citizen);
  await expectRefused(answer(asked.challenge, owner.wallet.sign(asked.message)));
});

test("a challenge is used once: of ten at once one signs in, and there is one session", async () => {
  const { challenge, message } = await askedByVenice(owner.citizen);
  const signature = owner.wallet.sign(message);
  const opened = () => world.database.rows("select from sessions where method = 'venice'");
  const before = (await opened()).length;
  const answers = await Promise.all(Array.from({ length: 10 }, () => answer(challenge, signature)));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(9).fill(401)]);
  expect((await opened()).length).toBe(before + 1);
});

test("a proof that is taken back, or changed to another wallet, between message and signature signs nobody in", async () => {
  const customer = await newProvedCustomer(world);
  const first = await askedByVenice(customer.citizen);
  await call("citizen", { method: "DELETE", token: customer.token });
  await expectRefused(answer(first.challenge, customer.wallet.sign(first.message)));
  await prove(customer, customer.wallet);
  const second = await askedByVenice(customer.citizen);
  const next = newWallet();
  writeWallet(world, customer.citizen, next.address);
  await prove(customer, next);
  await expectRefused(answer(second.challenge, customer.wallet.sign(second.message)));
  // Nor when it happens after the signature was looked at: the pinned wallet decides once more.
  const late = await world.database.rows(
    "select complete_venice_sign_in(now(), '{}', $1, $2, '{}') as account",
    [customer.id, customer.wallet.address],
  );
  expect(late).toEqual([{ account: null }]);
});

test("half a request, or both halves: 422", async () => {
  for (const json of [
    {},
    { challenge: "c" },
    { signature: "s" },
    { citizen: "" },
    { citizen: "x".repeat(101) },
    { citizen: "a\0b" },
    // The name stands in the message that a wallet signs: it may not write lines of its own there.
    { citizen: "Rialto\nNonce: 1" },
    { citizen: owner.citizen, challenge: "c", signature: "s" },
    { challenge: "c", signature: "s".repeat(501) },
    { challenge: "c", signature: "\ud800" },
  ])
    expect((await call("venice-login", { json })).status, JSON.stringify(json)).toBe(422);
});

test("another site's page signs nobody in: 403", async () => {
  const { challenge, message } = await askedByVenice(owner.citizen);
  const json = { challenge, signature: owner.wallet.sign(message) };
  const refused = await call("venice-login", { json, headers: { origin: "http://evil.test" } });
  expect([refused.status, refused.body.code]).toEqual([403, "foreign_origin"]);
});

test("a network has twenty tries in a quarter of an hour, by passkey and by wallet together: then 429", async () => {
  const ip = "203.0.113.77";
  for (let tries = 0; tries < 10; tries += 1) {
    await askedByVenice(owner.citizen, ip);
    await askedToSignIn(ip);
  }
  for (const name of ["venice-login", "passkey-login"]) {
    const refused = await call(name, { json: name === "venice-login" ? { citizen: "x" } : {}, ip });
    expect([refused.status, refused.body.code]).toEqual([429, "rate_limited"]);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  }
});

test("a limiter that is away: 503, nothing asked of the books, no challenge used", async () => {
  const { challenge, message } = await askedByVenice(owner.citizen);
  const signature = owner.wallet.sign(message);
  world.gateway.faults.forget();
  world.upstash.faults.plan({ kind: "drop_before", times: 10 });
  for (const json of [{ citizen: owner.citizen }, { challenge, signature }]) {
    const refused = await call("venice-login", { json });
    expect([refused.status, refused.body.code]).toEqual([503, "limiter_unavailable"]);
  }
  expect(world.gateway.faults.seen).toEqual([]);
  world.upstash.faults.clear();
  expect((await answer(challenge, signature)).status).toBe(200);
});

test("books that are away: 503", async () => {
  world.gateway.faults.plan({ kind: "drop_before", times: 10 });
  for (const json of [{ citizen: owner.citizen }, { challenge: "c", signature: "s" }]) {
    const refused = await call("venice-login", { json });
    expect([refused.status, refused.body.code]).toEqual([503, "database_unavailable"]);
  }
});

// Whoever signs up with somebody else's e-mail must not stay in the account once its owner has come.
test("a citizen that was proved before the e-mail was verified signs in no more when the mailbox's owner sets the password", async () => {
  const wallet = newWallet();
  const citizen = newCitizen(world, wallet);
  const { email, ip, signedUp } = await openAccount(citizen);
  await signedUp.afterwards;
  const squatter = await call("login", { json: { email, password, bearer: true }, ip });
  expect((await prove({ token: squatter.body.tokens.accessToken }, wallet)).status).toBe(200);

  const asked = await call("password-reset", { json: { email }, ip });
  await asked.afterwards;
  const reset = { token: await mailedLink(email), password: "the mailbox's owner's" };
  expect((await call("password-reset", { json: reset, ip })).status).toBe(204);
  await expectRefused(signInByWallet(citizen, wallet));
});
