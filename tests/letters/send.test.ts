/** What is in the outbox is mailed once: through refusals, outages, lost answers and workers that die. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import { HOUR_MS, SECOND_MS } from "../../lib/clock.ts";
import { Unavailable } from "../../lib/errors.ts";
import type { Mail } from "../../lib/mail/port.ts";
import { plantPerson, type Person } from "../authorisation/people.ts";
import { advance, Died, dyingApp, minutes } from "../support/delivering.ts";
import { useLog } from "../support/log.ts";
import { appAt, openAccount, mailedLink, useWorld } from "../support/world.ts";
import { sendLetters } from "../../lib/letters/send.ts";
import { useLetters } from "./sending.ts";

const world = useWorld();
const log = useLog();
const { clock, queue, letter, send, alerts } = useLetters(world);

// One for each test: what the provider took too late for one arrives during the next.
let person: Person;
beforeEach(async () => {
  person = await plantPerson(world);
});

const arrived = (to = person.email) => world.mailbox.messages(to);
const requests = () => world.mailbox.faults.seen.length;
const nothing = { sent: 0, refused: 0, postponed: 0 };
const one = (what: "sent" | "refused" | "postponed") => ({ ...nothing, [what]: 1 });

test("a letter is sent once, and the log has no address", async () => {
  const object = await queue(person.id);
  expect(await send()).toEqual(one("sent"));
  expect(await letter(object)).toMatchObject({ state: "sent", tries: 1, last_error: null });
  expect(arrived()).toHaveLength(1);
  advance(clock, HOUR_MS);
  expect(await send()).toEqual(nothing);
  expect(requests()).toBe(1);
  expect(log.text()).not.toContain(person.email);
});

test("five runs at once: each of forty letters is sent once", async () => {
  for (let index = 0; index < 40; index += 1) await queue(person.id);
  const reports = await Promise.all(Array.from({ length: 5 }, () => send()));
  expect(reports.reduce((sum, { sent }) => sum + sent, 0)).toBe(40);
  expect(requests()).toBe(40);
  expect(new Set(arrived().map(({ idempotencyKey }) => idempotencyKey)).size).toBe(40);
});

test("a run stops after twenty, and the next goes on", async () => {
  for (let index = 0; index < 25; index += 1) await queue(person.id);
  expect(await send()).toEqual({ ...nothing, sent: 20 });
  expect(await send()).toEqual({ ...nothing, sent: 5 });
});

test("it goes to the account's e-mail of the moment it is sent", async () => {
  const moving = await plantPerson(world);
  await queue(moving.id);
  await world.database.rows("update accounts set email = 'moved@example.com' where id = $1", [moving.id]);
  await send();
  expect(arrived(moving.email)).toEqual([]);
  expect(arrived("moved@example.com")).toHaveLength(1);
});

test("the provider refuses the message: never tried again, and its words are kept", async () => {
  const object = await queue(person.id);
  world.mailbox.faults.plan({ kind: "status", status: 422 });
  expect(await send()).toEqual(one("refused"));
  expect(await letter(object)).toMatchObject({
    state: "refused",
    last_error: "An unexpected error occurred.",
  });
  advance(clock, HOUR_MS);
  expect(await send()).toEqual(nothing);
});

test.each([
  ["answers 500", { kind: "status", status: 500 }, "the mail provider answered 500 (internal_server_error)"],
  ["has had enough", { kind: "status", status: 429 }, "the mail provider answered 429 (rate_limit_exceeded)"],
  [
    "refuses our key",
    { kind: "status", status: 401 },
    "the mail provider answered 401 (internal_server_error)",
  ],
  ["is gone", { kind: "drop_before" }, "mail did not answer"],
  ["doesn't answer in time", { kind: "latency", latencyMs: 5_500 }, "mail did not answer"],
] as const)(
  "a provider that %s: postponed with the reason, and sent later, once",
  async (_, fault, reason) => {
    const object = await queue(person.id);
    world.mailbox.faults.plan(fault);
    expect(await send()).toEqual(one("postponed"));
    expect(await letter(object)).toMatchObject({ state: "queued", tries: 1, last_error: reason });
    expect(await send()).toEqual(nothing);
    advance(clock, minutes(2));
    expect(await send()).toEqual(one("sent"));
    expect(await letter(object)).toMatchObject({ state: "sent", tries: 2, last_error: null });
    // The one that was too slow is still on its way.
    await vi.waitFor(
      () => {
        expect(requests()).toBe(2);
      },
      { timeout: 5_000 },
    );
    expect(arrived()).toHaveLength(1);
  },
);

test("while it goes on, the pauses grow to an hour; a letter of another moment isn't held up", async () => {
  const object = await queue(person.id);
  const pauses: number[] = [];
  for (let index = 0; index < 12; index += 1) {
    world.mailbox.faults.plan({ kind: "status", status: 500 });
    expect(await send()).toEqual(one("postponed"));
    const { next_at: next } = await letter(object);
    pauses.push((next.getTime() - clock.now.getTime()) / SECOND_MS);
    clock.now = next;
  }
  expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]);
  advance(clock, -minutes(30));
  await queue(person.id);
  expect(await send()).toEqual(one("sent"));
});

test("a provider that asks for a day's pause, its quota used up, is asked again within the hour", async () => {
  const object = await queue(person.id);
  const mail: Mail = {
    send: () => Promise.reject(new Unavailable("mail", { effect: "none", retryAfterSeconds: 86_400 })),
  };
  expect(await send({ mail })).toEqual(one("postponed"));
  expect((await letter(object)).next_at).toEqual(new Date(clock.now.getTime() + HOUR_MS));
});

describe("nobody knows whether the provider took it", () => {
  test("its answer is lost: sent again under the same key, and the mailbox has one message", async () => {
    const object = await queue(person.id);
    world.mailbox.faults.plan({ kind: "drop_after" });
    expect(await send()).toEqual(one("postponed"));
    expect(arrived()).toHaveLength(1);
    advance(clock, minutes(2));
    expect(await send()).toEqual(one("sent"));
    expect(await letter(object)).toMatchObject({ state: "sent", tries: 2 });
    expect(requests()).toBe(2);
    expect(arrived()).toHaveLength(1);
  });

  test.each([
    ["before it mailed", { step: 1, side: "after" }, 1],
    ["after it mailed", { step: 2, side: "before" }, 2],
  ] as const)(
    "a worker dies %s: held for its lease, then sent, and it arrives once",
    async (_, death, asked) => {
      const object = await queue(person.id);
      await expect(sendLetters(dyingApp(appAt(clock), death).app)).rejects.toThrow(Died);
      advance(clock, 89 * SECOND_MS);
      expect(await send()).toEqual(nothing);
      advance(clock, SECOND_MS);
      expect(await send()).toEqual(one("sent"));
      expect(await letter(object)).toMatchObject({ state: "sent", tries: 2 });
      expect([requests(), arrived().length]).toEqual([asked, 1]);
    },
  );

  test("a worker that wakes up after its lease is not believed, whatever it says", async () => {
    const object = await queue(person.id);
    const claim = async () => {
      const [row] = await world.database.rows<{ id: string; lease_token: string }>(
        "select * from claim_letters($1, 1, '90 seconds', '20 hours')",
        [clock.now],
      );
      return row;
    };
    const ended = (row: Awaited<ReturnType<typeof claim>>, state: string) =>
      world.database.rows("select letter_ended($1, $2, $3, $4, $1, 'late words')", [
        clock.now,
        row?.id,
        row?.lease_token,
        state,
      ]);
    const slow = await claim();
    expect(await claim()).toBe(undefined);
    advance(clock, 90 * SECOND_MS);
    const next = await claim();
    for (const state of ["sent", "refused", "queued"]) await ended(slow, state);
    expect(await letter(object)).toMatchObject({ state: "queued", tries: 2, last_error: null });
    expect(await send()).toEqual(nothing);
    await ended(next, "sent");
    for (const state of ["refused", "queued"]) await ended(next, state);
    expect(await letter(object)).toMatchObject({ state: "sent", last_error: "late words" });
  });
});

describe("a day without mail", () => {
  /** Tries each hour, and nothing gets out. */
  async function failFor(hours: number): Promise<void> {
    world.mailbox.faults.plan({ kind: "status", status: 500, times: 10_000 });
    for (let hour = 0; hour < hours; hour += 1) {
      await send();
      advance(clock, HOUR_MS);
    }
    world.mailbox.faults.clear();
  }

  test("after twenty hours it is given up, and the operator is told once, however many they are", async () => {
    const objects = [await queue(person.id), await queue(person.id)];
    await failFor(21);
    expect(await letter(objects[0] ?? "")).toMatchObject({ state: "queued" });
    await failFor(1);
    for (const object of objects) expect(await letter(object)).toMatchObject({ state: "given_up" });
    expect(await alerts()).toEqual([{ kind: "letters_given_up" }]);
    expect(await send()).toEqual(one("sent"));
    expect(arrived("operator@example.com")).toHaveLength(1);
    expect(arrived()).toEqual([]);
  });

  test("the alert's own letter is given up without another alert", async () => {
    await queue(person.id);
    await failFor(70);
    expect(await alerts()).toEqual([{ kind: "letters_given_up" }]);
    const about = await world.database.rows(
      "select state from letters where kind = 'alert' and created_at > $1 order by id",
      [new Date(clock.now.getTime() - 71 * HOUR_MS)],
    );
    expect(about).toEqual([{ state: "given_up" }]);
  });

  test("mail works again, and a later outage is told of again", async () => {
    await queue(person.id);
    await failFor(22);
    await send();
    expect(arrived("operator@example.com")).toHaveLength(1);
    advance(clock, 100 * HOUR_MS);
    await queue(person.id);
    await failFor(22);
    await send();
    expect(arrived("operator@example.com")).toHaveLength(2);
  });
});

