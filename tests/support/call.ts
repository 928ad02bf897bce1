/** Calls a function as the platform does, `(Request, Context) => Response`, and holds every answer to its declaration. */
import type { Context } from "@netlify/functions";
import { expect } from "vitest";
import { declarations } from "../../lib/api/all.ts";
import { problemWire } from "../../lib/api/wire.ts";
import { commonProblems } from "../../lib/http/common-problems.ts";
import type { Declaration } from "../../lib/http/declare.ts";
import { problems } from "../../lib/http/problem.ts";
import type { NetlifyFunction } from "../../lib/http/endpoint.ts";

export type CallOptions = {
  readonly method?: string;
  /** Behind the function's name: `/key_1` or `?from=…`. */
  readonly tail?: string;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly form?: Readonly<Record<string, string>>;
  /** Sent as it is. */
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly token?: string | undefined;
  readonly ip?: string;
};

export type Called = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Answer;
  readonly text: string;
  /** Resolves when the work that was started by `waitUntil` is over. */
  readonly afterwards: Promise<unknown>;
};

/** A parsed body; tests read into it freely, its shape was checked against the declaration. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Answer = any;

export const site = "http://cascade.test";

const inBody = ["invalid_json", "invalid_field", "body_too_large", "unsupported_media_type"];

export async function call(name: string, options: CallOptions = {}): Promise<Called> {
  const method = options.method ?? ((options.json ?? options.form ?? options.body) ? "POST" : "GET");
  const { default: run } = (await import(`../../netlify/functions/${name}.ts`)) as {
    default: NetlifyFunction;
  };
  const headers = new Headers(options.headers);
  if (options.json !== undefined) headers.set("content-type", "application/json");
  if (options.form) headers.set("content-type", "application/x-www-form-urlencoded");
  if (options.token) headers.set("authorization", `Bearer ${options.token}`);
  const body =
    options.json !== undefined
      ? JSON.stringify(options.json)
      : options.form
        ? new URLSearchParams(options.form).toString()
        : options.body;
  const work: Promise<unknown>[] = [];
  const request = new Request(`${site}/api/${name}${options.tail ?? ""}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
  });
  const context = {
    ip: options.ip ?? "203.0.113.7",
    waitUntil: (promise: Promise<unknown>) => void work.push(promise),
  } as unknown as Context;
  const response = await run(request, context);
  const text = await response.text();
  const type = response.headers.get("content-type") ?? "";
  // An answer to HEAD has everything but the body.
  const answer: unknown = type.includes("json") && method !== "HEAD" ? JSON.parse(text) : undefined;
  holdToDeclaration(name, method, options.tail ?? "", response.status, type, answer);
  return {
    status: response.status,
    headers: response.headers,
    body: answer,
    text,
    afterwards: Promise.allSettled(work),
  };
}

function holdToDeclaration(
  name: string,
  method: string,
  tail: string,
  status: number,
  type: string,
  answer: unknown,
): void {
  const declaration: Declaration | undefined = declarations.find((each) => each.name === name);
  if (!declaration) throw new Error(`${name} is not declared`);
  if (method === "HEAD") return;
  const key = `${method}${tail.startsWith("/") ? " /{id}" : ""}`;
  const route = Object.entries(declaration.routes).find(([each]) => each === key)?.[1];
  if (type.startsWith("application/problem+json")) {
    const { code } = problemWire.parse(answer);
    const declared: readonly string[] = [
      ...commonProblems,
      ...(route?.problems ?? []),
      ...(route ? inBody : []),
    ];
    expect(declared, `${name} ${key} may answer ${code}`).toContain(code);
    expect(status).toBe(problems[code as keyof typeof problems].status);
    return;
  }
  if (type.startsWith("text/html") && status >= 400) return;
  const schema = route?.answers[status];
  expect(schema, `${name} ${key} declares ${status}`).not.toBe(undefined);
  if (schema) schema.parse(answer);
}
