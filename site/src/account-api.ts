/** The calls about one's own account: who I am, how I sign in, where I am signed in, what happened. */
import { anything, call, post, remove } from "./call.ts";
import {
  accountShape,
  auditShape,
  challengeShape,
  passkeyCreationShape,
  passkeysShape,
  sessionsShape,
} from "./wire.ts";

export const readAccount = () => call("me", accountShape);

export const changePassword = (currentPassword: string, newPassword: string) =>
  post("password", anything, { currentPassword, newPassword });

export const readSessions = () => call("sessions", sessionsShape);
export const endSession = (id: string) => remove(`sessions/${encodeURIComponent(id)}`, anything);
export const endOtherSessions = () => remove("sessions", anything);

const passkeyPath = (id: string) => `passkeys/${encodeURIComponent(id)}`;

export const readPasskeys = () => call("passkeys", passkeysShape);
export const askPasskey = () => post("passkeys", passkeyCreationShape, {});
export const addPasskey = (challenge: string, credential: object, name: string) =>
  post("passkeys", anything, { challenge, credential, name });
export const renamePasskey = (id: string, name: string) => post(passkeyPath(id), anything, { name });
export const removePasskey = (id: string) => remove(passkeyPath(id), anything);

export const changeCitizen = (citizen: string) => post("citizen", accountShape, { citizen });
export const unlinkCitizen = () => remove("citizen", accountShape);
export const askCitizenProof = () => post("citizen-proof", challengeShape, {});
export const proveCitizen = (challenge: string, signature: string) =>
  post("citizen-proof", accountShape, { challenge, signature });

/** @param before the last id of the page before. */
export const readAudit = (before: number | undefined) =>
  call(before === undefined ? "audit" : `audit?before=${before}`, auditShape);
