/** Turns a declaration and its handlers into a Netlify Function: parse, ask who, call, answer, one log line. */
import type { Context } from "@netlify/functions";
import * as z from "zod";
import type { Caller } from "../account/caller.ts";
import { networkOf } from "../account/network.ts";
import { openApp, type Core, type Opened, type Openers } from "../app.ts";
import { messageOf } from "../errors.ts";
import { randomId } from "../ids.ts";
import { logToStdout } from "../log.ts";
import { invalidField, mediaType, readBody } from "./body.ts";
import { identify } from "./identify.ts";
import type { commonProblems } from "./common-problems.ts";
import type { Declaration, Route } from "./declare.ts";
import { problem, type Problem } from "./problem.ts";
import { refusalOf, respond, type AnyReply, type ReplyHeaders } from "./respond.ts";

type Answers<R extends Route> = {
  [Status in keyof R["answers"] & number]: {
    readonly status: Status;
    readonly headers?: ReplyHeaders;
    readonly cookies?: readonly string[];
  } & (R["answers"][Status] extends z.ZodType<infer Body>
    ? { readonly body: Body }
    : { readonly body?: never });
}[keyof R["answers"] & number];
export type Reply<R extends Route> =
  Answers<R> | Problem<R["problems"][number] | (typeof commonProblems)[number]>;

type CallerOf<R extends Route> = R["auth"] extends "none"
  ? null
  : R["auth"] extends "session"
    ? Extract<Caller, { kind: "session" }>
    : Caller;

export type Call<R extends Route, A extends Core> = {
  readonly app: A;
  readonly request: Request;
  readonly requestId: string;
  /** The platform's word on where the request came from: never a header. */
  readonly address: string;
  readonly origin: string;
  readonly caller: CallerOf<R>;
  readonly body: R["body"] extends z.ZodType<infer Body> ? Body : undefined;
  readonly query: R["query"] extends z.ZodType<infer Query> ? Query : undefined;
  readonly rawBody: string;
  /** Whether it came from an HTML form, which is answered by a redirect. */
  readonly form: boolean;
  readonly id: string;
  /** Goes on after the answer; never the only way that anything gets done. */
  readonly afterwards: (work: Promise<unknown>) => void;
  /** Adds to the request's log line. */
  readonly note: (fields: Readonly<Noted>) => void;
};

type Handlers<D extends Declaration, A extends Core> = {
  readonly [Key in keyof D["routes"]]: D["routes"][Key] extends Route
    ? (call: Call<D["routes"][Key], A>) => Reply<D["routes"][Key]> | Promise<Reply<D["routes"][Key]>>
    : never;
};
type AnyHandler = (call: unknown) => AnyReply | Promise<AnyReply>;

export type NetlifyFunction = (request: Request, context: Context) => Promise<Response>;

