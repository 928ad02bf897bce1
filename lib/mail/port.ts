/** Mail, one message at a time. */
export type Message = {
  /** One address, without a name. */
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** Names the message: at most 256 characters. */
  readonly idempotencyKey: string;
};

/**
 * `refused`: this message will never be taken as it is. The reason is the provider's own words, which may name the
 * address: for the operator's eyes, not for the log.
 */
export type SendOutcome = { readonly kind: "sent" } | { readonly kind: "refused"; readonly reason: string };

export type Mail = {
  /**
   * @throws Unavailable: with effect `unknown` the message may have been taken. Sending again with its key is safe where
   * the provider knows keys (Resend, 24 hours); over SMTP it may then arrive twice, under one Message-ID.
   */
  send(message: Message): Promise<SendOutcome>;
};
