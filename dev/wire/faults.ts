/** Faults on demand, the same for every stand-in: what a network and a vendor do on a bad day. */
import type { Context, Hono, MiddlewareHandler } from "hono";
import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";

const faultSchema = z.strictObject({
  /**
   * `latency` answers late; `status` refuses before anything is done, `status_after` once the work is done;
   * `drop_before` cuts the connection before the work, `drop_after` once the work is done, so that the caller cannot
   * tell; `repeat` does the work twice.
   */
  kind: z.enum(["latency", "status", "status_after", "drop_before", "drop_after", "repeat"]),
  /** Only requests with this method. */
  method: z.string().optional(),
  /** Only requests whose path contains this text. */
  path: z.string().optional(),
  /** Only requests whose body contains this text. */
  body: z.string().optional(),
  /** For `status` and `status_after`: the HTTP status answered. */
  status: z.int().min(400).max(599).default(500),
  /** For `latency`: how long the answer is held back. */
  latencyMs: z.int().min(0).max(120_000).default(1_000),
  /** Lets this many matching requests through first. */
  skip: z.int().min(0).default(0),
  /** How many requests it hits; it is gone after that. */
  times: z.int().min(1).default(1),
});

export type FaultInput = z.input<typeof faultSchema>;

export type SeenRequest = {
  readonly at: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
};

/** One stand-in's planned faults and the requests it saw. */
export type Faults = {
  plan(fault: FaultInput): void;
  clear(): void;
  /** The vendor's requests since the start or the last `forget`, control routes left out. */
  readonly seen: SeenRequest[];
  forget(): void;
  /** Apply to the vendor's routes only: `app.use("*", faults.middleware)`; control routes pass untouched. */
  readonly middleware: MiddlewareHandler;
  /** Adds POST/GET/DELETE `/_control/faults` and GET/DELETE `/_control/requests`. */
  mount(app: Hono): void;
};

/** Marks the request that `repeat` sends. */
const REPETITION = "x-stand-in-repetition";

/** They belong to one connection; `fetch` refuses some and sets the others itself. */
const CONNECTION_HEADERS = [
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** Sends the same request once more, and waits until its work is done. */
async function repeat(request: Request): Promise<void> {
  const headers = new Headers(request.headers);
  for (const name of CONNECTION_HEADERS) headers.delete(name);
  headers.set(REPETITION, "1");
  const hasBody = request.method !== "GET" && request.method !== "HEAD";
  const answer = await fetch(request.url, {
    method: request.method,
    headers,
    redirect: "manual",
    ...(hasBody ? { body: await request.clone().arrayBuffer() } : {}),
  });
  await answer.arrayBuffer();
}

/** @param refusal the vendor's own error envelope for a planned status. */
export function createFaults(refusal: (context: Context, status: number) => Response): Faults {
  type Fault = z.output<typeof faultSchema>;
  let planned: Fault[] = [];
  const seen: SeenRequest[] = [];

  async function take(context: Context): Promise<Fault | undefined> {
    for (const fault of planned) {
      if (fault.method && fault.method.toUpperCase() !== context.req.method) continue;
      if (fault.path && !context.req.path.includes(fault.path)) continue;
      if (fault.body && !(await context.req.raw.clone().text()).includes(fault.body)) continue;
      if (fault.skip > 0) {
        fault.skip -= 1;
        continue;
      }
      fault.times -= 1;
      planned = planned.filter((each) => each.times > 0);
      return fault;
    }
    return undefined;
  }

  /** Cuts the socket: the caller sees a reset, whatever was done. */
  function cut(context: Context): void {
    const env = context.env as { incoming?: { socket: { destroy(): void } } } | undefined;
    env?.incoming?.socket.destroy();
  }

  const middleware: MiddlewareHandler = async (context, next) => {
    if (context.req.path.startsWith("/_")) return next();
    const at = new Date().toISOString();
    const note = (status: number) =>
      seen.push({ at, method: context.req.method, path: context.req.path, status });
    // The repetition of a request is not hit again, or a fault with several times would multiply itself.
    const fault = context.req.header(REPETITION) === undefined ? await take(context) : undefined;
    if (fault?.kind === "status") {
      note(fault.status);
      return refusal(context, fault.status);
    }
    if (fault?.kind === "drop_before") {
      note(0);
      cut(context);
      return context.body(null, 500);
    }
    if (fault?.kind === "latency") await wait(fault.latencyMs);
    if (fault?.kind === "repeat") {
      await repeat(context.req.raw);
    }
    await next();
    if (fault?.kind === "status_after") context.res = refusal(context, fault.status);
    note(context.res.status);
    if (fault?.kind === "drop_after") cut(context);
    return undefined;
  };

  return {
    plan: (fault) => void planned.push(faultSchema.parse(fault)),
    clear: () => void (planned = []),
    seen,
    forget: () => void (seen.length = 0),
    middleware,
    mount(app) {
      app.post("/_control/faults", async (context) => {
        const parsed = faultSchema.safeParse(await context.req.json());
        if (!parsed.success) return context.json({ error: z.prettifyError(parsed.error) }, 400);
        planned.push(parsed.data);
        return context.json(parsed.data, 201);
      });
      app.get("/_control/faults", (context) => context.json(planned));
      app.delete("/_control/faults", (context) => {
        planned = [];
        return context.body(null, 204);
      });
      app.get("/_control/requests", (context) => context.json(seen));
      app.delete("/_control/requests", (context) => {
        seen.length = 0;
        return context.body(null, 204);
      });
    },
  };
}
