/** Who may call what: every route of every function, asked by everybody. A route that isn't in the table fails. */
import { beforeAll, expect, test } from "vitest";
import { declarations } from "../../lib/api/all.ts";
import { randomId, randomText } from "../../lib/ids.ts";
import { call, type Called, type CallOptions } from "../support/call.ts";
import { useLog } from "../support/log.ts";
import { password, useWorld } from "../support/world.ts";
import { belongings, plantKey, plantPerson, plantSession, type Person } from "./people.ts";

const world = useWorld();
useLog();

/**
 * The status each caller gets. `own`: a customer, of what is his; `other`: the same, of what is somebody else's, as staff
 * ask (`-`: the route is about nobody else). `unver`: an admin whose e-mail isn't verified. `ended`: an admin whose session
 * has ended, with its tokens. Then the customer's keys, on his own: of every scope, of the wrong one, revoked.
 */
const callers = [
  "anon",
  "own",
  "other",
  "supp",
  "admin",
  "unver",
  "ended",
  "key",
  "wrong",
  "revoked",
] as const;
type Caller = (typeof callers)[number];

const table = readTable(`
                              anon own  other supp admin unver ended key wrong revoked
  packs GET                   200  200  -     200  200   200   200   200 200   200
  rate GET                    200  200  -     200  200   200   200   200 200   200
  openapi GET                 200  200  -     200  200   200   200   200 200   200
  health GET                  200  200  -     200  200   200   200   200 200   200
  citizens GET                200  200  200   200  200   200   200   200 200   200

  signup POST                 201  201  -     201  201   201   201   201 201   201
  login POST                  200  200  -     200  200   200   200   200 200   200
  passkey-login POST          201  201  -     201  201   201   201   201 201   201
  venice-login POST           201  201  -     201  201   201   201   201 201   201
  refresh POST                200  200  -     200  200   200   401   200 200   200
  logout POST                 204  204  -     204  204   204   204   401 401   401
  password-reset POST         202  202  -     202  202   202   202   202 202   202
  email-verification POST     202  202  -     202  202   202   202   202 202   202

  me GET                      401  200  -     200  200   200   401   401 401   401
  sessions GET                401  200  -     200  200   200   401   401 401   401
  sessions DELETE             401  204  -     204  204   204   401   401 401   401
  sessions DELETE /{id}       401  204  404   404  404   404   401   401 401   401
  password POST               401  204  -     204  204   204   401   401 401   401
  passkeys GET                401  200  -     200  200   200   401   401 401   401
  passkeys POST               401  201  -     201  201   201   401   401 401   401
  passkeys POST /{id}         401  204  404   404  404   404   401   401 401   401
  passkeys DELETE /{id}       401  204  404   404  404   404   401   401 401   401
  citizen POST                401  200  -     200  200   200   401   401 401   401
  citizen DELETE              401  200  -     200  200   200   401   401 401   401
  citizen-proof POST          401  201  -     201  201   201   401   401 401   401
  api-keys GET                401  200  -     200  200   200   401   401 401   401
  api-keys POST               401  201  -     201  201   403   401   401 401   401
  api-keys POST /{id}         401  201  404   404  404   404   401   401 401   401
  api-keys DELETE /{id}       401  204  404   404  404   404   401   401 401   401

  quote POST                  401  200  -     200  200   200   401   401 401   401
  create-checkout POST        401  201  -     201  201   201   401   401 401   401
  credit-status GET           401  200  -     200  200   200   401   200 403   401
  usage GET                   401  200  -     200  200   200   401   200 403   401
  usage POST                  401  200  -     200  200   200   401   200 403   401
  withdraw POST               401  202  -     202  202   202   401   202 202   401
  deliveries GET              401  200  -     200  200   200   401   200 403   401
  deliveries GET /{id}        401  200  404   404  404   404   401   200 403   401
  purchases GET               401  200  -     200  200   200   401   200 403   401
  purchases GET /{id}         401  200  404   200  200   404   401   200 403   401
  subscription GET            401  200  -     200  200   200   401   401 401   401
  subscription POST           401  409  -     409  409   409   401   401 401   401
  billing-portal POST         401  409  -     409  409   409   401   401 401   401
  invoices GET                401  200  -     200  200   200   401   401 401   401
  payment-methods GET         401  200  -     200  200   200   401   401 401   401
  payment-methods POST        401  404  404   404  404   404   401   401 401   401

  accounts GET                401  404  404   200  200   404   401   401 401   401
  accounts POST /{id}         401  404  404   404  204   404   401   401 401   401
  audit GET                   401  200  404   200  200   404   401   401 401   401
  letters GET                 401  404  404   200  200   404   401   401 401   401
  letters POST /{id}          401  404  404   404  202   404   401   401 401   401
  dead-letters GET            401  404  -     200  200   404   401   401 401   401
  dead-letters POST /{id}     401  404  404   404  204   404   401   401 401   401
  refunds POST                401  404  404   404  409   404   401   401 401   401
  reconciliation GET          401  404  -     404  200  404   401   401 401   401
  reconciliation POST         401  404  -     404  200  404   401   401 401   401
  rate POST                   401  404  -     404  204   404   401   401 401   401
  rate DELETE                 401  404  -     404  204   404   401   401 401   401

  stripe-webhook POST         400  400  -     400  400   400   400   400 400   400
  deliver-ducats POST         200  200  -     200  200   200   200   200 200   200
  replenishment-check POST    200  200  -     200  200   200   200   200 200   200
  send-letters POST           200  200  -     200  200   200   200   200 200   200
  forget-expired POST         200  200  -     200  200   200   200   200 200   200
  refresh-citizens POST       200  200  -     200  200   200   200   200 200   200
  notify-citizens POST        200  200  -     200  200   200   200   200 200   200
  update-rate POST            200  200  -     200  200   200   200   200 200   200
  reconcile-stripe POST       200  200  -     200  200   200   200   200 200   200
  keep-subscriptions POST     200  200  -     200  200   200   200   200 200   200
`);

