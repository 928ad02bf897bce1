/** A citizen's wallet in this browser (Phantom and its like), when there is one: it signs a message. */
import { base58 } from "@scure/base";

export type Wallet = {
  connect(): Promise<unknown>;
  signMessage(message: Uint8Array, display: "utf8"): Promise<unknown>;
};

export function walletHere(): Wallet | undefined {
  const found: unknown = Reflect.get(window, "solana");
  return isWallet(found) ? found : undefined;
}

/** The signature of the message's UTF-8 bytes in base58; undefined when the wallet or its owner would not. */
export async function signWith(wallet: Wallet, message: string): Promise<string | undefined> {
  try {
    await wallet.connect();
    const signed = await wallet.signMessage(new TextEncoder().encode(message), "utf8");
    const signature: unknown =
      typeof signed === "object" && signed !== null ? Reflect.get(signed, "signature") : undefined;
    return signature instanceof Uint8Array ? base58.encode(signature) : undefined;
  } catch {
    return undefined;
  }
}

function isWallet(value: unknown): value is Wallet {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof Reflect.get(value, "connect") === "function" &&
    typeof Reflect.get(value, "signMessage") === "function"
  );
}
