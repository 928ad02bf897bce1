/** The minute's run of the mail: what it reports, and what it costs. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { useWorld } from "../../support/world.ts";
import { plantPerson } from "../../authorisation/people.ts";
import { useLetters } from "../../letters/sending.ts";

const world = useWorld();
const log = useLog();
const { queue, letter } = useLetters(world);

const run = () => call("send-letters", { method: "POST" });

test("nothing is due: 200, one round trip", async () => {
  expect((await run()).body).toEqual({ sent: 0, refused: 0, postponed: 0 });
  expect(log.last()).toMatchObject({ trips: { postgres: 1 }, sent: 0 });
});

test("each letter costs a claim, a mail and its end; the last claim finds nothing", async () => {
  const { id } = await plantPerson(world);
  for (let index = 0; index < 3; index += 1) await queue(id);
  world.mailbox.faults.plan({ kind: "status", status: 422 });
  world.mailbox.faults.plan({ kind: "status", status: 500 });
  expect((await run()).body).toEqual({ sent: 1, refused: 1, postponed: 1 });
  expect(log.last()).toMatchObject({ trips: { postgres: 7, mail: 3 }, sent: 1, refused: 1, postponed: 1 });
});

test("the database is away: 503, nothing mailed, and the letter waits", async () => {
  const { id } = await plantPerson(world);
  const object = await queue(id);
  world.gateway.faults.plan({ kind: "drop_before" });
  expect((await run()).body.code).toBe("database_unavailable");
  expect(await letter(object)).toMatchObject({ state: "queued", tries: 0 });
  expect((await run()).body).toMatchObject({ sent: 1 });
});

test("the database is gone between the mail and the end: 503, mailed again after the lease under the same key", async () => {
  const { id, email } = await plantPerson(world);
  const object = await queue(id);
  world.gateway.faults.plan({ kind: "drop_before", skip: 1 });
  expect((await run()).status).toBe(503);
  expect((await run()).body).toMatchObject({ sent: 0 });
  await world.database.rows("update letters set leased_until = created_at where object = $1", [object]);
  expect((await run()).body).toMatchObject({ sent: 1 });
  expect(world.mailbox.messages(email)).toHaveLength(1);
});

test("health counts what waits and what was given up", async () => {
  const { id } = await plantPerson(world);
  await queue(id);
  await world.database.rows(
    `insert into letters (kind, object, account_id, data, state, next_at, created_at, ended_at)
     values ('low_balance', 'given-up', $1, '{}', 'given_up', now(), now(), now())`,
    [id],
  );
  expect((await call("health")).body.counts).toMatchObject({ queuedLetters: 1, givenUpLetters: 1 });
});
