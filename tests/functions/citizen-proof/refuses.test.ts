/** What doesn't prove a citizen, however it is signed. */
import { base58 } from "@scure/base";
import { beforeAll, expect, test } from "vitest";
import { call, type Called } from "../../support/call.ts";
import { offered } from "../../support/authenticator.ts";
import {
  askedByVenice,
  askedToProve,
  newCitizen,
  newWallet,
  prove,
  writeWallet,
  type Wallet,
} from "../../support/wallet.ts";
import { newCustomer, useWorld, type Customer } from "../../support/world.ts";

const world = useWorld();
let wallet: Wallet;
let owner: Customer;
let stranger: Customer;
beforeAll(async () => {
  wallet = newWallet();
  const citizen = newCitizen(world, wallet);
  [owner, stranger] = [await newCustomer(citizen), await newCustomer(citizen)];
});

function answer({ token }: Customer, challenge: string, signature: string): Promise<Called> {
  return call("citizen-proof", { json: { challenge, signature }, token });
}

async function isProved({ token }: Customer): Promise<boolean> {
  return (await call("me", { token })).body.account.citizenProved;
}

async function expectRefused(proving: Promise<Called>): Promise<void> {
  const refused = await proving;
  expect([refused.status, refused.body.code]).toEqual([401, "invalid_proof"]);
  expect([await isProved(owner), await isProved(stranger)]).toEqual([false, false]);
}

test.each([
  ["nothing", ""],
  ["no address", "my wallet"],
  ["an Ethereum address", "0x52908400098527886E0F7030069857D2E4169EE7"],
  ["an address that lacks a byte", base58.encode(new Uint8Array(31).fill(9))],
  ["an address with a byte more", base58.encode(new Uint8Array(33).fill(9))],
  ["two addresses", `${newWallet().address} ${newWallet().address}`],
  ["100,000 letters", "z".repeat(100_000)],
  // Solana's System Program, a favourite placeholder: of small order, so that everybody can sign for it.
  ["Solana's System Program", "1".repeat(32)],
])("a citizen whose wallet in Venice is %s: 409 no_wallet", async (_, Wallet) => {
  const customer = owner;
  writeWallet(world, customer.citizen, Wallet);
  const refused = await call("citizen-proof", { json: {}, token: customer.token });
  writeWallet(world, customer.citizen, wallet.address);
  expect([refused.status, refused.body.code]).toEqual([409, "no_wallet"]);
});

test("a citizen without the field, or gone from Venice: 409 no_wallet", async () => {
  const customer = await newCustomer("RialtoBanker");
  expect((await call("citizen-proof", { json: {}, token: customer.token })).body.code).toBe("no_wallet");
  const gone = await newCustomer(newCitizen(world, newWallet()));
  const record = world.airtable.citizen(gone.citizen);
  world.airtable.remove("CITIZENS", record?.id ?? "");
  expect((await call("citizen-proof", { json: {}, token: gone.token })).body.code).toBe("no_wallet");
});

test("the signature of another wallet, over another message or another spelling of it: 401", async () => {
  const wrong: ((message: string) => string)[] = [
    (message) => newWallet().sign(message),
    (message) => wallet.sign(`${message}\n`),
    (message) => wallet.sign(message.replace(owner.citizen, "Somebody")),
    (message) => wallet.sign(message.replaceAll("\n", "\r\n")),
    () => wallet.sign(""),
  ];
  for (const sign of wrong) {
    const { challenge, message } = await askedToProve(owner);
    await expectRefused(answer(owner, challenge, sign(message)));
  }
});

test.each<[string, (signature: string) => string]>([
  ["cut", (signature) => signature.slice(0, -1)],
  ["longer", (signature) => `${signature}1`],
  ["with a leading zero", (signature) => `1${signature}`],
  ["with a space", (signature) => `${signature} `],
  ["not base58", (signature) => signature.replace(/^./, "l")],
  ["hex", (signature) => Buffer.from(base58.decode(signature)).toString("hex")],
  ["zeros", () => "1".repeat(64)],
])("a signature that is %s: 401", async (_, spoil) => {
  const { challenge, message } = await askedToProve(owner);
  await expectRefused(answer(owner, challenge, spoil(wallet.sign(message))));
});

