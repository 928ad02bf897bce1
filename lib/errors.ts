/** The one surprise that callers tell apart: a service of ours that is away. Expected outcomes are values. */
export type Port = "postgres" | "redis" | "stripe" | "venice" | "mail";

/**
 * A port could not answer in time.
 * `effect` is `none` when nothing can have happened and `unknown` when the write may have reached the other side.
 */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
  readonly port: Port;
  readonly effect: "none" | "unknown";
  readonly retryAfterSeconds: number;

  constructor(
    port: Port,
    details: { effect: "none" | "unknown"; retryAfterSeconds?: number; cause?: unknown; message?: string },
  ) {
    super(details.message ?? `${port} did not answer`, { cause: details.cause });
    this.port = port;
    this.effect = details.effect;
    this.retryAfterSeconds = details.retryAfterSeconds ?? 5;
  }
}

/** The message of anything thrown, for the log. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
