/** Who calls: a signed-in person, or a program with an API key that the database still has to know. */
export type Caller =
  | { readonly kind: "session"; readonly accountId: string }
  | { readonly kind: "key"; readonly hash: Uint8Array };
