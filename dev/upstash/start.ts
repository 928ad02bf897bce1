/** Upstash Redis on a loopback port: the REST protocol the real `@upstash/redis` SDK speaks. */
import { Hono } from "hono";
import type { Context } from "hono";
import { z } from "zod";
import { createFaults } from "../wire/faults.ts";
import type { Faults } from "../wire/faults.ts";
import { serve } from "../wire/serve.ts";
import { accept, RedisError } from "./commands.ts";
import { createEngine } from "./engine.ts";
import { writeReply } from "./reply.ts";
import { withScripts } from "./scripts.ts";

export type UpstashOptions = {
  readonly port?: number;
  /** The bearer token asked for; `upstash-dev-token` unless told. */
  readonly token?: string;
  /**
   * A real redis-server to stand behind the protocol (`redis://…/0`), used as it is: instances that share one share
   * its data. Without it the data lives in this process, each instance's apart.
   */
  readonly redisUrl?: string;
  /** The in-process server's clock: expiry and TIME follow it. It has no effect on a real redis-server. */
  readonly now?: () => Date;
};

export type Upstash = {
  readonly url: string;
  readonly port: number;
  readonly token: string;
  readonly faults: Faults;
  /** Runs one command directly, past the protocol and the faults. @throws with Redis's own message. */
  run(command: readonly [string, ...string[]]): Promise<unknown>;
  /** Forgets every key of the database. */
  clear(): Promise<void>;
  close(): Promise<void>;
};

/** A command is a list of scalars, as the protocol's JSON carries it. */
const commandSchema = z
  .array(z.union([z.string(), z.number(), z.boolean()]))
  .min(1)
  .transform((parts) => parts.map(String));

type Outcome = { result: unknown } | { error: string };

/** @throws the listener's error when the port is taken. */
export async function startUpstash(options: UpstashOptions = {}): Promise<Upstash> {
  const token = options.token ?? "upstash-dev-token";
  const engine = withScripts(createEngine(options));
  const app = new Hono();
  const faults = createFaults((context, status) =>
    context.json({ error: "ERR the stand-in was told to refuse this request" }, status as 500),
  );

  // Redis does one thing at a time: every command or whole transaction waits for the one before.
  let last: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  }

  async function perform(parts: readonly string[], base64: boolean): Promise<Outcome> {
    const [name = "", ...args] = parts;
    try {
      return { result: writeReply(await engine.run(name, args), base64) };
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error) };
    }
  }

  /** The body as JSON, or undefined when it is none. */
  async function readBody(context: Context): Promise<unknown> {
    try {
      return JSON.parse(await context.req.text()) as unknown;
    } catch {
      return undefined;
    }
  }

  faults.mount(app);
  app.use("*", faults.middleware);
  app.use("*", async (context, next) => {
    if (context.req.path.startsWith("/_")) return next();
    if (context.req.header("authorization") !== `Bearer ${token}`) {
      return context.json({ error: "WRONGPASS invalid or missing auth token" }, 401);
    }
    const format = context.req.header("upstash-response-format");
    if (format !== undefined && format !== "json") {
      return context.json({ error: `ERR unsupported response format: ${format}` }, 400);
    }
    return next();
  });

  app.post("/", async (context) => {
    const parsed = commandSchema.safeParse(await readBody(context));
    if (!parsed.success) return context.json({ error: "ERR failed to parse command" }, 400);
    const outcome = await inTurn(() => perform(parsed.data, wantsBase64(context)));
    return context.json(outcome, "error" in outcome ? 400 : 200);
  });

  app.post("/pipeline", async (context) => {
    const parsed = z
      .array(commandSchema)
      .min(1)
      .safeParse(await readBody(context));
    if (!parsed.success) return context.json({ error: "ERR failed to parse pipeline request" }, 400);
    const base64 = wantsBase64(context);
    const outcomes: Outcome[] = [];
    // Not a transaction: another request's command may come between two of these, as at Upstash.
    for (const each of parsed.data) outcomes.push(await inTurn(() => perform(each, base64)));
    return context.json(outcomes);
  });

  app.post("/multi-exec", async (context) => {
    const parsed = z
      .array(commandSchema)
      .min(1)
      .safeParse(await readBody(context));
    if (!parsed.success) return context.json({ error: "ERR failed to parse multi-exec request" }, 400);
    const base64 = wantsBase64(context);
    try {
      for (const [name = "", ...args] of parsed.data) accept(name, args);
    } catch (error) {
      if (!(error instanceof RedisError)) throw error;
      return context.json({ error: "EXECABORT Transaction discarded because of previous errors." }, 400);
    }
    const outcomes = await inTurn(async () => {
      const done: Outcome[] = [];
      for (const each of parsed.data) done.push(await perform(each, base64));
      return done;
    });
    return context.json(outcomes);
  });

  app.notFound((context) =>
    context.json({ error: `ERR unsupported request: ${context.req.method} ${context.req.path}` }, 404),
  );

  const served = await serve(app, options.port);
  return {
    url: served.url,
    port: served.port,
    token,
    faults,
    run: ([name, ...args]) => inTurn(() => engine.run(name, args)),
    async clear() {
      await inTurn(() => engine.run("flushdb", []));
    },
    async close() {
      await served.close();
      await engine.close();
    },
  };
}

function wantsBase64(context: Context): boolean {
  return context.req.header("upstash-encoding") === "base64";
}
