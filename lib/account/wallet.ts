/** A citizen's wallet as a proof: a text that names everything it is for, and its ed25519 signature (Solana's). */
import { base58 } from "@scure/base";
import { createPublicKey, randomBytes, verify } from "node:crypto";

export type WalletRequest = {
  /** The site's own. */
  readonly domain: string;
  readonly purpose: string;
  readonly citizen: string;
  readonly issuedAt: string;
  readonly expiresAt: string;
};

/** What the wallet shows and signs. Its nonce makes each one another text. */
export function walletMessage({ domain, purpose, citizen, issuedAt, expiresAt }: WalletRequest): string {
  return [
    `${domain} asks you to prove that you are a citizen of Venice.`,
    "",
    purpose,
    "",
    `Citizen: ${citizen}`,
    `Nonce: ${base58.encode(randomBytes(16))}`,
    `Issued at: ${issuedAt}`,
    `Expires at: ${expiresAt}`,
  ].join("\n");
}

/** Whether a Venice Wallet is an address that can sign: base58 of 32 bytes. */
export function isWallet(address: string): boolean {
  return keyOf(address) !== undefined;
}

/** @param signature base58 of 64 bytes, by the wallet's key over the message's UTF-8 bytes. */
export function walletSigned(wallet: string, message: string, signature: string): boolean {
  const key = keyOf(wallet);
  const signed = bytesOf(signature);
  if (key === undefined || signed?.length !== 64) return false;
  const jwk = { kty: "OKP", crv: "Ed25519", x: Buffer.from(key).toString("base64url") };
  return verify(null, Buffer.from(message), createPublicKey({ key: jwk, format: "jwk" }), signed);
}

/**
 * The y of the points whose order divides 8, in every spelling, without x's sign: anybody can sign for such a key, and not
 * every runtime's OpenSSL refuses it. All zeros is Solana's System Program.
 */
const smallOrder = new Set([
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  `ec${"ff".repeat(30)}7f`,
  `ed${"ff".repeat(30)}7f`,
  `ee${"ff".repeat(30)}7f`,
]);

function keyOf(address: string): Uint8Array | undefined {
  const key = bytesOf(address);
  if (key?.length !== 32) return undefined;
  const y = key.with(31, (key[31] ?? 0) & 0x7f);
  return smallOrder.has(Buffer.from(y).toString("hex")) ? undefined : key;
}

function bytesOf(text: string): Uint8Array | undefined {
  try {
    return base58.decode(text);
  } catch {
    return undefined;
  }
}
