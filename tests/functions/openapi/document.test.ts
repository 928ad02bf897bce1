/** The OpenAPI document: valid 3.1, complete, and without a reference into nothing. */
import { expect, test } from "vitest";
import { declarations } from "../../../lib/api/all.ts";
import type { Route } from "../../../lib/http/declare.ts";
import { problems } from "../../../lib/http/problem.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { useWorld } from "../../support/world.ts";

useWorld();
const log = useLog();

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
type Operation = {
  readonly summary: string;
  readonly security: object[];
  readonly parameters?: { name: string; in: string; required: boolean; schema: object }[];
  readonly requestBody?: { required: boolean; content: Record<string, { schema: object }> };
  readonly responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
};
type Document = {
  readonly openapi: string;
  readonly info: { title: string; version: string };
  readonly servers: { url: string }[];
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { schemas: Record<string, object>; securitySchemes: Record<string, object> };
};

async function read(): Promise<Document> {
  const answer = await call("openapi");
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
  return answer.body;
}

/** Everything in it, with the place where it stands. */
function* walk(value: Json, place = "#"): Generator<[string, Json]> {
  yield [place, value];
  if (typeof value !== "object" || value === null) return;
  for (const [key, each] of Object.entries(value))
    yield* walk(each, `${place}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`);
}

const open = declarations.filter(({ scheduled }) => !scheduled);

test("it is served without asking anybody", async () => {
  await read();
  expect(log.last().trips).toEqual({});
});

test("its frame is OpenAPI 3.1", async () => {
  const document = await read();
  expect(document.openapi).toBe("3.1.0");
  expect(document.info).toMatchObject({
    title: "CASCADE",
    version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
  });
  expect(document.servers).toEqual([{ url: "/api" }]);
  expect(Object.keys(document).sort()).toEqual(["components", "info", "openapi", "paths", "servers"]);
});

test("it has every route of every function that is not scheduled, and no other", async () => {
  const { paths } = await read();
  const listed = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const declared = open.flatMap(({ name, routes }) =>
    Object.keys(routes).map((key) => {
      const [method = "", tail = ""] = key.split(" ");
      return `${method} /${name}${tail}`;
    }),
  );
  expect(listed.sort()).toEqual(declared.sort());
  for (const { name } of declarations.filter(({ scheduled }) => scheduled))
    expect(JSON.stringify(paths)).not.toContain(name);
});

test("every operation says what it does, who may call, what comes in and what goes out", async () => {
  const { paths, components } = await read();
  for (const { name, routes } of open) {
    for (const [key, route] of Object.entries<Route | undefined>(routes)) {
      if (!route) throw new Error(`${name} ${key} is declared empty`);
      const [method = "", tail = ""] = key.split(" ");
      const operation = paths[`/${name}${tail}`]?.[method.toLowerCase()];
      if (!operation) throw new Error(`no ${name} ${key}`);
      expect(operation.summary, key).toBe(route.summary);
      expect(operation.security).toEqual(route.auth === "none" ? [] : [{ session: [] }, { bearer: [] }]);
      expect(operation.requestBody !== undefined, `${name} ${key}`).toBe(route.body !== undefined);
      for (const [status, schema] of Object.entries(route.answers)) {
        const answer = operation.responses[status];
        expect(answer?.description.length, `${name} ${key} ${status}`).toBeGreaterThan(0);
        expect(answer?.content !== undefined, `${name} ${key} ${status}`).toBe(schema !== null);
      }
      for (const code of route.problems) {
        const answer = operation.responses[String(problems[code].status)];
        expect(answer?.description, `${name} ${key} ${code}`).toContain(code);
        expect(answer?.content).toEqual({
          "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
        });
      }
      const inPath = [...tail.matchAll(/\{(\w+)\}/g)].map(([, each]) => each);
      const parameters = operation.parameters?.filter((each) => each.in === "path") ?? [];
      expect(parameters.map((each) => each.name)).toEqual(inPath);
      for (const each of parameters) expect(each.required).toBe(true);
    }
  }
  expect(components.securitySchemes).toMatchObject({
    session: { type: "apiKey", in: "cookie", name: "cascade_session" },
    bearer: { type: "http", scheme: "bearer" },
  });
});

test("every reference leads somewhere", async () => {
  const document = await read();
  const places = new Map(walk(document as unknown as Json));
  const references = [...places].filter(([place]) => place.endsWith("/$ref"));
  expect(references.length).toBeGreaterThan(20);
  for (const [place, target] of references) expect([...places.keys()], place).toContain(target);
});

test("every schema is an object of JSON Schema 2020-12, and every object in it is closed or says otherwise", async () => {
  const document = await read();
  const types = ["string", "integer", "number", "boolean", "object", "array", "null"];
  let schemas = 0;
  for (const [place, value] of walk(document as unknown as Json)) {
    if (!place.endsWith("/schema") || typeof value !== "object") continue;
    schemas += 1;
    for (const [inner, part] of walk(value, place)) {
      if (typeof part !== "object" || part === null || Array.isArray(part)) continue;
      const { type, properties, required, items, $schema } = part;
      expect($schema, inner).toBe(undefined);
      if (typeof type === "string") expect(types, inner).toContain(type);
      if (type === "array") expect(items, inner).toBeDefined();
      if (type === "object" && Array.isArray(required) && typeof properties === "object")
        for (const name of required) expect(Object.keys(properties ?? {}), inner).toContain(name);
    }
  }
  expect(schemas).toBeGreaterThan(30);
});

test("amounts are integers, as their names promise", async () => {
  const document = await read();
  let amounts = 0;
  for (const [place, value] of walk(document as unknown as Json)) {
    if (!/\/properties\/\w+(Millis|Cents|MicroUsd\w*)$/.test(place)) continue;
    amounts += 1;
    const text = JSON.stringify(value);
    expect(text, place).toContain('"integer"');
    expect(text, place).not.toContain('"number"');
  }
  expect(amounts).toBeGreaterThan(15);
});