describe("no mail provider is set up", () => {
  test("letters wait, untried", async () => {
    const object = await queue(person.id);
    expect(await send({ mail: undefined })).toEqual(nothing);
    expect(await letter(object)).toMatchObject({ state: "queued", tries: 0 });
  });

  test("however long: once one is, they are sent", async () => {
    const object = await queue(person.id);
    advance(clock, 72 * HOUR_MS);
    expect(await send()).toEqual(one("sent"));
    expect(await letter(object)).toMatchObject({ state: "sent", tries: 1 });
  });
});

describe("a letter that this version cannot write", () => {
  const planted = (kind: string, data: string) =>
    world.database.rows("select queue_letter($1, $2, $2, $3, $4)", [clock.now, kind, person.id, data]);

  test.each([
    ["whose kind it doesn't know", "newsletter", "{}"],
    ["whose data is not what it thought", "receipt", '{"purchaseId": 1}'],
    ["whose link is none", "verification", '{"tokenId": 1}'],
  ])("%s: postponed with the reason, and the others are sent", async (_, kind, data) => {
    await planted(kind, data);
    const object = await queue(person.id);
    expect(await send()).toEqual({ sent: 1, refused: 0, postponed: 1 });
    expect(await letter(object)).toMatchObject({ state: "sent" });
    expect(await letter(kind)).toMatchObject({ state: "queued", tries: 1, last_error: expect.any(String) });
  });
});

