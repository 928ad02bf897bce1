/** Passkeys as this browser makes and uses them. */
import {
  browserSupportsWebAuthn,
  startAuthentication,
  startRegistration,
  WebAuthnError,
  type AuthenticationResponseJSON,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  type RegistrationResponseJSON,
} from "@simplewebauthn/browser";

export type Used<Credential> =
  | { readonly kind: "used"; readonly credential: Credential }
  | { readonly kind: "not_used"; readonly words: string };

export const knowsPasskeys = browserSupportsWebAuthn;

export function makePasskey(
  options: PublicKeyCredentialCreationOptionsJSON,
): Promise<Used<RegistrationResponseJSON>> {
  return used(startRegistration({ optionsJSON: options }));
}

export function usePasskey(
  options: PublicKeyCredentialRequestOptionsJSON,
): Promise<Used<AuthenticationResponseJSON>> {
  return used(startAuthentication({ optionsJSON: options }));
}

async function used<Credential>(asking: Promise<Credential>): Promise<Used<Credential>> {
  try {
    return { kind: "used", credential: await asking };
  } catch (error) {
    return { kind: "not_used", words: wordsOf(error) };
  }
}

/** The browser tells a person who said no from one who took too long by nothing. */
function wordsOf(error: unknown): string {
  const code: string = error instanceof WebAuthnError ? error.code : "";
  switch (code) {
    case "ERROR_PASSTHROUGH_SEE_CAUSE_PROPERTY":
    case "ERROR_CEREMONY_ABORTED":
      return "No passkey was used: it was called off, or it took too long.";
    case "ERROR_AUTHENTICATOR_PREVIOUSLY_REGISTERED":
      return "This device has a passkey for your account already.";
    case "ERROR_INVALID_DOMAIN":
    case "ERROR_INVALID_RP_ID":
      return "Passkeys don’t work at this address of the site.";
    default:
      return "This device could not use a passkey. Try another one, or sign in with your password.";
  }
}
