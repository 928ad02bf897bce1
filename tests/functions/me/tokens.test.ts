/** Access tokens: what they say, and every way in which one is not ours. */
import { createHash, createHmac } from "node:crypto";
import { SignJWT, UnsecuredJWT, decodeJwt, decodeProtectedHeader } from "jose";
import { afterEach, beforeAll, expect, test, vi } from "vitest";
import { issueAccessToken, readAccessToken, type SessionIds } from "../../../lib/account/access-token.ts";
import { MINUTE_MS, SECOND_MS } from "../../../lib/clock.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { newCustomer, useWorld } from "../../support/world.ts";
import { openPage, openProgram } from "../sessions/devices.ts";

const ours = "a secret of thirty-two characters or more";
const former = "the secret that we signed with until today";
const foreign = "a secret that somebody else has made up!";

useWorld({ JWT_SECRET_KEY: ours });
const log = useLog();
afterEach(() => vi.useRealTimers());

let ids: SessionIds;
let email: string;
beforeAll(async () => {
  ({ email } = await newCustomer());
  const { sub = "", sid } = decodeJwt<{ sid: string }>((await openProgram(email)).accessToken);
  ids = { accountId: sub, sessionId: sid };
});

const keyId = (secret: string) => createHash("sha256").update(secret).digest("hex").slice(0, 8);
const bytes = (secret: string) => new TextEncoder().encode(secret);

type Changes = {
  readonly secret?: string;
  readonly header?: { readonly alg?: string; readonly kid?: string };
  readonly claims?: Readonly<Record<string, unknown>>;
};

/** A token like ours but for the changes; a claim that is undefined is left out. */
function like({ secret = ours, header, claims }: Changes = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const all = {
    ...{ iss: "cascade", aud: "cascade-site", sub: ids.accountId, sid: ids.sessionId },
    ...{ iat: now, exp: now + 900 },
    ...claims,
  };
  return new SignJWT(all)
    .setProtectedHeader({ alg: "HS256", kid: keyId(secret), ...header })
    .sign(bytes(secret));
}

async function statusOf(token: string): Promise<number[]> {
  const answers = [
    await call("me", { token }),
    await call("me", { headers: { cookie: `cascade_session=${token}` } }),
  ];
  return answers.map(({ status }) => status);
}

/** 401, by the signature alone: nobody else is asked. */
async function expectNobody(token: string): Promise<void> {
  expect(await statusOf(token)).toEqual([401, 401]);
  expect(log.last().trips).toEqual({});
}

test("a token names its key, its session and its account, for a quarter of an hour", async () => {
  const { accessToken } = await openProgram(email);
  expect(decodeProtectedHeader(accessToken)).toEqual({ alg: "HS256", kid: keyId(ours) });
  const { iat = 0, ...claims } = decodeJwt(accessToken);
  expect(claims).toEqual({
    ...{ iss: "cascade", aud: "cascade-site", sub: ids.accountId },
    sid: expect.stringMatching(/^ses_[0-9a-z]{20}$/),
    exp: iat + 900,
  });
});

test("a token like ours is taken: what the following tests change is what refuses them", async () => {
  expect(await statusOf(await like())).toEqual([200, 200]);
  const issued = await issueAccessToken({ JWT_SECRET_KEY: ours }, ids, new Date());
  expect(await statusOf(issued.token)).toEqual([200, 200]);
});

const changes: readonly [string, Changes][] = [
  ["of a foreign key", { secret: foreign }],
  ["of a foreign key under our key's name", { secret: foreign, header: { kid: keyId(ours) } }],
  ["of our key under a name nobody has", { header: { kid: "00000000" } }],
  ["of a previous key that is not set any more", { secret: former }],
  ["of another issuer", { claims: { iss: "elsewhere" } }],
  ["for another audience", { claims: { aud: "cascade-device" } }],
  ["for nobody's audience", { claims: { aud: undefined } }],
  ["of no issuer", { claims: { iss: undefined } }],
  ["of no account", { claims: { sub: undefined } }],
  ["of no session", { claims: { sid: undefined } }],
  ["of a session that is no text", { claims: { sid: 7 } }],
  ["of no end", { claims: { exp: undefined } }],
  ["that is over", { claims: { exp: Math.floor(Date.now() / 1000) - 1 } }],
  ["that has not begun", { claims: { nbf: Math.floor(Date.now() / 1000) + 3600 } }],
];