describe("mailed links", () => {
  /** Everything the database holds, as text. */
  async function everything(): Promise<string> {
    const tables = await world.database.rows<{ name: string }>(
      "select tablename as name from pg_tables where schemaname = 'public'",
    );
    const texts = [];
    for (const { name } of tables)
      texts.push(JSON.stringify(await world.database.rows(`select to_jsonb(t) from ${name} t`)));
    return texts.join("\n");
  }

  test("their secret is in the mail, and nowhere in the database or the log", async () => {
    const { email, signedUp } = await openAccount();
    await signedUp.afterwards;
    const token = await mailedLink(email);
    expect(await everything()).toContain("tokenId");
    expect(await everything()).not.toContain(token);
    expect(log.text()).not.toContain(token);
  });

  test("our key is rotated between the asking and the sending: the link that arrives works", async () => {
    const { email, signedUp } = await openAccount();
    await signedUp.afterwards;
    await world.database.rows(
      "select queue_letter($1, 'verification', 'again', account_id, data) from letters where account_id = (select id from accounts where email = $2)",
      [clock.now, email],
    );
    world.mailbox.clear();
    const { env, ...app } = appAt(clock);
    const rotated = {
      JWT_SECRET_KEY: "another secret of thirty-two characters",
      JWT_PREVIOUS_SECRET_KEY: env.JWT_SECRET_KEY,
    };
    await sendLetters({ ...app, env: { ...env, ...rotated } });
    const token = await mailedLink(email);
    const known = await world.database.rows("select 1 from mailed_tokens where hash = sha256($1::bytea)", [
      Buffer.from(token),
    ]);
    expect(known).toHaveLength(1);
  });
});

test("a provider that names the address in its refusal: neither the letters nor the log keep it", async () => {
  const object = await queue(person.id);
  const mail: Mail = {
    send: ({ to }) => Promise.resolve({ kind: "refused", reason: `550 5.1.1 <${to}>: no such mailbox` }),
  };
  expect(await send({ mail })).toEqual(one("refused"));
  const { last_error: reason } = await letter(object);
  expect(reason).toMatch(/^550 5\.1\.1 .*: no such mailbox$/);
  expect(reason).not.toContain(person.email);
  expect(log.text()).not.toContain(person.email);
});
