/** The OpenAPI 3.1 document, made from the declarations that the functions run by. */
import * as z from "zod";
import { commonProblems } from "../http/common-problems.ts";
import type { Declaration, Route } from "../http/declare.ts";
import { problems, type ProblemCode } from "../http/problem.ts";
import { declarations } from "./all.ts";
import { problemWire } from "./wire.ts";

export function openapiDocument() {
  const open = declarations.filter(({ scheduled }) => !scheduled);
  return {
    openapi: "3.1.0" as const,
    info: {
      title: "CASCADE",
      version: "1.0.0",
      description:
        "Ducats are integers named …Millis (thousandths), dollars integers named …Cents, times ISO 8601 in UTC. " +
        "Refusals are problem details (RFC 9457) with a stable code.",
    },
    servers: [{ url: "/api" }],
    paths: Object.fromEntries(open.flatMap((declaration) => Object.entries(pathsOf(declaration)))),
    components: {
      schemas: { Problem: jsonSchema(problemWire, "output") },
      securitySchemes: {
        session: { type: "apiKey", in: "cookie", name: "cascade_session" },
        bearer: { type: "http", scheme: "bearer", description: "A session's token or an API key." },
      },
    },
  };
}

function pathsOf(declaration: Declaration): Record<string, Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [key, route] of Object.entries(declaration.routes)) {
    if (!route) continue;
    const [method = "", tail = ""] = key.split(" ");
    const path = `/${declaration.name}${tail}`;
    paths[path] = { ...paths[path], [method.toLowerCase()]: operation(declaration, route, tail) };
  }
  return paths;
}

function operation(declaration: Declaration, route: Route, tail: string) {
  const answers: Record<string, unknown> = {};
  for (const [status, schema] of Object.entries(route.answers))
    answers[status] = {
      description: status === "303" ? "A redirect, for a form sent without JavaScript." : route.summary,
      ...(schema ? content(schema, "input") : {}),
    };
  return {
    summary: route.summary,
    description: `When a service is away: ${route.whenAway}`,
    tags: [declaration.name],
    security: route.auth === "none" ? [] : [{ session: [] }, { bearer: [] }],
    parameters: [...pathParameters(tail), ...queryParameters(route), ...headerParameters(route)],
    ...(route.body ? { requestBody: { required: true, ...requestContent(route.body, route) } } : {}),
    responses: { ...answers, ...refusals(route) },
  };
}

function refusals(route: Route): Record<string, unknown> {
  const byStatus = new Map<number, ProblemCode[]>();
  const inputProblems: ProblemCode[] = [
    ...(route.body ? (["invalid_json"] as const) : []),
    ...((route.body ?? route.query) ? (["invalid_field"] as const) : []),
    ...((route.body ?? route.raw) ? (["body_too_large", "unsupported_media_type"] as const) : []),
  ];
  for (const code of new Set([...route.problems, ...inputProblems, ...commonProblems]))
    byStatus.set(problems[code].status, [...(byStatus.get(problems[code].status) ?? []), code]);
  const schema = { $ref: "#/components/schemas/Problem" };
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      { description: `Codes: ${codes.join(", ")}.`, content: { "application/problem+json": { schema } } },
    ]),
  );
}

function pathParameters(tail: string) {
  const [, name] = /^\/\{(\w+)\}$/.exec(tail) ?? [];
  return name ? [{ name, in: "path", required: true, schema: { type: "string" } }] : [];
}

function queryParameters(route: Route) {
  if (!(route.query instanceof z.ZodObject)) return [];
  return Object.entries<z.core.$ZodType>(route.query.shape).map(([name, schema]) => ({
    name,
    in: "query",
    required: !z.safeParse(schema, undefined).success,
    schema: jsonSchema(schema, "input"),
  }));
}

function headerParameters(route: Route) {
  if (!route.idempotencyKey) return [];
  const schema = { type: "string", minLength: 1 };
  return [
    {
      name: "Idempotency-Key",
      in: "header",
      required: true,
      schema,
      description: "The same for each retry.",
    },
  ];
}

function requestContent(body: z.ZodType, route: Route) {
  const schema = jsonSchema(body, "input");
  const form = route.form ? { "application/x-www-form-urlencoded": { schema } } : {};
  return { content: { "application/json": { schema }, ...form } };
}

function content(schema: z.ZodType, side: "input" | "output") {
  return { content: { "application/json": { schema: jsonSchema(schema, side) } } };
}

function jsonSchema(schema: z.core.$ZodType, io: "input" | "output"): object {
  // OpenAPI 3.1 names the dialect for the whole document.
  return Object.fromEntries(
    Object.entries(z.toJSONSchema(schema, { io })).filter(([key]) => key !== "$schema"),
  );
}
