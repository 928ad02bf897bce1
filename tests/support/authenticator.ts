/** An authenticator in software, one passkey each: as strict as a real one, and it lies where a test tells it to. */
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from "@simplewebauthn/server";
import { isoCBOR } from "@simplewebauthn/server/helpers";
import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import { call, site, type Called } from "./call.ts";
import type { Customer } from "./world.ts";

type Algorithm = "ES256" | "RS256" | "EdDSA";

export type Make = {
  readonly algorithm?: Algorithm;
  /** Lives on several devices: backed up, and its counter stays 0. */
  readonly synced?: boolean;
  readonly id?: Buffer;
};

/** What it says instead of the truth. */
export type Lies = {
  readonly origin?: string;
  readonly rpId?: string;
  readonly challenge?: string;
  readonly type?: string;
  readonly userVerified?: boolean;
  readonly userPresent?: boolean;
  readonly counter?: number;
  /** Of the page around the one that asks. */
  readonly topOrigin?: string;
  readonly transports?: readonly string[];
  /** What it calls the credential outside of what is signed. */
  readonly id?: string;
};

export type Authenticator = {
  readonly id: string;
  create(options: PublicKeyCredentialCreationOptionsJSON, lies?: Lies): RegistrationResponseJSON;
  get(options: PublicKeyCredentialRequestOptionsJSON, lies?: Lies): AuthenticationResponseJSON;
  /** The same key and the same counter, in a stranger's hands. */
  clone(): Authenticator;
};

const flag = { userPresent: 1, userVerified: 4, backupEligible: 8, backedUp: 16, attested: 64 };
const coseNumber: Readonly<Record<Algorithm, number>> = { ES256: -7, RS256: -257, EdDSA: -8 };

export function newAuthenticator({ algorithm = "ES256", synced = false, id }: Make = {}): Authenticator {
  const { publicKey, privateKey } = keyPair(algorithm);
  const credentialId = id ?? randomBytes(32);
  const keys = { algorithm, synced, credentialId, cose: coseKey(algorithm, publicKey), privateKey };
  return authenticator(keys, { counter: 0, rpId: undefined });
}

type Keys = {
  readonly algorithm: Algorithm;
  readonly synced: boolean;
  readonly credentialId: Buffer;
  readonly cose: Uint8Array;
  readonly privateKey: KeyObject;
};
type State = { counter: number; rpId: string | undefined };
/** What an attestation is made of. */
type CBORValue = string | Uint8Array<ArrayBuffer> | Map<string, string>;

function authenticator(keys: Keys, state: State): Authenticator {
  const id = keys.credentialId.toString("base64url");

  function authenticatorData(rpId: string, lies: Lies, attested?: Buffer): Buffer {
    if (!keys.synced) state.counter += 1;
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(lies.counter ?? state.counter);
    const flags =
      ((lies.userPresent ?? true) ? flag.userPresent : 0) |
      ((lies.userVerified ?? true) ? flag.userVerified : 0) |
      (keys.synced ? flag.backupEligible | flag.backedUp : 0) |
      (attested ? flag.attested : 0);
    const parts = [sha256(lies.rpId ?? rpId), Buffer.of(flags), counter];
    return Buffer.concat(attested ? [...parts, attested] : parts);
  }

  return {
    id,
    create(options, lies = {}) {
      const { rp, challenge, pubKeyCredParams, excludeCredentials = [], authenticatorSelection } = options;
      const rpId = own(rp.id);
      if (excludeCredentials.some((each) => each.id === id)) throw new Error("InvalidStateError");
      if (!pubKeyCredParams.some(({ alg }) => alg === coseNumber[keys.algorithm]))
        throw new Error("NotSupportedError");
      if (authenticatorSelection?.residentKey !== "required") throw new Error("it could not be found again");
      state.rpId = rpId;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(keys.credentialId.length);
      const attested = Buffer.concat([Buffer.alloc(16), length, keys.credentialId, keys.cose]);
      const attestation = new Map<string, CBORValue>([
        ["fmt", "none"],
        ["attStmt", new Map()],
        ["authData", new Uint8Array(authenticatorData(rpId, lies, attested))],
      ]);
      return {
        ...envelope(lies.id ?? id),
        response: {
          clientDataJSON: clientData("webauthn.create", challenge, lies).toString("base64url"),
          attestationObject: Buffer.from(isoCBOR.encode(attestation)).toString("base64url"),
          transports: [...(lies.transports ?? ["internal"])] as never,
        },
      };
    },
    get(options, lies = {}) {
      const { rpId, challenge, allowCredentials = [] } = options;
      if (own(rpId) !== state.rpId) throw new Error("NotAllowedError: it has no passkey for this site");
      if (allowCredentials.length > 0 && !allowCredentials.some((each) => each.id === id))
        throw new Error("NotAllowedError: not this passkey");
      const data = authenticatorData(state.rpId, lies);
      const client = clientData("webauthn.get", challenge, lies);
      const signed = Buffer.concat([data, sha256(client)]);
      const hash = keys.algorithm === "EdDSA" ? null : "sha256";
      return {
        ...envelope(lies.id ?? id),
        response: {
          clientDataJSON: client.toString("base64url"),
          authenticatorData: data.toString("base64url"),
          signature: sign(hash, signed, keys.privateKey).toString("base64url"),
        },
      };
    },
    clone: () => authenticator(keys, { ...state }),
  };
}

