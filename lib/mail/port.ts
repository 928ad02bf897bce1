/** Mail, one message at a time. */
export type Message = {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  /** The same key sends the same message once (24 hours at the provider). */
  readonly idempotencyKey: string;
};

export type Mail = {
  /** @throws Unavailable: the message may or may not have been taken; sending again with its key is safe. */
  send(message: Message): Promise<void>;
};
