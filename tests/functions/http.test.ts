/** What every function does alike: refusals, headers, and one line in the log. */
import { afterEach, beforeAll, expect, test, vi } from "vitest";
import { declarations } from "../../lib/api/all.ts";
import { openapiDocument } from "../../lib/api/openapi.ts";
import { defaultMaxBytes, type Route } from "../../lib/http/declare.ts";
import { call, site, type Called, type CallOptions } from "../support/call.ts";
import { useLog } from "../support/log.ts";
import { newCustomer, useWorld, type Customer } from "../support/world.ts";

const world = useWorld();
const log = useLog();
const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

type Door = { name: string; key: string; method: string; tail: string; route: Route; scheduled: boolean };

/** Every route of every function. */
const doors: Door[] = declarations.flatMap(({ name, routes, scheduled }) =>
  Object.entries<Route | undefined>(routes).map(([key, route]) => {
    const [method = "", path = ""] = key.split(" ");
    if (!route) throw new Error(`${name} ${key} is declared empty`);
    return {
      name,
      key: `${name} ${key}`,
      method,
      tail: path.replace("{id}", "key_1"),
      route,
      scheduled: scheduled ?? false,
    };
  }),
);
const withBody = doors.filter(({ route }) => route.body);
const reading = doors.filter(({ route }) => route.body ?? route.raw);
const closed = doors.filter(({ route }) => route.auth !== "none");

let customer: Customer;
beforeAll(async () => {
  customer = await newCustomer();
});

/** Signing out would close the other doors. */
function tokenFor({ name }: Pick<Door, "name">): string | undefined {
  return name === "logout" ? undefined : customer.token;
}

/** Calls as somebody who may pass each door, so that what is refused is the rest. */
async function enter(door: Door, options: CallOptions): Promise<Called> {
  const { name, method, tail } = door;
  const headers = { "idempotency-key": "http", ...options.headers };
  const answer = await call(name, { method, tail, token: tokenFor(door), ...options, headers });
  // Refusals of each status stand in the document, so that a client made from it knows them.
  const paths = openapiDocument().paths as Record<string, Record<string, { responses: object }> | undefined>;
  const path = `/${name}${tail.startsWith("/") ? "/{id}" : ""}`;
  if (!door.scheduled && method === door.method)
    expect(Object.keys(paths[path]?.[method.toLowerCase()]?.responses ?? {}), door.key).toContain(
      String(answer.status),
    );
  return answer;
}

function expectHeaders(answer: Called, requestId = log.last().requestId): void {
  const { headers, body, status } = answer;
  const { function: name, method } = log.last();
  const isPublic = name === "rate" && ["GET", "HEAD"].includes(method) && status === 200;
  expect(Object.fromEntries(headers)).toMatchObject({
    // The rate alone is everybody's and may be a minute old.
    "cache-control": isPublic ? "public, max-age=60" : "no-store",
    "content-security-policy": expect.stringContaining("default-src 'none'"),
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=31536000",
    "x-content-type-options": "nosniff",
    "x-request-id": requestId,
  });
  expect(requestId).toMatch(/^req_[0-9a-z]{20}$/);
  if (status < 400) return;
  expect(headers.get("content-type")).toBe("application/problem+json");
  if (method === "HEAD") return;
  expect(body).toMatchObject({ requestId, status, type: `/problems/${body.code}` });
  expect(body.title.length * body.detail.length).toBeGreaterThan(0);
}

async function rowCounts(): Promise<Record<string, number>> {
  const [counts] = await world.database.rows<Record<string, number>>(
    `select ${[
      "accounts",
      "api_keys",
      "purchases",
      "stripe_events",
      "usage_claims",
      "transactions",
      "deliveries",
    ]
      .map((table) => `(select count(*)::int from ${table}) as ${table}`)
      .join(", ")}`,
  );
  if (!counts) throw new Error("no counts");
  return counts;
}

test.each(declarations.map(({ name, routes }) => [name, Object.keys(routes)] as const))(
  "%s refuses every other method with 405 and Allow",
  async (name, keys) => {
    const before = await rowCounts();
    const allowed = keys.filter((key) => !key.includes(" "));
    // HEAD is GET without its body.
    const refused = methods.filter((each) => !allowed.includes(each === "HEAD" ? "GET" : each));
    for (const method of refused) {
      const answer = await call(name, { method, ...(method === "PUT" ? { json: { a: 1 } } : {}) });
      expect([answer.status, answer.headers.get("allow")], method).toEqual([405, allowed.join(", ")]);
      expectHeaders(answer);
    }
    expect(await rowCounts()).toEqual(before);
  },
);