/** Statuses by route; the first line is the callers'. */
function readTable(text: string): Map<string, string[]> {
  const [head = "", ...lines] = text.split("\n").filter((line) => line.trim() !== "");
  expect(cells(head)).toEqual(callers);
  return new Map(
    lines.map((line) => {
      const [, route = "", statuses = ""] = /^ *(.+?) {2,}(.*)$/.exec(line) ?? [];
      return [route, cells(statuses)];
    }),
  );
}

function cells(line: string): string[] {
  return line.trim().split(/ +/);
}

/** What a call is about: ids that are somebody's, or nobody's. */
type Target = Pick<Person, "id" | "email" | "passkeyId" | "letterId" | "deliveryId" | "purchaseId"> & {
  readonly keyId: string;
  readonly sessionId: string;
};
type Asked = { readonly caller: Person; readonly target: Target };

/** Valid in all but who asks: what is missing here is a plain GET, or a DELETE of everything. */
const requests: Readonly<Record<string, (asked: Asked) => CallOptions>> = {
  "signup POST": () => ({
    json: { email: `${randomText(12)}@example.com`, password, citizen },
  }),
  "login POST": ({ caller }) => ({ json: { email: caller.email, password } }),
  "passkey-login POST": () => ({ json: {} }),
  "venice-login POST": () => ({ json: { citizen } }),
  "refresh POST": ({ caller }) => ({ json: { refreshToken: caller.session.refreshToken } }),
  "logout POST": () => ({ json: {} }),
  "password-reset POST": ({ caller }) => ({ json: { email: caller.email } }),
  "email-verification POST": ({ caller }) => ({ json: { email: caller.email } }),
  "sessions DELETE /{id}": ({ target }) => ({ tail: `/${target.sessionId}` }),
  "password POST": () => ({ json: { currentPassword: password, newPassword: password } }),
  "passkeys POST": () => ({ json: {} }),
  "passkeys POST /{id}": ({ target }) => ({ tail: `/${target.passkeyId}`, json: { name: "Renamed" } }),
  "passkeys DELETE /{id}": ({ target }) => ({ tail: `/${target.passkeyId}` }),
  "citizens GET": () => ({ tail: "?q=Sig" }),
  "citizen POST": () => ({ json: { citizen } }),
  "citizen-proof POST": () => ({ json: {} }),
  "api-keys POST": () => ({ json: { name: "program" } }),
  "api-keys POST /{id}": ({ target }) => ({ tail: `/${target.keyId}`, json: {} }),
  "api-keys DELETE /{id}": ({ target }) => ({ tail: `/${target.keyId}` }),
  "rate POST": () => ({ json: { microUsdPerDucat: 100_000, reason: "the same as before" } }),
  "quote POST": () => ({ json: { pack: "starter" } }),
  "create-checkout POST": () => ({
    json: { pack: "starter", deliverTo: "wallet" },
    headers: { "idempotency-key": randomText(12) },
  }),
  "usage POST": () => ({ json: { events: [{ id: randomText(12), meter: "api_call", units: 1 }] } }),
  "withdraw POST": () => ({ json: { ducats: 1 }, headers: { "idempotency-key": randomText(12) } }),
  "purchases GET /{id}": ({ target }) => ({ tail: `/${target.purchaseId}` }),
  // Everybody has a tier that Stripe knows nothing of, and has bought nothing.
  "subscription POST": () => ({ json: { action: "start", tier: "architect", period: "month" } }),
  "billing-portal POST": () => ({ json: {} }),
  "payment-methods POST": () => ({ json: { action: "remove", id: "pm_1" } }),
  "deliveries GET /{id}": ({ target }) => ({ tail: `/${target.deliveryId}` }),
  "dead-letters POST /{id}": ({ target }) => ({
    tail: `/${target.deliveryId}`,
    json: { action: "arrived", reason: "seen in the purse" },
  }),
  "accounts GET": ({ target }) => ({ tail: `?email=${target.email}` }),
  "accounts POST /{id}": ({ target }) => ({ tail: `/${target.id}`, json: { role: "support" } }),
  "audit GET": ({ target }) => ({ tail: `?account=${target.id}` }),
  "letters GET": ({ target }) => ({ tail: `?account=${target.id}` }),
  "letters POST /{id}": ({ target }) => ({ tail: `/${target.letterId}`, json: {} }),
  // Never paid: what an admin is told, nobody else is.
  "refunds POST": ({ target }) => ({
    json: { purchaseId: target.purchaseId, reason: "asked for it" },
    headers: { "idempotency-key": randomText(12) },
  }),
  // Nothing is found by this name: what an admin is told of it, nobody else is.
  "reconciliation POST": () => ({ json: { findings: ["paid-not-credited:pi_1"] } }),
  "stripe-webhook POST": () => ({ body: "{}", headers: { "content-type": "application/json" } }),
};

