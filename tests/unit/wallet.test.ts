/** A wallet's signature as a proof: of this text, by this key, and by nobody else. */
import { base58 } from "@scure/base";
import { expect, test } from "vitest";
import { isWallet, walletMessage, walletSigned } from "../../lib/account/wallet.ts";
import { newWallet } from "../support/wallet.ts";

const request = {
  domain: "cascade.test",
  purpose: "This signs you in.",
  citizen: "RialtoBanker",
  issuedAt: "2026-01-02T03:04:05.000Z",
  expiresAt: "2026-01-02T03:09:05.000Z",
};
const wallet = newWallet();
const message = walletMessage(request);
const signature = wallet.sign(message);

test("the message names everything it is for, and none is like another", () => {
  expect(message).toMatch(
    /^cascade\.test asks you to prove that you are a citizen of Venice\.\n\nThis signs you in\.\n\nCitizen: RialtoBanker\nNonce: [1-9A-Za-z]{16,22}\nIssued at: 2026-01-02T03:04:05\.000Z\nExpires at: 2026-01-02T03:09:05\.000Z$/,
  );
  expect(walletMessage(request)).not.toBe(message);
});

test("the wallet's signature over the message is a proof", () => {
  expect(walletSigned(wallet.address, message, signature)).toBe(true);
  const unicode = walletMessage({ ...request, citizen: "Zuàn 🦁" });
  expect(walletSigned(wallet.address, unicode, wallet.sign(unicode))).toBe(true);
});

test("another wallet, another message and every other spelling of it are none", () => {
  const other = newWallet();
  expect(walletSigned(other.address, message, signature)).toBe(false);
  expect(walletSigned(wallet.address, message, other.sign(message))).toBe(false);
  for (const near of [
    `${message}\n`,
    ` ${message}`,
    message.toLowerCase(),
    message.replaceAll("\n", "\r\n"),
    "",
  ])
    expect(walletSigned(wallet.address, message, wallet.sign(near)), near).toBe(false);
});

const bytes = base58.decode(signature);
test.each([
  ["nothing", ""],
  ["one byte less", base58.encode(bytes.slice(0, 63))],
  ["one byte more", base58.encode(Uint8Array.of(...bytes, 0))],
  ["a leading zero more", `1${signature}`],
  ["space before it", ` ${signature}`],
  ["a line's end behind it", `${signature}\n`],
  ["letters that base58 leaves out", signature.replace(/^./, "0")],
  ["hex", Buffer.from(bytes).toString("hex")],
  ["base64", Buffer.from(bytes).toString("base64")],
  ["zeros", "1".repeat(64)],
  ["a bit turned", base58.encode(bytes.map((byte, at) => (at === 40 ? byte ^ 1 : byte)))],
  ["500 characters", "z".repeat(500)],
])("a signature that is %s is refused", (_, given) => {
  expect(walletSigned(wallet.address, message, given)).toBe(false);
});

test("a signature has one form: adding the group's order to it makes none", () => {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const half = Buffer.from(bytes.slice(32)).reverse();
  const sum = BigInt(`0x${half.toString("hex")}`) + order;
  const malleated = Buffer.from(sum.toString(16).padStart(64, "0"), "hex").reverse();
  const forged = base58.encode(Uint8Array.of(...bytes.slice(0, 32), ...malleated));
  expect(walletSigned(wallet.address, message, forged)).toBe(false);
});

test.each([
  ["nothing", ""],
  ["31 bytes", base58.encode(new Uint8Array(31).fill(7))],
  ["33 bytes", base58.encode(new Uint8Array(33).fill(7))],
  ["a leading zero more", `1${wallet.address}`],
  ["space before it", ` ${wallet.address}`],
  ["an Ethereum address", "0x52908400098527886E0F7030069857D2E4169EE7"],
  ["100,000 characters", "z".repeat(100_000)],
  ["letters of other scripts", wallet.address.replace(/^./, "А")],
])("a wallet that is %s is none", (_, address) => {
  expect(isWallet(address)).toBe(false);
  expect(walletSigned(address, message, signature)).toBe(false);
});

test("32 bytes that are no point of the curve sign nothing", () => {
  for (let last = 0; last < 32; last += 1)
    expect(walletSigned(base58.encode(new Uint8Array(32).fill(last + 2)), message, signature)).toBe(false);
});

/** The y of every point whose order divides 8, as libsodium lists them; the sign of x is the last bit. */
const smallOrder = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].flatMap((hex) => {
  const key = Buffer.from(hex, "hex");
  return [base58.encode(key), base58.encode(key.map((byte, at) => (at === 31 ? byte | 0x80 : byte)))];
});

// Node 24.21 sees through such a signature; Node 20.20 believes it, and so does OpenSSL.
test.each(smallOrder)("the wallet %s is none: everybody can sign for a key of small order", (address) => {
  expect(isWallet(address)).toBe(false);
  const neutral = base58.encode(Uint8Array.of(1, ...new Uint8Array(63)));
  expect(walletSigned(address, message, neutral)).toBe(false);
});