test.each(doors.filter(({ method }) => method === "GET"))(
  "$key answers HEAD as it answers GET, without the body",
  async ({ name, tail }) => {
    for (const token of [customer.token, undefined]) {
      const got = await call(name, { tail, token });
      const head = await call(name, { method: "HEAD", tail, token });
      expect([head.status, head.text]).toEqual([got.status, ""]);
      expect(got.text).not.toBe("");
      expectHeaders(head);
      const comparable = ({ headers }: Called) =>
        [...headers].filter(([header]) => header !== "x-request-id" && header !== "ratelimit");
      expect(comparable(head)).toEqual(comparable(got));
    }
  },
);

const changing = doors.filter(({ method }) => method !== "GET");

test.each(changing)("$key refuses another site's Origin: 403, nothing done, nobody asked", async (door) => {
  const before = await rowCounts();
  for (const part of [world.stripe, world.airtable, world.upstash, world.gateway]) part.faults.forget();
  for (const origin of [
    "https://evil.example",
    `https${site.slice(4)}`,
    `${site}:8080`,
    `${site}.evil.example`,
    "http://sub.cascade.test",
    "null",
    "",
  ]) {
    for (const options of [
      { body: "{}", headers: { origin, "content-type": "application/json" } },
      { body: "pack=starter", headers: { origin, "content-type": "application/x-www-form-urlencoded" } },
      { body: "pack=starter", headers: { origin, "content-type": "text/plain" } },
    ]) {
      const answer = await enter(door, options);
      expect(answer.status, `${origin} ${options.headers["content-type"]}`).toBe(403);
      expect(log.last()).toMatchObject({ status: 403, outcome: "foreign_origin", trips: {} });
      expect(answer.headers.getSetCookie()).toEqual([]);
      expect(answer.headers.get("access-control-allow-origin")).toBe(null);
    }
  }
  for (const part of [world.stripe, world.airtable, world.upstash, world.gateway])
    expect(part.faults.seen).toEqual([]);
  expect(await rowCounts()).toEqual(before);
});

test.each(changing)("$key takes its own Origin, and none: a program's and Stripe's", async (door) => {
  for (const headers of [{ origin: site }, {}]) {
    const answer = await enter(door, {
      body: "{}",
      headers: { ...headers, "content-type": "application/json" },
    });
    expect(answer.body?.code).not.toBe("foreign_origin");
    expect(answer.status).not.toBe(403);
  }
});

test.each(doors.filter(({ method }) => method === "GET"))(
  "$key, which only reads, is linked to from anywhere",
  async ({ name, tail }) => {
    const headers = { origin: "https://elsewhere.example" };
    const answer = await call(name, { tail, token: customer.token, headers });
    expect(answer.status).toBe((await call(name, { tail, token: customer.token })).status);
    expect(answer.status).not.toBe(403);
    expect(answer.headers.get("access-control-allow-origin")).toBe(null);
  },
);

test("the methods below a function's name are their own", async () => {
  const answer = await call("api-keys", { method: "GET", tail: "/key_1" });
  expect([answer.status, answer.headers.get("allow")]).toEqual([405, "POST, DELETE"]);
});

test.each(declarations.map(({ name }) => name))("%s knows no address further below", async (name) => {
  for (const tail of ["/a/b", "/a/b/c"]) {
    const answer = await call(name, { tail });
    expect([answer.status, answer.body.code]).toEqual([404, "not_found"]);
    expectHeaders(answer);
  }
});

test.each(closed)(
  "$key refuses who is not signed in: 401 with WWW-Authenticate, before the body is read",
  async (door) => {
    const before = await rowCounts();
    for (const token of [
      undefined,
      "nonsense",
      ...(door.route.auth === "session" ? [`ck_test_${"a".repeat(32)}`] : []),
    ]) {
      const answer = await enter(door, {
        token,
        body: door.method === "GET" ? undefined : "not json",
      } as CallOptions);
      expect([answer.status, answer.body.code]).toEqual([401, "unauthenticated"]);
      expect(answer.headers.get("www-authenticate")).toBe("Bearer");
      expectHeaders(answer);
    }
    expect(await rowCounts()).toEqual(before);
  },
);

test.each(withBody)("$key refuses what is no JSON: 400 invalid_json", async (door) => {
  const before = await rowCounts();
  for (const body of ["", "{", "{'a':1}", "undefined", '{"a":1}{"b":2}', "\u0000", "<xml/>"]) {
    const answer = await enter(door, { body, headers: { "content-type": "application/json" } });
    expect([answer.status, answer.body.code], body).toEqual([400, "invalid_json"]);
    expectHeaders(answer);
  }
  expect(await rowCounts()).toEqual(before);
});