test("a challenge of another account, of another purpose, unknown or over: 401", async () => {
  const mine = await askedToProve(owner);
  await expectRefused(answer(stranger, mine.challenge, wallet.sign(mine.message)));

  const signIn = await askedByVenice(owner.citizen);
  await expectRefused(answer(owner, signIn.challenge, wallet.sign(signIn.message)));
  const passkey = await offered(owner);
  await expectRefused(answer(owner, passkey.challenge, wallet.sign(passkey.options.challenge)));
  await expectRefused(answer(owner, "chl_00000000000000000000", wallet.sign(mine.message)));

  // What he has signed for something else is no proof of this.
  const other = await askedToProve(owner);
  await expectRefused(answer(owner, other.challenge, wallet.sign(signIn.message)));

  const late = await askedToProve(owner);
  await world.database.rows("update challenges set expires_at = now() where id = $1", [late.challenge]);
  await expectRefused(answer(owner, late.challenge, wallet.sign(late.message)));

  // Nobody's mistake has used up what is mine.
  expect((await answer(owner, mine.challenge, wallet.sign(mine.message))).status).toBe(200);
  await call("citizen", { method: "DELETE", token: owner.token });
});

test("a challenge works once: a wrong signature uses it up, and of ten at once one proves", async () => {
  const spoilt = await askedToProve(owner);
  await expectRefused(answer(owner, spoilt.challenge, newWallet().sign(spoilt.message)));
  await expectRefused(answer(owner, spoilt.challenge, wallet.sign(spoilt.message)));

  const { challenge, message } = await askedToProve(owner);
  const signature = wallet.sign(message);
  const answers = await Promise.all(Array.from({ length: 10 }, () => answer(owner, challenge, signature)));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(9).fill(401)]);
  await call("citizen", { method: "DELETE", token: owner.token });
  await expectRefused(answer(owner, challenge, signature));
});

test("an account that has another citizen by now: 409, and neither is proved", async () => {
  const { challenge, message } = await askedToProve(owner);
  await call("citizen", { json: { citizen: "RialtoBanker" }, token: owner.token });
  const refused = await answer(owner, challenge, wallet.sign(message));
  expect([refused.status, refused.body.code]).toEqual([409, "citizen_changed"]);
  expect(await isProved(owner)).toBe(false);
  await call("citizen", { json: { citizen: owner.citizen }, token: owner.token });
});

test("a stranger who writes his wallet into Venice takes no proof away", async () => {
  const proved = await newCustomer(newCitizen(world, wallet));
  expect((await prove(proved, wallet)).status).toBe(200);
  const thief = newWallet();
  writeWallet(world, proved.citizen, thief.address);
  await call("citizen", { json: { citizen: proved.citizen }, token: stranger.token });
  const refused = await prove(stranger, thief);
  expect([refused.status, refused.body.code]).toEqual([409, "citizen_taken"]);
  expect(await isProved(proved)).toBe(true);
  await call("citizen", { json: { citizen: owner.citizen }, token: stranger.token });
});

test("a session that has ended, or none: 401, and no challenge is kept", async () => {
  const customer = await newCustomer(newCitizen(world, wallet));
  const { challenge, message } = await askedToProve(customer);
  await call("logout", { json: {}, token: customer.token });
  const before = await world.database.rows("select * from challenges order by id");
  for (const token of [customer.token, undefined, "nonsense"])
    for (const json of [{}, { challenge, signature: wallet.sign(message) }])
      expect((await call("citizen-proof", { json, token })).status).toBe(401);
  expect(await world.database.rows("select * from challenges order by id")).toEqual(before);
  expect(await world.database.rows("select wallet from accounts where id = $1", [customer.id])).toEqual([
    { wallet: null },
  ]);
});

test.each(["drop_before", "status"] as const)("Venice that is away (%s): 503, no challenge", async (kind) => {
  const before = await world.database.rows("select from challenges");
  world.airtable.faults.plan({ kind, times: 5 });
  const refused = await call("citizen-proof", { json: {}, token: owner.token });
  expect([refused.status, refused.body.code]).toEqual([503, "venice_unavailable"]);
  expect(await world.database.rows("select from challenges")).toEqual(before);
});

test("a signature needs no Venice", async () => {
  const { challenge, message } = await askedToProve(owner);
  world.airtable.faults.plan({ kind: "drop_before", times: 5 });
  expect((await answer(owner, challenge, wallet.sign(message))).status).toBe(200);
  await call("citizen", { method: "DELETE", token: owner.token });
});

test("half a request, or more than is read: 422", async () => {
  for (const json of [
    { challenge: "chl_00000000000000000000" },
    { signature: "1" },
    { challenge: "", signature: "" },
    { challenge: "c", signature: "s".repeat(501) },
    { challenge: "c\0", signature: "s" },
    { citizen: "RialtoBanker" },
  ])
    expect((await call("citizen-proof", { json, token: owner.token })).status, JSON.stringify(json)).toBe(
      422,
    );
});

// Each one takes a turn of the requests to Airtable that deliveries are paid by, and keeps a row.
test("a session that asks without end is refused: 429", async () => {
  const answers = await Promise.all(
    Array.from({ length: 40 }, () => call("citizen-proof", { json: {}, token: stranger.token })),
  );
  expect(answers.map(({ status }) => status)).toContain(429);
});