const routes = new Set(
  declarations.flatMap(({ name, routes: declared }) => Object.keys(declared).map((key) => `${name} ${key}`)),
);

test("the table has every route of every function, and no other", () => {
  expect([...table.keys()].sort()).toEqual([...routes].sort());
  expect(Object.keys(requests).filter((each) => !routes.has(each))).toEqual([]);
});

test("what is about an object is asked for somebody else's, too", () => {
  const aboutOne = [...table].filter(([route]) => /\{id\}|\?/.test(lineOf(route)));
  expect(aboutOne.length).toBeGreaterThan(0);
  expect(aboutOne.filter(([, statuses]) => statuses[callers.indexOf("other")] === "-")).toEqual([]);
});

/** A row's request as a line, to see what it names. */
function lineOf(route: string): string {
  const options = requests[route]?.({ caller: nobody, target: targetOf(nobody) });
  return `${route} ${options?.tail ?? ""}`;
}

const noSession = { id: randomId("ses"), token: "", refreshToken: "-" };
const nobody: Person = {
  id: randomId("acc"),
  email: "nobody@example.com",
  session: noSession,
  idle: noSession,
  key: { id: randomId("key"), key: "" },
  passkeyId: "bm9ib2R5",
  letterId: "let_999999999",
  deliveryId: randomId("dlv"),
  purchaseId: randomId("pur"),
};