test.each(withBody)("$key names the field at fault: 422, nothing stored", async (door) => {
  const before = await rowCounts();
  for (const json of [{ foreign: true }, { constructor: 1 }]) {
    const answer = await enter(door, { json });
    expect([answer.status, answer.body.code]).toEqual([422, "invalid_field"]);
    expect(answer.body.field.length).toBeGreaterThan(0);
    expect(answer.body.detail).toContain(answer.body.field);
    expectHeaders(answer);
  }
  for (const json of [[], null, "text", 5, true]) {
    const answer = await enter(door, { json });
    expect([answer.status, answer.body.code], JSON.stringify(json)).toEqual([422, "invalid_field"]);
  }
  expect(await rowCounts()).toEqual(before);
});

test.each([
  [
    "signup",
    { email: "a@example.com", password: "correct horse battery", citizen: "Rialto\u0000Banker" },
    "citizen",
  ],
  ["login", { email: "a\u0000", password: "correct horse battery" }, "email"],
  ["api-keys", { name: "a\u0000" }, "name"],
  ["api-keys", { name: "half \ud83d a letter" }, "name"],
  ["api-keys", { name: "key", scopes: ["usage:write", "admin"] }, "scopes.1"],
  ["usage", { events: [{ id: "a\u0000", meter: "api_call", units: 1 }] }, "events.0.id"],
  ["usage", { events: [{ id: "\udc00", meter: "api_call", units: 1 }] }, "events.0.id"],
  ["usage", { events: [{ id: "1", meter: "api_call", units: 1, price: 0 }] }, "events.0.price"],
] as const)(
  "%s %j is refused by the field: what the database cannot hold does not reach it",
  async (name, json, field) => {
    const { token } = customer;
    const answer = await call(name, { json, token });
    expect([answer.status, answer.body.code, answer.body.field]).toEqual([422, "invalid_field", field]);
    expect(log.last().trips).toEqual({});
  },
);

test.each([
  "from=yesterday",
  "to=2026-02-30",
  "from=2026-1-1",
  "from=0000-01-01",
  "until=2026-01-01",
  "from=",
])("usage?%s names the field of the query at fault", async (query) => {
  const usage = doors.find(({ key }) => key === "usage GET");
  if (!usage) throw new Error("no usage");
  const answer = await enter(usage, { tail: `?${query}` });
  expect([answer.status, answer.body.code, answer.body.field]).toEqual([
    422,
    "invalid_field",
    query.split("=")[0],
  ]);
});

test.each(reading)("$key refuses a body above its bound: 413, announced or not", async (door) => {
  const before = await rowCounts();
  const most = door.route.maxBytes ?? defaultMaxBytes;
  const filled = JSON.stringify({ filling: "a".repeat(most) });
  const type = { "content-type": "application/json" };
  for (const options of [
    { body: filled, headers: type },
    { body: "{}", headers: { ...type, "content-length": String(most + 1) } },
  ]) {
    const answer = await enter(door, options);
    expect([answer.status, answer.body.code]).toEqual([413, "body_too_large"]);
    expect(answer.body.detail).toContain(String(most));
    expectHeaders(answer);
  }
  const asLarge = await enter(door, { body: filled.slice(0, most), headers: type });
  expect(asLarge.status).not.toBe(413);
  expect(await rowCounts()).toEqual(before);
});

test.each(reading)("$key refuses encoded bodies: 415", async (door) => {
  for (const encoding of ["gzip", "br", "identity"]) {
    const headers = { "content-type": "application/json", "content-encoding": encoding };
    const answer = await enter(door, { body: "{}", headers });
    expect([answer.status, answer.body.code]).toEqual([415, "unsupported_media_type"]);
    expectHeaders(answer);
  }
});

test.each(withBody)("$key refuses other kinds of bodies: 415", async (door) => {
  for (const type of [
    "text/plain",
    "application/jsonx",
    "multipart/form-data; boundary=x",
    "text/json",
    "",
  ]) {
    const answer = await enter(door, { body: "{}", headers: { "content-type": type } });
    expect([answer.status, answer.body.code], type).toEqual([415, "unsupported_media_type"]);
    expectHeaders(answer);
  }
  const spelled = { "content-type": "Application/JSON; charset=utf-8" };
  expect((await enter(door, { body: "{", headers: spelled })).body.code).toBe("invalid_json");
});

test.each(withBody.filter(({ route }) => !route.form))(
  "$key takes no form: a program that forgot its content type is told so as a problem, signed in or not",
  async (door) => {
    for (const type of [
      "application/x-www-form-urlencoded",
      "Application/X-WWW-Form-Urlencoded; charset=utf-8",
    ]) {
      const options = { body: '{"a":1}', headers: { "content-type": type } };
      const stranger = await enter(door, { ...options, token: undefined });
      expect(stranger.status).toBe(door.route.auth === "none" ? 415 : 401);
      const answer = await enter(door, options);
      expect([answer.status, answer.body?.code]).toEqual([415, "unsupported_media_type"]);
      expectHeaders(answer);
    }
  },
);

