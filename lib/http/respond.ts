/** Answers as Responses: bodies, refusals, cookies, and the headers that every answer carries. */
import { BadEnvironment } from "../env.ts";
import { Unavailable, type Port } from "../errors.ts";
import { problemPage } from "./page.ts";
import { problem, problemBody, problems, type Problem, type ProblemCode } from "./problem.ts";

export type ReplyHeaders = Readonly<Record<string, string>>;

/** What a handler gives back, whatever its route. */
export type AnyReply =
  | Problem
  | {
      readonly status: number;
      readonly body?: unknown;
      readonly headers?: ReplyHeaders;
      readonly cookies?: readonly string[];
    };

const unavailable: Readonly<Record<Port, ProblemCode>> = {
  postgres: "database_unavailable",
  redis: "limiter_unavailable",
  stripe: "payments_unavailable",
  venice: "venice_unavailable",
  mail: "internal",
};

/** What a thrown error is to the client; its text is for the log alone. */
export function refusalOf(error: unknown): Problem {
  if (error instanceof BadEnvironment) return problem("not_configured");
  if (error instanceof Unavailable)
    return problem(unavailable[error.port], { headers: { "retry-after": String(error.retryAfterSeconds) } });
  return problem("internal");
}

/** On every answer: the platform's own header rules cover static files only. */
const securityHeaders: ReplyHeaders = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
  "referrer-policy": "no-referrer",
  "strict-transport-security": "max-age=31536000",
  "x-content-type-options": "nosniff",
};

type To = {
  /** It came from an HTML form: a refusal is a page. */
  readonly form: boolean;
  /** Set on every answer, before the reply's own. */
  readonly cookies: readonly string[];
};

export function respond(reply: AnyReply, requestId: string, { form, cookies }: To): Response {
  const headers = new Headers({ ...securityHeaders, ...reply.headers, "x-request-id": requestId });
  const own = "problem" in reply ? [] : (reply.cookies ?? []);
  for (const cookie of [...cookies, ...own]) headers.append("set-cookie", cookie);
  if ("problem" in reply) {
    const body = problemBody(reply, requestId);
    const { status } = problems[reply.problem];
    // RFC 9110, section 11.6.1: a 401 names the scheme to come back with.
    if (status === 401) headers.set("www-authenticate", "Bearer");
    if (form) {
      headers.set("content-type", "text/html; charset=utf-8");
      return new Response(problemPage(body), { status, headers });
    }
    headers.set("content-type", "application/problem+json");
    return new Response(JSON.stringify(body), { status, headers });
  }
  if (reply.body === undefined) return new Response(null, { status: reply.status, headers });
  if (!headers.has("content-type")) headers.set("content-type", "application/json");
  return new Response(JSON.stringify(reply.body), { status: reply.status, headers });
}
