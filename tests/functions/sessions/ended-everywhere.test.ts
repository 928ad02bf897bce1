/** A session that has ended is refused at once by every function that takes one, whatever its access token says. */
import { beforeAll, expect, test } from "vitest";
import { declarations } from "../../../lib/api/all.ts";
import type { Declaration } from "../../../lib/http/declare.ts";
import { call, type Called, type CallOptions } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { newCustomer, useWorld } from "../../support/world.ts";
import { openProgram, type Tokens } from "./devices.ts";

const world = useWorld();
const log = useLog();

const account = `acc_${"0".repeat(20)}`;
const credential = {
  id: "AAAA",
  rawId: "AAAA",
  type: "public-key",
  clientExtensionResults: {},
  response: { clientDataJSON: "AAAA", attestationObject: "AAAA" },
};

/** Every route that takes a session, with a request that nothing else is wrong with. `key` and `session` are real ones. */
const requests: Readonly<Record<string, CallOptions>> = {
  "me GET": {},
  "credit-status GET": {},
  "sessions GET": {},
  "sessions DELETE": { method: "DELETE" },
  "sessions DELETE /{id}": { method: "DELETE", tail: "/session" },
  "password POST": {
    json: { currentPassword: "correct horse battery", newPassword: "another horse battery" },
  },
  "api-keys GET": {},
  "api-keys POST": { json: { name: "late" } },
  "api-keys POST /{id}": { json: { overlapDays: 0 }, tail: "/key" },
  "api-keys DELETE /{id}": { method: "DELETE", tail: "/key" },
  "usage GET": {},
  "usage POST": { json: { events: [{ id: "late", meter: "api_call", units: 1 }] } },
  "create-checkout POST": { json: { pack: "starter" }, headers: { "idempotency-key": "late" } },
  "withdraw POST": { json: { ducats: 1 }, headers: { "idempotency-key": "late" } },
  "deliveries GET": {},
  "deliveries GET /{id}": { tail: "/dlv_1" },
  "dead-letters GET": {},
  "purchases GET": {},
  "purchases GET /{id}": { tail: "/pur_00000000000000000000" },
  "subscription GET": {},
  "subscription POST": { json: { action: "start", tier: "builder", period: "month" } },
  "billing-portal POST": { json: {} },
  "invoices GET": {},
  "payment-methods GET": {},
  "payment-methods POST": { json: { action: "remove", id: "pm_1" } },
  "quote POST": { json: { pack: "starter" } },
  "rate POST": { json: { microUsdPerDucat: 100_000, reason: "late" } },
  "rate DELETE": { method: "DELETE" },
  "refunds POST": {
    json: { purchaseId: "pur_00000000000000000000", reason: "asked for it" },
    headers: { "idempotency-key": "refund" },
  },
  "reconciliation GET": {},
  "reconciliation POST": { json: { findings: ["paid-not-credited:pi_1"] } },
  "dead-letters POST /{id}": { json: { action: "look", reason: "late" }, tail: "/dlv_1" },
  "passkeys GET": {},
  "passkeys POST": { json: {} },
  "passkeys POST /{id}": { json: { name: "late" }, tail: "/AAAA" },
  "passkeys DELETE /{id}": { method: "DELETE", tail: "/AAAA" },
  "citizen POST": { json: { citizen: "RialtoBanker" } },
  "citizen DELETE": { method: "DELETE" },
  "citizen-proof POST": { json: {} },
  "audit GET": {},
  "accounts GET": { tail: "?email=somebody@example.com" },
  "accounts POST /{id}": { json: { role: "support" }, tail: `/${account}` },
  "letters GET": { tail: `?account=${account}` },
  "letters POST /{id}": { json: {}, tail: "/let_1" },
};

const change = { action: "change", tier: "architect", period: "month", prorationAt: 0, dueNowCents: 0 };

/** The second steps of routes that take two, and the other acts of one that takes several. */
const secondSteps: readonly (readonly [string, CallOptions])[] = [
  ["passkeys", { json: { challenge: `chl_${"0".repeat(20)}`, credential, name: "late" } }],
  ["citizen-proof", { json: { challenge: `chl_${"0".repeat(20)}`, signature: "1".repeat(88) } }],
  ["subscription", { json: { action: "preview", tier: "architect", period: "month" } }],
  ["subscription", { json: change, headers: { "idempotency-key": "late" } }],
  ["subscription", { json: { action: "cancel" }, headers: { "idempotency-key": "late" } }],
  ["payment-methods", { json: { action: "default", id: "pm_1" } }],
];

const routes = declarations.flatMap(({ name, routes: declared }: Declaration) =>
  Object.entries(declared)
    .filter(([, route]) => route?.auth !== "none")
    .map(([key]) => `${name} ${key}`),
);

let dead: Tokens;
let ids: Record<string, string> = {};

/** One account with a live session, a key, and a session that has ended a moment ago. */
beforeAll(async () => {
  const { email, token } = await newCustomer();
  dead = await openProgram(email);
  const { sessions } = (await call("sessions", { token })).body;
  const current: { id: string } = sessions.find((each: { current: boolean }) => each.current);
  ids = { session: current.id, key: (await call("api-keys", { json: { name: "one" }, token })).body.id };
  expect((await call("logout", { json: {}, token: dead.accessToken })).status).toBe(204);
});

async function ask(name: string, options: CallOptions): Promise<Called> {
  const tail = options.tail?.replace(/^\/(session|key)$/, (_, kind: string) => `/${ids[kind] ?? ""}`);
  return await call(name, { ...options, ...(tail !== undefined && { tail }), token: dead.accessToken });
}

test("the requests below are all the routes that take a session", () => {
  expect(Object.keys(requests).sort()).toEqual([...routes].sort());
});

test.each(Object.entries(requests))("%s: 401", async (route, options) => {
  const [name = ""] = route.split(" ");
  const answer = await ask(name, options);
  expect([answer.status, answer.body.code]).toEqual([401, "unauthenticated"]);
  expect(answer.headers.get("www-authenticate")).toBe("Bearer");
  // The database said so, in one round trip: nothing else on the way did.
  expect(log.last().trips["postgres"]).toBe(1);
});

test.each(["me", "credit-status"])("%s: 401 for one round trip in all", async (name) => {
  expect((await ask(name, {})).status).toBe(401);
  expect(log.last().trips).toEqual({ postgres: 1 });
});

test.each(secondSteps)("%s, its second step: never a success", async (name, options) => {
  const answer = await ask(name, options);
  expect(["unauthenticated", "invalid_proof"]).toContain(answer.body.code);
});

test("and nothing of all that has left a trace", async () => {
  const [found] = await world.database.rows(
    `select (select count(*)::int from api_keys) as keys, (select count(*)::int from purchases) as purchases,
       (select count(*)::int from usage_claims) as charges, (select count(*)::int from challenges) as challenges,
       (select count(*)::int from sessions where ended_at is null) as live,
       (select count(*)::int from api_keys where revoked_at is not null or replaced_by is not null) as ended_keys,
       (select count(*)::int from subscription_starts) as starts`,
  );
  expect(found).toEqual({
    keys: 1,
    purchases: 0,
    charges: 0,
    challenges: 0,
    live: 1,
    ended_keys: 0,
    starts: 0,
  });
});