/** @param openers the ports that the handlers use: what isn't named here isn't in the function's bundle. */
export function endpoint<const D extends Declaration, const O extends Openers>(
  declaration: D,
  openers: O,
  handlers: Handlers<D, Opened<O>>,
): NetlifyFunction {
  const table = new Map<string, { route: Route; handler: AnyHandler }>();
  for (const [key, route] of Object.entries(declaration.routes)) {
    const handler: unknown = Reflect.get(handlers, key);
    if (route && isHandler(handler)) table.set(key, { route, handler });
  }
  // Where no form is taken, a form's content type is a program's mistake, and is answered like one.
  const takesForms = [...table.values()].some(({ route }) => route.form);

  async function answer(visit: Visit<O>): Promise<AnyReply> {
    const { request, requestId, form, noted } = visit;
    const url = new URL(request.url);
    const place = locate(declaration.name, url.pathname);
    if (!place) return problem("not_found");
    const method = request.method === "HEAD" ? "GET" : request.method;
    const found = table.get(`${method}${place.pattern}`);
    if (!found) return notAllowed([...table.keys()], place.pattern);

    if (method !== "GET" && isForeign(request, url)) return problem("foreign_origin");

    const { route, handler } = found;
    const app = (visit.app = openApp(openers, visitJson(visit)));
    const { caller, cookies } = await identify(request, route.auth, app, openers.db?.(app));
    visit.cookies = cookies;
    if (route.auth !== "none" && !caller) return form ? toSignIn : problem("unauthenticated");
    if (caller?.kind === "session") noted["account"] = caller.accountId;
    const query = route.query?.safeParse(Object.fromEntries(url.searchParams));
    if (query && !query.success) return invalidField(query.error);
    const body = await readBody(request, route, form);
    if (body.kind === "refused") return body.problem;

    const reply = await handler({
      ...{ app, request, requestId, caller, form },
      address: visit.context.ip,
      origin: url.origin,
      body: body.value,
      query: query?.data,
      rawBody: body.raw,
      id: place.id,
      afterwards: (work: Promise<unknown>) => {
        const logged = work.catch((error: unknown) =>
          app.log("afterwards_failed", { requestId, error: messageOf(error) }),
        );
        visit.context.waitUntil(logged);
      },
      note: (fields: Noted) => void Object.assign(noted, fields),
    });
    // What goes out is what was declared: a mistake of ours is a 500, not a surprise for the client.
    if (!("problem" in reply)) return encode(route, reply);
    return form && reply.problem === "unauthenticated" ? toSignIn : reply;
  }

  return async (request, context) => {
    const startedAt = performance.now();
    const requestId = randomId("req");
    const visit: Visit<O> = {
      request,
      context,
      requestId,
      form: takesForms && isForm(request),
      noted: {},
      cookies: [],
    };
    let reply: AnyReply;
    let fault: unknown;
    try {
      reply = await answer(visit);
    } catch (error) {
      fault = error;
      reply = refusalOf(error);
    }
    const response = respond(reply, requestId, visit);
    (visit.app?.log ?? logToStdout)("request", {
      function: declaration.name,
      method: request.method,
      requestId,
      status: response.status,
      outcome: "problem" in reply ? reply.problem : "ok",
      ms: Math.round(performance.now() - startedAt),
      trips: visit.app?.trips.counts ?? {},
      ...visit.noted,
      ...(fault === undefined ? {} : { error: messageOf(fault) }),
    });
    return request.method === "HEAD" ? new Response(null, response) : response;
  };
}

/** A form whose sender isn't signed in, or no more. */
const toSignIn: AnyReply = { status: 303, headers: { location: "/sign-in/" } };

type Noted = Record<string, string | number | boolean | null>;

/** One request on its way through; `app` and `noted` fill up for the log line. */
type Visit<O extends Openers> = {
  readonly request: Request;
  readonly context: Context;
  readonly requestId: string;
  readonly form: boolean;
  readonly noted: Noted;
  /** A renewed session's: on every answer, refusals included. */
  cookies: readonly string[];
  app?: Opened<O>;
};

const longestAgent = 200;

/** Where a request came from, for the audit log. */
function visitJson({ request, requestId, context }: Visit<Openers>): string {
  const agent = request.headers.get("user-agent")?.slice(0, longestAgent) ?? null;
  return JSON.stringify({ requestId, network: networkOf(context.ip), agent });
}

function isHandler(value: unknown): value is AnyHandler {
  return typeof value === "function";
}

function isForm(request: Request): boolean {
  return mediaType(request) === "application/x-www-form-urlencoded";
}

/** Browsers name the page that sends a request: no other site may act for its visitor, or sign him in as somebody else. */
function isForeign(request: Request, url: URL): boolean {
  const origin = request.headers.get("origin");
  return origin !== null && origin !== url.origin;
}

/** Splits `/api/<name>/<id>` and `/.netlify/functions/<name>/<id>`. */
function locate(name: string, pathname: string): { pattern: "" | " /{id}"; id: string } | undefined {
  const rest = pathname.split("/").filter(Boolean);
  const segments = rest.slice(rest.indexOf(name) + 1);
  if (segments.length === 0) return { pattern: "", id: "" };
  const [id] = segments;
  return segments.length === 1 && id ? { pattern: " /{id}", id } : undefined;
}

function notAllowed(keys: readonly string[], pattern: string): Problem {
  const methods = keys
    .filter((key) => key.slice(key.split(" ")[0]?.length ?? 0) === pattern)
    .map((key) => key.split(" ")[0]);
  return methods.length > 0
    ? problem("method_not_allowed", { headers: { allow: methods.join(", ") } })
    : problem("not_found");
}

function encode(route: Route, reply: Exclude<AnyReply, Problem>): AnyReply {
  const schema = route.answers[reply.status];
  if (schema === undefined) throw new Error(`undeclared answer ${reply.status}`);
  return schema === null ? reply : { ...reply, body: z.encode(schema, reply.body) };
}