test.each(doors)("$key writes one line for its request, with what it cost", async (door) => {
  log.forget();
  const { name, method, tail } = door;
  const answer = await call(name, {
    ...{ method, tail, token: tokenFor(door) },
    ...(door.route.body || door.route.raw ? { json: {} } : {}),
  });
  const [line, ...others] = log.requests();
  expect(others).toEqual([]);
  expect(line).toMatchObject({ event: "request", function: name, method, status: answer.status });
  expect(line?.requestId).toBe(answer.headers.get("x-request-id"));
  expect(Number.isInteger(line?.ms)).toBe(true);
  expect(typeof line?.trips).toBe("object");
  expect(line?.outcome).toBe(answer.status < 400 ? "ok" : answer.body.code);
  expectHeaders(answer);
});

test("no request logs an e-mail, a password, a token, a key, a name or an address", async () => {
  const { token, email } = await newCustomer("Bepi_Dall'Oro");
  const made = await call("api-keys", { json: { name: "named-by-me" }, token });
  await call("usage", {
    json: { events: [{ id: "event-of-mine", meter: "api_call", units: 1 }] },
    token: made.body.key,
  });
  await call("usage", { token: made.body.key });
  await call("credit-status", { token });
  await call("me", { headers: { cookie: `cascade_session=${token}` } });
  await call("login", { json: { email, password: "wrong horse battery" }, ip: "203.0.113.99" });
  await call("create-checkout", {
    json: { pack: "starter" },
    token,
    headers: { "idempotency-key": "key-of-mine" },
  });
  world.gateway.faults.plan({ kind: "status", times: 1 });
  await call("me", { token });
  world.airtable.faults.plan({ kind: "status", times: 1 });
  await call("create-checkout", {
    json: { pack: "noble" },
    token,
    headers: { "idempotency-key": "other-of-mine" },
  });
  expect(log.requests().length).toBeGreaterThanOrEqual(9);
  const written = log.text();
  for (const secret of [
    ...[
      email,
      "horse battery",
      token,
      made.body.key,
      "named-by-me",
      "event-of-mine",
      "of-mine",
      "203.0.113.99",
    ],
    ...["Bepi", "cascade_session", process.env["JWT_SECRET_KEY"] ?? "", process.env["DATABASE_URL"] ?? ""],
    ...[
      process.env["STRIPE_SECRET_KEY"] ?? "",
      process.env["AIRTABLE_API_KEY"] ?? "",
      world.upstash.token,
      "whsec_",
    ],
  ])
    expect(written).not.toContain(secret);
});

test("an unforeseen fault is 500 with no word of its inside; the log says what it was", async () => {
  const { token } = await newCustomer();
  await world.database.rows("alter function find_account(timestamptz, text) rename to find_account_away");
  const answer = await call("me", { token });
  await world.database.rows("alter function find_account_away(timestamptz, text) rename to find_account");
  expect([answer.status, answer.body.code]).toEqual([500, "internal"]);
  expectHeaders(answer);
  expect(answer.text).not.toMatch(/find_account|function|postgres|at .*\.ts/i);
  expect(log.last().error).toMatch(/find_account/);
});

afterEach(() => {
  vi.resetModules();
});

const broken = {
  DATABASE_URL: "mysql://cascade:plain-secret-1@db.example.com/cascade",
  STRIPE_SECRET_KEY: "pk_live_plain_secret_2",
  STRIPE_WEBHOOK_SECRET: "",
  JWT_SECRET_KEY: "plain-secret-3",
  UPSTASH_REDIS_REST_URL: "plain-secret-4",
};

test.each(doors.map(({ name, method, tail }) => [name, method, tail] as const))(
  "%s %s%s in a broken environment: 500 not_configured; the log names the variables and shows no value",
  async (name, method, tail) => {
    const before = { ...process.env };
    Object.assign(process.env, broken);
    delete process.env["AIRTABLE_BASE_ID"];
    vi.resetModules();
    let answer: Called;
    try {
      answer = await call(name, { method, tail, ...(method === "POST" ? { json: {} } : {}) });
    } finally {
      Object.assign(process.env, before);
    }
    expect([answer.status, answer.body.code]).toEqual([500, "not_configured"]);
    expectHeaders(answer);
    expect(log.requests()).toHaveLength(1);
    const { error = "" } = log.last();
    for (const variable of [...Object.keys(broken), "AIRTABLE_BASE_ID"]) expect(error).toContain(variable);
    for (const text of [log.text(), answer.text]) {
      expect(text).not.toMatch(/plain.secret/);
      expect(text).not.toContain("db.example.com");
      expect(text).not.toContain("pk_live");
    }
    expect(answer.text).not.toContain("DATABASE_URL");
  },
);
