/** Who is asking: what is taken for a session, and what never is. */
import { createHmac } from "node:crypto";
import { SignJWT, UnsecuredJWT, decodeJwt, decodeProtectedHeader, generateKeyPair } from "jose";
import { afterEach, expect, test, vi } from "vitest";
import { MINUTE_MS, SECOND_MS } from "../../../lib/clock.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { newCustomer, useWorld, type Customer } from "../../support/world.ts";

useWorld();
const log = useLog();

afterEach(() => {
  vi.useRealTimers();
});

const ourKey = () => new TextEncoder().encode(process.env["JWT_SECRET_KEY"]);

/** A token like ours, until a test changes something. */
function like(customer: Customer, alg = "HS256"): SignJWT {
  const { kid = "" } = decodeProtectedHeader(customer.token);
  return new SignJWT({ sid: decodeJwt(customer.token)["sid"] })
    .setProtectedHeader({ alg, kid })
    .setIssuer("cascade")
    .setAudience("cascade-site")
    .setSubject(customer.id)
    .setIssuedAt()
    .setExpirationTime("1 hour");
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

async function expectNobody(token: string): Promise<void> {
  for (const headers of [{ authorization: `Bearer ${token}` }, { cookie: `cascade_session=${token}` }]) {
    const answer = await call("me", { headers });
    expect([answer.status, answer.body.code]).toEqual([401, "unauthenticated"]);
    expect(answer.headers.get("www-authenticate")).toBe("Bearer");
    expect(log.last().trips).toEqual({});
    expect(log.last()).not.toHaveProperty("account");
  }
}

test("a bearer token and a cookie both say who is asking, for one round trip", async () => {
  const customer = await newCustomer();
  const { id, email, citizen, token } = customer;
  for (const headers of [
    { authorization: `Bearer ${token}` },
    { authorization: `bearer ${token}` },
    { cookie: `cascade_session=${token}` },
    { cookie: `theme=dark; cascade_session=${token}; other=1` },
  ] as Record<string, string>[]) {
    const answer = await call("me", { headers });
    expect(answer.body.account).toMatchObject({ id, email, citizen });
    expect(log.last()).toMatchObject({ account: id, trips: { postgres: 1 } });
  }
});

test("the bearer token comes before the cookie: a wrong one is not rescued by it", async () => {
  const [one, two] = [await newCustomer(), await newCustomer()];
  const both = { authorization: `Bearer ${one.token}`, cookie: `cascade_session=${two.token}` };
  expect((await call("me", { headers: both })).body.account.id).toBe(one.id);
  const wrong = { authorization: "Bearer nonsense", cookie: `cascade_session=${two.token}` };
  expect((await call("me", { headers: wrong })).status).toBe(401);
});

test("a token like ours is taken: what the following tests change is what refuses them", async () => {
  const customer = await newCustomer();
  const token = await like(customer).sign(ourKey());
  expect((await call("me", { token })).body.account.id).toBe(customer.id);
});

test("a token without a signature (alg none) is refused", async () => {
  const customer = await newCustomer();
  const unsecured = new UnsecuredJWT({ iss: "cascade", aud: "cascade-site", sub: customer.id })
    .setExpirationTime("1 hour")
    .encode();
  await expectNobody(unsecured);
  const [, payload = ""] = (await like(customer).sign(ourKey())).split(".");
  for (const alg of ["none", "None", "NONE", "nOnE", "HS256"])
    await expectNobody(`${base64url({ alg })}.${payload}.`);
});

test("a token of a foreign key is refused", async () => {
  const customer = await newCustomer();
  await expectNobody(
    await like(customer).sign(new TextEncoder().encode("another secret of thirty-two characters")),
  );
  await expectNobody(await like(customer).sign(new Uint8Array(32)));
  const { privateKey } = await generateKeyPair("ES256");
  await expectNobody(await like(customer, "ES256").sign(privateKey));
});

test("our key under another algorithm is refused", async () => {
  const customer = await newCustomer();
  for (const alg of ["HS384", "HS512"]) {
    const [, payload = ""] = (await like(customer).sign(ourKey())).split(".");
    const head = `${base64url({ alg })}.${payload}`;
    await expectNobody(
      `${head}.${createHmac(alg.replace("HS", "sha"), ourKey()).update(head).digest("base64url")}`,
    );
  }
});

test("another issuer or audience, or none, is refused", async () => {
  const customer = await newCustomer();
  await expectNobody(await like(customer).setIssuer("elsewhere").sign(ourKey()));
  await expectNobody(await like(customer).setAudience("elsewhere").sign(ourKey()));
  await expectNobody(await like(customer).setAudience("cascade").sign(ourKey()));
  const bare = new SignJWT()
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(customer.id)
    .setExpirationTime("1 hour");
  await expectNobody(await bare.sign(ourKey()));
});

test("a token that names nobody or has no end is refused", async () => {
  const bare = () =>
    new SignJWT().setProtectedHeader({ alg: "HS256" }).setIssuer("cascade").setAudience("cascade-site");
  const { id } = await newCustomer();
  await expectNobody(await bare().setExpirationTime("1 hour").sign(ourKey()));
  await expectNobody(await bare().setSubject(id).sign(ourKey()));
});

test("a token that is over, or not yet begun, is refused", async () => {
  const customer = await newCustomer();
  await expectNobody(await like(customer).setExpirationTime("1 second ago").sign(ourKey()));
  await expectNobody(await like(customer).setNotBefore("1 hour").sign(ourKey()));
});

test("an access token is over after a quarter of an hour", async () => {
  const customer = await newCustomer();
  const issued = Date.now();
  vi.useFakeTimers({ toFake: ["Date"], now: issued + 15 * MINUTE_MS - 2 * SECOND_MS });
  expect((await call("me", { token: customer.token })).status).toBe(200);
  vi.setSystemTime(issued + 15 * MINUTE_MS);
  await expectNobody(customer.token);
});

test("a signature that is cut, changed or moved to another payload is refused", async () => {
  const [one, two] = [await newCustomer(), await newCustomer()];
  const [header = "", payload = "", signature = ""] = one.token.split(".");
  const [, otherPayload = ""] = two.token.split(".");
  const changed = `${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
  for (const forged of [
    `${header}.${payload}.${signature.slice(0, -1)}`,
    `${header}.${payload}.${signature.slice(0, 20)}`,
    `${header}.${payload}.`,
    `${header}.${payload}`,
    `${header}.${payload}.${changed}`,
    `${header}.${otherPayload}.${signature}`,
    `${header}..${signature}`,
    `.${payload}.${signature}`,
    `${one.token}.${signature}`,
    `${one.token}x`,
  ])
    await expectNobody(forged);
});

test.each([
  "nonsense",
  "a.b.c",
  "..",
  "null",
  `ck_test_${"a".repeat(32)}`,
  `ck_live_${"a".repeat(32)}`,
  "%00",
  "a".repeat(10_000),
])("%.20s is nobody", async (token) => {
  await expectNobody(token);
});

test("other schemes and empty headers are nobody", async () => {
  const { token } = await newCustomer();
  for (const headers of [
    {},
    { authorization: "" },
    { authorization: "Bearer" },
    { authorization: `Basic ${token}` },
    { authorization: token },
    { authorization: `Bearer ${token} ${token}` },
    { cookie: "cascade_session=" },
    { cookie: `cascade_sessions=${token}` },
    { cookie: `Cascade_Session=${token}` },
  ] as Record<string, string>[])
    expect((await call("me", { headers })).status, JSON.stringify(headers).slice(0, 40)).toBe(401);
});

test("a session that is no more is nobody's", async () => {
  const customer = await newCustomer();
  const { token } = customer;
  await call("logout", { json: {}, token });
  for (const [name, options] of [
    ["me", {}],
    ["credit-status", {}],
    ["create-checkout", { json: { pack: "starter" }, headers: { "idempotency-key": "gone" } }],
    ["api-keys", { json: { name: "gone" } }],
    ["usage", { json: { events: [{ id: "1", meter: "api_call", units: 1 }] } }],
  ] as const) {
    const answer = await call(name, { ...options, token });
    expect([answer.status, answer.body.code], name).toEqual([401, "unauthenticated"]);
    expect(answer.headers.get("www-authenticate"), name).toBe("Bearer");
  }
});
