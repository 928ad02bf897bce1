/** A new password, by somebody signed in who knows the old one. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { mailedLink, newCustomer, password, useWorld, type Customer } from "../../support/world.ts";
import { everything } from "../password-reset/traces.ts";
import { openPage, openProgram, refresh, sending, signIn, statusOfMe } from "../sessions/devices.ts";
import { useHashes } from "./hashes.ts";

const world = useWorld();
const log = useLog();
const hashes = useHashes();

const better = "a better horse battery";

function change(token: string, currentPassword = password, newPassword = better) {
  return call("password", { json: { currentPassword, newPassword }, token });
}

async function statusOfSignIn(email: string, given: string): Promise<number> {
  return (await signIn(email, { password: given })).status;
}

const lettersOf = ({ id }: Pick<Customer, "id">) =>
  world.database.rows("select state, data from letters where account_id = $1 and kind = 'password_changed'", [
    id,
  ]);

test("204: the new password signs in, the old one doesn't; every other session is over, this one isn't", async () => {
  const customer = await newCustomer();
  const { email, token } = customer;
  const program = await openProgram(email);
  const page = await openPage(email);
  expect((await change(token)).status).toBe(204);
  expect(log.last().trips).toEqual({ redis: 1, postgres: 2 });

  expect(await statusOfMe(token)).toBe(200);
  expect(await statusOfMe(program.accessToken)).toBe(401);
  expect((await refresh(program.refreshToken)).status).toBe(401);
  expect((await call("me", { headers: sending(page) })).status).toBe(401);
  expect((await call("me", { headers: sending(page, "cascade_refresh") })).status).toBe(401);
  await world.upstash.clear();
  expect(await statusOfSignIn(email, password)).toBe(401);
  expect(await statusOfSignIn(email, better)).toBe(200);

  expect(await lettersOf(customer)).toEqual([
    { state: "queued", data: { at: expect.any(String), network: "203.0.113.7" } },
  ]);
  const audited = await world.database.rows(
    "select actor from audit_log where account_id = $1 and act = 'password.changed'",
    [customer.id],
  );
  expect(audited).toEqual([{ actor: customer.id }]);
});

test("a link that was mailed before sets no password any more", async () => {
  const { email, token } = await newCustomer();
  await (
    await call("password-reset", { json: { email } })
  ).afterwards;
  expect((await change(token)).status).toBe(204);
  const late = await call("password-reset", {
    json: { token: await mailedLink(email), password: "third horse" },
  });
  expect([late.status, late.body.code]).toEqual([422, "invalid_link"]);
});

test("403: a wrong current password changes nothing", async () => {
  const customer = await newCustomer();
  const other = await openProgram(customer.email);
  const answer = await change(customer.token, "wrong horse battery");
  expect([answer.status, answer.body.code, answer.body.field]).toEqual([
    ...[403, "wrong_password", "currentPassword"],
  ]);
  expect(await statusOfMe(other.accessToken)).toBe(200);
  expect(await statusOfSignIn(customer.email, password)).toBe(200);
  expect(await lettersOf(customer)).toEqual([]);
});

test("422: a new password that is too short, and the password is not looked at", async () => {
  const { token } = await newCustomer();
  const [answer, count] = await hashes.during(() => change(token, password, "short"));
  expect([answer.status, answer.body.field, count]).toEqual([422, "newPassword", 0]);
});

test("429: a stolen session guesses five times in fifteen minutes, from wherever it comes", async () => {
  const { email, token } = await newCustomer();
  const { accessToken: owner } = await openProgram(email);
  const [answers, count] = await hashes.during(() =>
    Promise.all(Array.from({ length: 20 }, (_, index) => change(token, `guess number ${index}`))),
  );
  expect(answers.filter(({ status }) => status === 403)).toHaveLength(5);
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(15);
  expect(count).toBe(5);
  const late = await change(token);
  expect([late.status, late.body.code]).toEqual([429, "rate_limited"]);
  expect(Number(late.headers.get("retry-after"))).toBeGreaterThan(0);
  expect((await change(owner)).status).toBe(204);
});

test("503: without the limiter's yes no password is looked at", async () => {
  const { token } = await newCustomer();
  world.upstash.faults.plan({ kind: "status", status: 500, times: 5 });
  const [answer, count] = await hashes.during(() => change(token));
  expect([answer.status, answer.body.code, count]).toEqual([503, "limiter_unavailable", 0]);
});

test("503: a try whose count's answer was lost is counted once, and not asked again", async () => {
  const { token } = await newCustomer();
  world.upstash.faults.plan({ kind: "drop_after" });
  const statuses = [];
  for (let index = 0; index < 6; index += 1) statuses.push((await change(token, "wrong horse")).status);
  expect(statuses).toEqual([503, 403, 403, 403, 403, 429]);
});

/** Who has changed it: the password that signs in afterwards. */
async function winnerOf(email: string, given: readonly string[]): Promise<string[]> {
  const winners = [];
  for (const each of given) {
    await world.upstash.clear();
    if ((await statusOfSignIn(email, each)) === 200) winners.push(each);
  }
  return winners;
}

test("two sessions change it at once: one does, the other is over", async () => {
  const { email, token } = await newCustomer();
  const other = await openProgram(email);
  const given = ["the first horse battery", "the second horse battery"];
  const answers = await Promise.all([
    change(token, password, given[0]),
    change(other.accessToken, password, given[1]),
  ]);
  const statuses = answers.map(({ status }) => status);
  expect([...statuses].sort()).toEqual([204, 401]);
  const won = statuses.indexOf(204);
  expect(await winnerOf(email, [password, ...given])).toEqual([given[won]]);
  expect(await Promise.all([token, other.accessToken].map(statusOfMe))).toEqual(
    won === 0 ? [200, 401] : [401, 200],
  );
});

test("one session changes it twice at once: one does, and the other is told that its password is wrong", async () => {
  const { email, token } = await newCustomer();
  const given = ["the first horse battery", "the second horse battery"];
  const answers = await Promise.all(given.map((each) => change(token, password, each)));
  const statuses = answers.map(({ status }) => status);
  // Not 401: the session lives, and a page would send its owner away to sign in.
  expect(await statusOfMe(token)).toBe(200);
  expect([...statuses].sort()).toEqual([204, 403]);
  expect(await winnerOf(email, [password, ...given])).toEqual([given[statuses.indexOf(204)]]);
});

test("a sign-in with the old password that is under way when it changes opens no session", async () => {
  const { email, token } = await newCustomer();
  const answers = await Promise.all([
    signIn(email, { json: { email, password, bearer: true } }),
    signIn(email, { json: { email, password, bearer: true } }),
    change(token),
  ]);
  expect(answers[2].status).toBe(204);
  for (const { body } of answers.slice(0, 2)) {
    const opened: string | undefined = body.tokens?.accessToken;
    if (opened !== undefined) expect(await statusOfMe(opened)).toBe(401);
  }
});

test("neither password stands in the database or in the log", async () => {
  const { token } = await newCustomer();
  await change(token, password, "an unwritten horse battery");
  const stored = await everything(world);
  for (const secret of [password, "an unwritten horse battery"]) {
    expect(stored).not.toContain(secret);
    expect(log.text()).not.toContain(secret);
  }
});
