/** A citizen's wallet in software: an ed25519 key with a Solana address. */
import { base58 } from "@scure/base";
import { generateKeyPairSync, sign } from "node:crypto";
import { call, type Called } from "./call.ts";
import { newCustomer, type Customer, type World } from "./world.ts";

export type Wallet = {
  /** Base58 of the public key. */
  readonly address: string;
  /** Base58 of the signature over the message's UTF-8 bytes. */
  sign(message: string): string;
};

export function newWallet(): Wallet {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const { x = "" } = publicKey.export({ format: "jwk" });
  return {
    address: base58.encode(Buffer.from(x, "base64url")),
    sign: (message) => base58.encode(sign(null, Buffer.from(message), privateKey)),
  };
}

let citizens = 0;

/** A citizen of Venice nobody else uses; with a wallet if one is given. */
export function newCitizen(world: World, wallet?: Wallet): string {
  citizens += 1;
  const Username = `Citizen_${citizens}`;
  world.airtable.addCitizen({ Username, Ducats: 10, ...(wallet && { Wallet: wallet.address }) });
  return Username;
}

/** Writes a citizen's Wallet, as anybody can. */
export function writeWallet(world: World, citizen: string, Wallet: string): void {
  const record = world.airtable.citizen(citizen);
  if (!record) throw new Error(`Venice has no ${citizen}`);
  world.airtable.forge("CITIZENS", record.id, { Wallet });
}

export type Challenge = { readonly challenge: string; readonly message: string };

/** The 201 of `citizen-proof`. */
export async function askedToProve({ token }: Pick<Customer, "token">): Promise<Challenge> {
  const asked = await call("citizen-proof", { json: {}, token });
  if (asked.status !== 201) throw new Error(`citizen-proof: ${asked.text}`);
  return asked.body;
}

export async function prove(customer: Pick<Customer, "token">, wallet: Wallet): Promise<Called> {
  const { challenge, message } = await askedToProve(customer);
  return call("citizen-proof", {
    json: { challenge, signature: wallet.sign(message) },
    token: customer.token,
  });
}

export type ProvedCustomer = Customer & { readonly wallet: Wallet };

/** A customer whose citizen's wallet has signed for his account. */
export async function newProvedCustomer(world: World): Promise<ProvedCustomer> {
  const wallet = newWallet();
  const customer = await newCustomer(newCitizen(world, wallet));
  const proved = await prove(customer, wallet);
  if (proved.status !== 200) throw new Error(`proof: ${proved.text}`);
  return { ...customer, wallet };
}

/** The 201 of `venice-login`. */
export async function askedByVenice(citizen: string, ip?: string): Promise<Challenge> {
  const asked = await call("venice-login", { json: { citizen }, ...(ip && { ip }) });
  if (asked.status !== 201) throw new Error(`venice-login: ${asked.text}`);
  return asked.body;
}

export async function signInByWallet(citizen: string, wallet: Wallet): Promise<Called> {
  const { challenge, message } = await askedByVenice(citizen);
  return call("venice-login", { json: { challenge, signature: wallet.sign(message), bearer: true } });
}