/** A page may use passkeys of its own host only. */
function own(rpId: string | undefined): string {
  if (rpId !== new URL(site).hostname) throw new Error(`SecurityError: ${rpId ?? "no rp id"}`);
  return rpId;
}

function envelope(id: string) {
  return { id, rawId: id, type: "public-key" as const, clientExtensionResults: {} };
}

function clientData(type: string, challenge: string, lies: Lies): Buffer {
  const { topOrigin } = lies;
  return Buffer.from(
    JSON.stringify({
      type: lies.type ?? type,
      challenge: lies.challenge ?? challenge,
      origin: lies.origin ?? site,
      crossOrigin: topOrigin !== undefined,
      ...(topOrigin === undefined ? {} : { topOrigin }),
    }),
  );
}

function keyPair(algorithm: Algorithm) {
  if (algorithm === "RS256") return generateKeyPairSync("rsa", { modulusLength: 2048 });
  if (algorithm === "EdDSA") return generateKeyPairSync("ed25519");
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

/** RFC 9053, RFC 8230. */
function coseKey(algorithm: Algorithm, publicKey: KeyObject): Uint8Array {
  const jwk = publicKey.export({ format: "jwk" });
  const bytes = (text: string | undefined) => new Uint8Array(Buffer.from(text ?? "", "base64url"));
  const alg: [number, number] = [3, coseNumber[algorithm]];
  const parameters: Readonly<Record<Algorithm, [number, number | Uint8Array][]>> = {
    ES256: [[1, 2], alg, [-1, 1], [-2, bytes(jwk.x)], [-3, bytes(jwk.y)]],
    RS256: [[1, 3], alg, [-1, bytes(jwk.n)], [-2, bytes(jwk.e)]],
    EdDSA: [[1, 1], alg, [-1, 6], [-2, bytes(jwk.x)]],
  };
  return isoCBOR.encode(new Map(parameters[algorithm]));
}

function sha256(data: string | Buffer): Buffer {
  return createHash("sha256").update(data).digest();
}

/** The 201 of `passkeys` or `passkey-login`. */
export type Offer<Options> = { readonly challenge: string; readonly options: Options };

export async function offered({ token }: Pick<Customer, "token">) {
  const asked = await call("passkeys", { json: {}, token });
  if (asked.status !== 201) throw new Error(`passkeys: ${asked.text}`);
  return asked.body as Offer<PublicKeyCredentialCreationOptionsJSON>;
}

/** Asks for options, makes the passkey and sends it. */
export async function enrol(
  customer: Pick<Customer, "token">,
  device: Authenticator,
  lies: Lies = {},
): Promise<Called> {
  const { challenge, options } = await offered(customer);
  return call("passkeys", {
    json: { challenge, credential: device.create(options, lies) },
    token: customer.token,
  });
}

export async function askedToSignIn(ip?: string) {
  const asked = await call("passkey-login", { json: {}, ...(ip && { ip }) });
  if (asked.status !== 201) throw new Error(`passkey-login: ${asked.text}`);
  return asked.body as Offer<PublicKeyCredentialRequestOptionsJSON>;
}

/** Asks for options, signs and sends it. */
export async function signInByPasskey(device: Authenticator, lies: Lies = {}): Promise<Called> {
  const { challenge, options } = await askedToSignIn();
  return call("passkey-login", { json: { challenge, credential: device.get(options, lies), bearer: true } });
}