function targetOf({ key, idle, ...person }: Person): Target {
  return { ...person, keyId: key.id, sessionId: idle.id };
}

type Cast = { readonly as: Readonly<Record<Caller, Credentials>>; readonly victim: Person };
type Credentials = { readonly token: string | undefined; readonly caller: Person; readonly target: Person };

/** One with a wallet that can sign. */
const citizen = "Signatory";
beforeAll(() => {
  world.airtable.addCitizen({ Username: citizen, Ducats: 1, Wallet: "11111111111111111111111111111112" });
});

async function assemble(): Promise<Cast> {
  const customer = await plantPerson(world, { citizen });
  const victim = await plantPerson(world, { citizen });
  const support = await plantPerson(world, { citizen, role: "support" });
  const admin = await plantPerson(world, { citizen, role: "admin" });
  const unverified = await plantPerson(world, { citizen, role: "admin", verified: false });
  const wrong = await plantKey(world, customer.id, { scopes: ["deliveries:write"] });
  const revoked = await plantKey(world, customer.id, { revoked: true });
  const ended = { ...admin, session: await plantSession(world, admin.id) };
  await world.database.rows("select end_session_row(now(), '{}', 'system', $1, 'signed_out')", [
    ended.session.id,
  ]);
  // Each refresh token works once: one that is signed in has his, everybody else one that nobody else uses.
  const fresh = async (token: string | undefined, caller = customer, target = customer) => ({
    ...{ token, target },
    caller: { ...caller, session: await plantSession(world, caller.id) },
  });
  const own = await fresh(undefined);
  const as: Record<Caller, Credentials> = {
    anon: await fresh(undefined, customer, victim),
    own: { ...own, token: own.caller.session.token },
    other: { ...own, token: own.caller.session.token, target: victim },
    supp: { token: support.session.token, caller: support, target: victim },
    admin: { token: admin.session.token, caller: admin, target: victim },
    unver: { token: unverified.session.token, caller: unverified, target: victim },
    ended: { token: ended.session.token, caller: ended, target: victim },
    key: await fresh(customer.key.key),
    wrong: await fresh(wrong.key),
    revoked: await fresh(revoked.key),
  };
  return { as, victim };
}

async function ask(route: string, { token, caller }: Credentials, target: Person): Promise<Called> {
  const [name = "", method = ""] = route.split(" ");
  // Limits are another file's.
  await world.upstash.clear();
  const request = requests[route]?.({ caller, target: targetOf(target) }) ?? {};
  const answer = await call(name, { method, token, ...request });
  await answer.afterwards;
  return answer;
}

/** All of an answer but its request's id. */
function shown({ status, headers, body }: Called): unknown {
  const kept = { ...Object.fromEntries(headers), "x-request-id": null };
  return { status, kept, body: { ...body, requestId: null } };
}

test.each([...table])("%s", async (route, expected) => {
  const { as, victim } = await assemble();
  const seen: string[] = [];
  let before = await belongings(world, victim.id);
  for (const [index, who] of callers.entries()) {
    if (expected[index] === "-") {
      seen.push("-");
      continue;
    }
    const answer = await ask(route, as[who], as[who].target);
    seen.push(String(answer.status));
    const isRefused = answer.status >= 400;
    const isStaff = who === "supp" || who === "admin";
    const after = await belongings(world, victim.id);
    if (isRefused || !isStaff) expect(after, `${who} changed something of the other's`).toEqual(before);
    before = after;
    if (answer.status === 404)
      expect(shown(answer), `${who} learns whether there is such a thing`).toEqual(
        shown(await ask(route, as[who], nobody)),
      );
    if (isRefused) expect(answer.text).not.toContain(victim.email);
  }
  expect(seen.join(" ")).toBe(expected.join(" "));
});
