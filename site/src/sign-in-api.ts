/** The calls of whoever is not signed in yet: by password, passkey or wallet, and by mailed links. */
import { anything, post } from "./call.ts";
import { accountShape, challengeShape, passkeyRequestShape } from "./wire.ts";

export const signIn = (email: string, password: string) => post("login", accountShape, { email, password });

export const signUp = (email: string, password: string, citizen: string) =>
  post("signup", accountShape, { email, password, citizen });

export const askPasskeySignIn = () => post("passkey-login", passkeyRequestShape, {});
export const signInByPasskey = (challenge: string, credential: object) =>
  post("passkey-login", accountShape, { challenge, credential });

export const askVeniceSignIn = (citizen: string) => post("venice-login", challengeShape, { citizen });
export const signInByVenice = (challenge: string, signature: string) =>
  post("venice-login", accountShape, { challenge, signature });

/** The answer is the same whether there is an account or not. */
export const askReset = (email: string) => post("password-reset", anything, { email });
export const resetPassword = (token: string, password: string) =>
  post("password-reset", anything, { token, password });

export const askVerification = (email: string) => post("email-verification", anything, { email });
export const verifyEmail = (token: string) => post("email-verification", anything, { token });
