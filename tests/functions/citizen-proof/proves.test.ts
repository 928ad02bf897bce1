/** Proving a citizen: Venice's wallet of him, now, signs one message for one account. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import {
  askedToProve,
  newCitizen,
  newProvedCustomer,
  newWallet,
  prove,
  signInByWallet,
  writeWallet,
} from "../../support/wallet.ts";
import { newCustomer, useWorld } from "../../support/world.ts";

const world = useWorld();
const log = useLog();

test("the message names the site, what it is for, the account, the citizen, a nonce and its end", async () => {
  const wallet = newWallet();
  const customer = await newCustomer(newCitizen(world, wallet));
  const asked = await call("citizen-proof", { json: {}, token: customer.token });
  expect(log.last().trips).toMatchObject({ venice: 1, postgres: 2 });
  const { challenge, message, expiresAt } = asked.body;
  expect(challenge).toMatch(/^chl_[0-9a-z]{20}$/);
  const lines: string[] = message.split("\n");
  expect(lines).toEqual([
    "cascade.test asks you to prove that you are a citizen of Venice.",
    "",
    `This links the citizen to the account of ${customer.email}, which he can then sign in to.`,
    "",
    `Citizen: ${customer.citizen}`,
    expect.stringMatching(/^Nonce: [1-9A-HJ-NP-Za-km-z]{16,22}$/),
    expect.stringMatching(/^Issued at: 20.*Z$/),
    `Expires at: ${expiresAt}`,
  ]);
  const issued = Date.parse(lines[6]?.slice("Issued at: ".length) ?? "");
  expect(Date.parse(expiresAt) - issued).toBe(5 * 60 * 1_000);
  expect((await askedToProve(customer)).message).not.toBe(message);
});

test("its signature proves the citizen: shown by me, written down with the wallet, and he signs in", async () => {
  const wallet = newWallet();
  const customer = await newCustomer(newCitizen(world, wallet));
  const { challenge, message } = await askedToProve(customer);
  world.airtable.faults.forget();
  const proved = await call("citizen-proof", {
    json: { challenge, signature: wallet.sign(message) },
    token: customer.token,
  });
  expect(log.last().trips).toMatchObject({ postgres: 2 });
  expect(world.airtable.faults.seen).toEqual([]);
  const account = expect.objectContaining({ citizen: customer.citizen, citizenProved: true });
  expect([proved.status, proved.body.account]).toEqual([200, account]);
  expect((await call("me", { token: customer.token })).body.account).toEqual(account);
  const entries = await world.database.rows(
    "select actor, act, detail, network from audit_log where account_id = $1 and act like 'citizen.%'",
    [customer.id],
  );
  const detail = { citizen: customer.citizen, wallet: wallet.address };
  expect(entries).toEqual([{ actor: customer.id, act: "citizen.proved", detail, network: "203.0.113.7" }]);
  expect((await signInByWallet(customer.citizen, wallet)).body.account.id).toBe(customer.id);
  for (const secret of [challenge, message, wallet.sign(message), wallet.address])
    expect(log.text()).not.toContain(secret);
});

test("the wallet is the one that Venice knew when it was asked: a later one of Venice's doesn't count", async () => {
  const [wallet, later] = [newWallet(), newWallet()];
  const customer = await newCustomer(newCitizen(world, wallet));
  const { challenge, message } = await askedToProve(customer);
  writeWallet(world, customer.citizen, later.address);
  const json = { challenge, signature: wallet.sign(message) };
  expect((await call("citizen-proof", { json, token: customer.token })).status).toBe(200);
  expect((await signInByWallet(customer.citizen, later)).status).toBe(401);
  expect((await signInByWallet(customer.citizen, wallet)).status).toBe(200);
});

test("proving again pins the wallet that Venice knows by now, and the old one signs in no more", async () => {
  const customer = await newProvedCustomer(world);
  const next = newWallet();
  writeWallet(world, customer.citizen, next.address);
  expect((await prove(customer, next)).status).toBe(200);
  expect((await signInByWallet(customer.citizen, customer.wallet)).status).toBe(401);
  expect((await signInByWallet(customer.citizen, next)).body.account.id).toBe(customer.id);
});

test("one wallet may be of two citizens: each signs in to the account that has proved him", async () => {
  const wallet = newWallet();
  const one = await newCustomer(newCitizen(world, wallet));
  const two = await newCustomer(newCitizen(world, wallet));
  for (const each of [one, two]) expect((await prove(each, wallet)).status).toBe(200);
  for (const each of [one, two])
    expect((await signInByWallet(each.citizen, wallet)).body.account.id).toBe(each.id);
});

test("of two accounts one proves a citizen, the other gets 409; unlinked, the other may", async () => {
  const wallet = newWallet();
  const citizen = newCitizen(world, wallet);
  const [one, two] = [await newCustomer(citizen), await newCustomer(citizen)];
  expect((await prove(one, wallet)).status).toBe(200);
  const refused = await prove(two, wallet);
  expect([refused.status, refused.body.code]).toEqual([409, "citizen_taken"]);
  expect((await call("me", { token: two.token })).body.account.citizenProved).toBe(false);
  expect((await signInByWallet(citizen, wallet)).body.account.id).toBe(one.id);
  await call("citizen", { method: "DELETE", token: one.token });
  expect((await prove(two, wallet)).status).toBe(200);
  expect((await signInByWallet(citizen, wallet)).body.account.id).toBe(two.id);
});

test("of two accounts that prove a citizen at the same moment one does", async () => {
  const wallet = newWallet();
  const citizen = newCitizen(world, wallet);
  const [one, two] = [await newCustomer(citizen), await newCustomer(citizen)];
  for (let round = 0; round < 5; round += 1) {
    const answers = await Promise.all([prove(one, wallet), prove(two, wallet)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    for (const { token } of [one, two]) await call("citizen", { method: "DELETE", token });
  }
});

test("a space around the wallet in Venice doesn't matter", async () => {
  const wallet = newWallet();
  const customer = await newCustomer(newCitizen(world, wallet));
  writeWallet(world, customer.citizen, ` ${wallet.address}\n`);
  expect((await prove(customer, wallet)).status).toBe(200);
});
