/** A mailbox on a loopback port: takes email by Resend's HTTP API, keeps it, and shows it in a browser. */
import { Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { randomUUID } from "node:crypto";
import { createFaults } from "../wire/faults.ts";
import type { Faults } from "../wire/faults.ts";
import { serve } from "../wire/serve.ts";
import { readEmail } from "./email.ts";
import type { Email } from "./email.ts";
import { createIdempotency } from "./idempotency.ts";
import { mailboxPage, previewsPage } from "./page.ts";
import { Refusal, REFUSALS } from "./refusal.ts";

export type MailboxOptions = {
  readonly port?: number;
  /** The bearer key asked for; `re_development` unless told. */
  readonly apiKey?: string;
  readonly now?: () => Date;
  /** Resend's 2 unless told. */
  readonly requestsPerSecond?: number;
  /** The domains a sender may use; any without them. */
  readonly verifiedDomains?: readonly string[];
  /** Every letter there is, written from samples: shown at `/previews`. */
  readonly previews?: () => readonly Preview[];
};

export type Preview = {
  readonly name: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
};

export type Message = Email & {
  readonly id: string;
  /** ISO time. */
  readonly at: string;
  readonly idempotencyKey: string | null;
};

export type Mailbox = {
  readonly url: string;
  readonly port: number;
  readonly apiKey: string;
  readonly faults: Faults;
  /** Oldest first; only those to this address, if one is given. */
  messages(to?: string): readonly Message[];
  /** Forgets messages and idempotency keys. */
  clear(): void;
  close(): Promise<void>;
};

const WINDOW_MS = 1_000;

/** @throws the listener's error when the port is taken. */
export async function startMailbox(options: MailboxOptions = {}): Promise<Mailbox> {
  const now = options.now ?? (() => new Date());
  const apiKey = options.apiKey ?? "re_development";
  const requestsPerSecond = options.requestsPerSecond ?? 2;
  const idempotency = createIdempotency(now);
  let kept: Message[] = [];
  let recent: number[] = [];

  function clear(): void {
    kept = [];
    idempotency.clear();
  }

  /** @throws Refusal when this second has had its requests. */
  function admit(): void {
    const instant = now().getTime();
    recent = recent.filter((each) => instant - each < WINDOW_MS);
    if (recent.length >= requestsPerSecond) throw REFUSALS.tooMany();
    recent.push(instant);
  }

  const faults = createFaults((context, status) => {
    const refusal =
      status === 429
        ? REFUSALS.tooMany()
        : new Refusal(status, "internal_server_error", "An unexpected error occurred.");
    return context.json(refusal.body, status as ContentfulStatusCode);
  });

  const app = new Hono();
  faults.mount(app);
  const { previews } = options;
  app.get("/", (context) => context.html(mailboxPage(kept, previews !== undefined)));
  if (previews) app.get("/previews", (context) => context.html(previewsPage(previews())));
  app.get("/_control/messages", (context) => {
    const to = context.req.query("to");
    return context.json(messages(to));
  });
  app.delete("/_control/messages", (context) => {
    clear();
    return context.body(null, 204);
  });
  app.use("*", faults.middleware);
  app.use("*", async (context, next) => {
    if (context.req.path.startsWith("/_")) return next();
    const authorization = context.req.header("authorization");
    if (authorization === undefined || authorization === "") throw REFUSALS.missingKey();
    if (authorization !== `Bearer ${apiKey}`) throw REFUSALS.invalidKey();
    admit();
    return next();
  });

  app.post("/emails", async (context) => {
    const payload = await context.req.text();
    let body: unknown;
    try {
      body = JSON.parse(payload);
    } catch {
      throw new Refusal(400, "validation_error", "The request body is not valid JSON.");
    }
    const key = context.req.header("idempotency-key");
    const answered = key === undefined ? undefined : idempotency.recall(key, JSON.stringify(body));
    if (answered !== undefined) return context.json({ id: answered });
    const email = readEmail(body, options.verifiedDomains);
    const id = randomUUID();
    kept.push({ ...email, id, at: now().toISOString(), idempotencyKey: key ?? null });
    // A refused email leaves its key free: only an accepted one is answered again.
    if (key !== undefined) idempotency.remember(key, JSON.stringify(body), id);
    return context.json({ id });
  });
  app.all("/emails", () => {
    throw REFUSALS.wrongMethod();
  });
  app.notFound((context) => {
    const refusal = REFUSALS.unknownRoute();
    return context.json(refusal.body, 404);
  });
  app.onError((error, context) => {
    const refusal =
      error instanceof Refusal ? error : new Refusal(500, "internal_server_error", error.message);
    if (refusal.status === 429) context.header("retry-after", "1");
    return context.json(refusal.body, refusal.status as ContentfulStatusCode);
  });

  function messages(to?: string): readonly Message[] {
    return to === undefined ? [...kept] : kept.filter((each) => each.to.includes(to));
  }

  const served = await serve(app, options.port);
  return { ...served, apiKey, faults, messages, clear };
}