test.each(changes)("401: a token %s", async (_, changed) => {
  await expectNobody(await like(changed));
});

test("401: a token without a key's name", async () => {
  const bare = new SignJWT(decodeJwt(await like())).setProtectedHeader({ alg: "HS256" });
  await expectNobody(await bare.sign(bytes(ours)));
});

test("401: a token without a signature (alg none)", async () => {
  const claims = decodeJwt(await like());
  await expectNobody(new UnsecuredJWT(claims).encode());
  const [, payload = ""] = (await like()).split(".");
  for (const alg of ["none", "None", "NONE"])
    await expectNobody(`${base64url({ alg, kid: keyId(ours) })}.${payload}.`);
});

test("401: our key under another algorithm", async () => {
  const [, payload = ""] = (await like()).split(".");
  for (const [alg, hash] of [
    ["HS512", "sha512"],
    ["HS384", "sha384"],
  ] as const) {
    const head = `${base64url({ alg, kid: keyId(ours) })}.${payload}`;
    await expectNobody(`${head}.${createHmac(hash, ours).update(head).digest("base64url")}`);
  }
});

test("401: a signature that is cut or moved to another payload", async () => {
  const token = await like();
  const [header = "", payload = "", signature = ""] = token.split(".");
  const [, other = ""] = (await like({ claims: { sub: `acc_${"0".repeat(20)}` } })).split(".");
  for (const forged of [
    `${header}.${payload}.${signature.slice(0, -1)}`,
    `${header}.${payload}.${signature.slice(0, 4)}`,
    `${header}.${payload}.`,
    `${header}.${payload}`,
    `${header}.${other}.${signature}`,
  ])
    await expectNobody(forged);
});

test("401: the token of a device that signed in before is nobody's session", async () => {
  const { cascade_device: device = "" } = await openPage(email);
  expect(decodeJwt(device).aud).toBe("cascade-device");
  await expectNobody(device);
});

test("a session of another account than the token says: the database's word counts, not the token's", async () => {
  const answer = await call("me", { token: await like({ claims: { sub: `acc_${"0".repeat(20)}` } }) });
  expect([answer.status, answer.body.account.id]).toEqual([200, ids.accountId]);
});

test("401: a token is over after its quarter of an hour, to the second", async () => {
  const now = Math.floor(Date.now() / 1000) * 1000;
  vi.useFakeTimers({ toFake: ["Date"], now });
  const { accessToken } = await openProgram(email);
  vi.setSystemTime(now + 15 * MINUTE_MS - SECOND_MS);
  expect(await statusOf(accessToken)).toEqual([200, 200]);
  vi.setSystemTime(now + 15 * MINUTE_MS);
  await expectNobody(accessToken);
});

test("a previous key still checks, and never signs", async () => {
  const now = new Date();
  const before = { JWT_SECRET_KEY: former };
  const after = { JWT_SECRET_KEY: ours, JWT_PREVIOUS_SECRET_KEY: former };
  const { token } = await issueAccessToken(before, ids, now);
  expect(await readAccessToken(after, token, now)).toEqual(ids);
  expect(await readAccessToken({ JWT_SECRET_KEY: ours }, token, now)).toBe(null);
  const next = await issueAccessToken(after, ids, now);
  expect(decodeProtectedHeader(next.token).kid).toBe(keyId(ours));
  expect(await readAccessToken(before, next.token, now)).toBe(null);
});

test("200 by the previous key while JWT_PREVIOUS_SECRET_KEY is set, 401 without", async () => {
  const token = await like({ secret: former });
  expect(await statusOf(token)).toEqual([401, 401]);
  try {
    process.env["JWT_PREVIOUS_SECRET_KEY"] = former;
    vi.resetModules();
    expect(await statusOf(token)).toEqual([200, 200]);
  } finally {
    delete process.env["JWT_PREVIOUS_SECRET_KEY"];
    vi.resetModules();
  }
  expect(await statusOf(token)).toEqual([401, 401]);
});

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
