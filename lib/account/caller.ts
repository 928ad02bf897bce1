/** Who calls: a signed-in person, or a program with an API key; whether either lives, the database still has to say. */
export type Caller =
  | { readonly kind: "session"; readonly sessionId: string; readonly accountId: string }
  | { readonly kind: "key"; readonly hash: Uint8Array };

/** As SQL takes it: a key by its hash or a session by its id, the other null. */
export function callerColumns(caller: Caller) {
  return caller.kind === "key"
    ? { keyHash: caller.hash, sessionId: null }
    : { keyHash: null, sessionId: caller.sessionId };
}
