/** Letters as staff see them: support reads, an admin sends again, and what was sent again is seen as such. */
import { beforeEach, expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { mailedLink, openAccount, useWorld } from "../../support/world.ts";
import { plantPerson, type Person } from "../../authorisation/people.ts";
import { useLetters } from "../../letters/sending.ts";

const world = useWorld();
const log = useLog();
const { queue } = useLetters(world);
const send = async () => (await call("send-letters", { method: "POST" })).body;

let [admin, support]: Person[] = [];
beforeEach(async () => {
  admin = await plantPerson(world, { role: "admin" });
  support = await plantPerson(world, { role: "support" });
});

type Listed = { readonly id: string; readonly kind: string; readonly nth: number; readonly state: string };

const list = (id: string, by = support) =>
  call("letters", { tail: `?account=${id}`, token: by?.session.token });
const listed = async (id: string): Promise<Listed[]> => (await list(id)).body.letters;
const resend = (id: string | undefined, by = admin) =>
  call("letters", { tail: `/${id}`, json: {}, token: by?.session.token });

test("an account's letters, the newest first, without what they say; one round trip", async () => {
  const { email, signedUp } = await openAccount();
  await signedUp.afterwards;
  const id: string = signedUp.body.account.id;
  await queue(id);
  const answer = await list(id);
  expect(log.last().trips).toEqual({ postgres: 1 });
  const common = {
    id: expect.stringMatching(/^let_\d+$/),
    object: expect.any(String),
    nth: 1,
    lastError: null,
  };
  expect(answer.body.letters).toEqual([
    {
      ...common,
      kind: "low_balance",
      state: "queued",
      tries: 0,
      createdAt: expect.any(String),
      endedAt: null,
    },
    {
      ...common,
      ...{ kind: "verification", state: "sent", tries: 1 },
      ...{ createdAt: expect.any(String), endedAt: expect.any(String) },
    },
  ]);
  expect(answer.text).not.toContain(email);
  expect(answer.text).not.toContain("walletMillis");
});

test("a letter sent again: 202, the second of its object, mailed once more under a key of its own", async () => {
  const { id, email, letterId } = await plantPerson(world);
  expect((await resend(letterId)).status).toBe(202);
  expect(log.last().trips).toEqual({ postgres: 1 });
  expect(await send()).toMatchObject({ sent: 1 });
  const [second, first] = await listed(id);
  expect([first, second]).toMatchObject([
    { id: letterId, nth: 1, state: "sent" },
    { kind: "low_balance", nth: 2, state: "sent" },
  ]);
  expect(world.mailbox.messages(email)).toHaveLength(1);
  expect((await resend(second?.id)).status).toBe(202);
  await send();
  expect((await listed(id)).map(({ nth }) => nth)).toEqual([3, 2, 1]);
  const keys = world.mailbox.messages(email).map(({ idempotencyKey }) => idempotencyKey);
  expect(new Set(keys).size).toBe(2);
});

test("a letter on its way is not doubled: 409, by whichever of its copies it is asked for", async () => {
  const { id, letterId } = await plantPerson(world);
  await resend(letterId);
  const [second] = await listed(id);
  for (const each of [letterId, second?.id]) {
    const answer = await resend(each);
    expect([answer.status, answer.body.code]).toEqual([409, "letter_queued"]);
  }
  expect(await listed(id)).toHaveLength(2);
});

test("five admins at once send the same letter again: one is queued", async () => {
  const { id, letterId } = await plantPerson(world);
  const answers = await Promise.all(Array.from({ length: 5 }, () => resend(letterId)));
  expect(answers.map(({ status }) => status).sort()).toEqual([202, 409, 409, 409, 409]);
  expect(await listed(id)).toHaveLength(2);
});

test.each(["refused", "given_up"])("a letter that was %s can be sent again", async (state) => {
  const { id, letterId } = await plantPerson(world);
  await world.database.rows("update letters set state = $2 where 'let_' || id = $1", [letterId, state]);
  expect((await resend(letterId)).status).toBe(202);
  await send();
  expect((await listed(id)).map((each) => each.state)).toEqual(["sent", state]);
});

test("support and customers cannot, and learn nothing: 404, as for a letter that isn't there", async () => {
  const owner = await plantPerson(world);
  for (const by of [support, owner]) {
    const [there, nowhere] = [await resend(owner.letterId, by), await resend("let_999999999", by)];
    expect(there.status).toBe(404);
    expect({ ...there.body, requestId: null }).toEqual({ ...nowhere.body, requestId: null });
  }
  expect((await list(owner.id, owner)).status).toBe(404);
  expect(await listed(owner.id)).toHaveLength(1);
});

test.each(["let_999999999", "let_", "1", "nonsense", "%27%20or%201=1", "let_99999999999999999999"])(
  "sending %s again: 404",
  async (id) => {
    const answer = await resend(id);
    expect([answer.status, answer.body.code]).toEqual([404, "not_found"]);
  },
);

test("the operator's alerts and what was written to nobody are no account's letters: 404", async () => {
  const rows = await world.database.rows<{ id: string }>(
    `insert into letters (kind, object, data, state, next_at, created_at, ended_at)
     values ('alert', 'alr_test', '{}', 'sent', now(), now(), now()), ('password_reset', 'tok_test', '{}', 'skipped', now(), now(), now())
     returning 'let_' || id as id`,
  );
  for (const { id } of rows) expect((await resend(id)).status).toBe(404);
});

test("the link of a reset letter that is sent again is the same link, and works", async () => {
  const { email, signedUp } = await openAccount();
  await signedUp.afterwards;
  await (
    await call("password-reset", { json: { email } })
  ).afterwards;
  const token = await mailedLink(email);
  world.mailbox.clear();
  const [reset] = (await listed(signedUp.body.account.id)).filter(({ kind }) => kind === "password_reset");
  expect((await resend(reset?.id)).status).toBe(202);
  await send();
  expect(await mailedLink(email)).toBe(token);
  const answer = await call("password-reset", { json: { token, password: "battery horse correct" } });
  expect(answer.status).toBe(204);
  await answer.afterwards;
});

test("who sent it again is in the account's log", async () => {
  const owner = await plantPerson(world);
  await resend(owner.letterId);
  const { entries } = (await call("audit", { tail: `?account=${owner.id}`, token: admin?.session.token }))
    .body;
  expect(entries[0]).toMatchObject({
    ...{ act: "letter.resent", actor: admin?.id },
    detail: { letter: owner.letterId, kind: "low_balance", nth: 2 },
  });
});
