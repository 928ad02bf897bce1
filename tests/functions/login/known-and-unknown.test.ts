/**
 * Nobody learns whether an e-mail is known: not by the answer, not by whom we ask, not by what we hash or write. What a
 * watch might still tell is `npm run test:timing`'s.
 */
import { expect, test } from "vitest";
import { call, type Called, type CallOptions } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { newCustomer, openAccount, useWorld } from "../../support/world.ts";
import { useHashes } from "../password/hashes.ts";
import { everything, tracesOf, type Traces } from "../password-reset/traces.ts";
import { freshAddress, openPage, sending } from "../sessions/devices.ts";

const world = useWorld();
const log = useLog();
const hashes = useHashes();

type Work = {
  readonly answer: object;
  readonly hashes: number;
  readonly trips: object;
  readonly asked: { readonly postgres: number; readonly redis: readonly string[] };
  readonly wrote: Traces;
};

/** All that a request does up to its answer, and what it leaves behind. */
async function workOf(name: string, options: CallOptions): Promise<Work> {
  world.gateway.faults.forget();
  world.upstash.faults.forget();
  const asked = () => ({
    postgres: world.gateway.faults.seen.length,
    redis: world.upstash.faults.seen.map(({ method, path }) => `${method} ${path}`),
  });
  let answer: Called | undefined;
  let hashed = 0;
  const wrote = await tracesOf(world, async () => {
    [answer, hashed] = await hashes.during(() => call(name, { ip: freshAddress(), ...options }));
    await answer.afterwards;
  });
  if (!answer) throw new Error("no answer");
  const body = { ...answer.body, requestId: "" };
  const shape = { status: answer.status, body, headers: headersOf(answer) };
  return { answer: shape, hashes: hashed, trips: log.last().trips, asked: asked(), wrote };
}

/** Times to wait and the request's own id differ from one to the next. */
function headersOf({ headers }: Called): Record<string, string> {
  const all = Object.fromEntries(headers);
  return { ...all, "x-request-id": "", ratelimit: (all["ratelimit"] ?? "").replaceAll(/t=\d+/g, "t=") };
}

let strangers = 0;

async function everyKind() {
  strangers += 1;
  const verified = await newCustomer();
  const { email: unverified, signedUp } = await openAccount();
  await signedUp.afterwards;
  await world.upstash.clear();
  return { verified: verified.email, unverified, unknown: `nobody${strangers}@example.com` };
}

test("sign-in: a wrong password and an unknown e-mail are the same answer by the same work, one hash", async () => {
  const { verified, unverified, unknown } = await everyKind();
  const of = (email: string) => workOf("login", { json: { email, password: "wrong horse battery" } });
  const known = await of(verified);
  expect(known).toMatchObject({
    answer: { status: 401, body: { code: "invalid_credentials" } },
    hashes: 1,
    trips: { redis: 2, postgres: 2 },
    wrote: { sign_in_failures: 1, audit_log: 1 },
  });
  expect(await of(unknown)).toEqual(known);
  expect(await of(unverified)).toEqual(known);
});

test("sign-in: the fifth wrong password is the same work, too: a lock, its letter or the row of none", async () => {
  const { verified, unknown } = await everyKind();
  const works = [];
  for (const email of [verified, unknown]) {
    for (let index = 0; index < 4; index += 1)
      await call("login", { json: { email, password: "wrong horse battery" }, ip: freshAddress() });
    works.push(await workOf("login", { json: { email, password: "wrong horse battery" } }));
  }
  expect(works[0]?.wrote).toEqual({ audit_log: 2, letters: 1 });
  expect(works[1]).toEqual(works[0]);
});

test("sign-in: another's device cookie changes nothing", async () => {
  const { verified, unverified, unknown } = await everyKind();
  const headers = sending(await openPage(verified), "cascade_device");
  const of = (email: string) =>
    workOf("login", { headers, json: { email, password: "wrong horse battery" } });
  expect(await of(unknown)).toEqual(await of(unverified));
});

test.each([
  ["password-reset", "verified"],
  ["password-reset", "unverified"],
  ["email-verification", "unverified"],
  ["email-verification", "verified"],
] as const)("%s: a %s e-mail and an unknown one are the same answer by the same work", async (name, kind) => {
  const emails = await everyKind();
  const [known, unknown] = [
    await workOf(name, { json: { email: emails[kind] } }),
    await workOf(name, { json: { email: emails.unknown } }),
  ];
  expect(known).toMatchObject({
    answer: { status: 202 },
    hashes: 0,
    wrote: { mailed_tokens: 1, letters: 1, audit_log: 1 },
  });
  // The letter goes out after the answer: what is asked by then is the outbox's, and counts for nobody.
  const upToAnswer = ({ answer, hashes: hashed, wrote, trips, asked: { redis } }: Work) => ({
    ...{ answer, hashed, wrote, trips, redis },
  });
  expect(upToAnswer(unknown)).toEqual(upToAnswer(known));
});

test.each(["password-reset", "email-verification"])(
  "%s: of an unknown e-mail a skipped letter is left, and the address nowhere",
  async (name) => {
    const email = "a.stranger@elsewhere.example";
    await (
      await call(name, { json: { email }, ip: freshAddress() })
    ).afterwards;
    await call("login", { json: { email, password: "a guessed horse" }, ip: freshAddress() });
    const [letter] = await world.database.rows(
      "select account_id, state from letters order by id desc limit 1",
    );
    expect(letter).toEqual({ account_id: null, state: "skipped" });
    for (const text of [
      await everything(world),
      log.text(),
      JSON.stringify(await world.upstash.run(["keys", "*"])),
    ])
      expect(text.toLowerCase()).not.toContain("stranger");
  },
);

test("a link that a stranger's address was skipped for opens nothing, even if its token were known", async () => {
  await (
    await call("password-reset", { json: { email: "a.stranger@elsewhere.example" }, ip: freshAddress() })
  ).afterwards;
  const { mailedToken } = await import("../../../lib/account/mailed-token.ts");
  const { env } = await import("../../../lib/env.ts");
  const [row] = await world.database.rows<{ id: string }>(
    "select id from mailed_tokens where account_id is null order by created_at desc limit 1",
  );
  const token = mailedToken(env(), row?.id ?? "");
  const answer = await call("password-reset", { json: { token, password: "a guessed horse" } });
  expect([answer.status, answer.body.code]).toEqual([422, "invalid_link"]);
});
