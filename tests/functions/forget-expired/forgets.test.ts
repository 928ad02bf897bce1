/** The daily sweep: what has been over for thirty days goes, all else stays, the log says what it was. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { useWorld } from "../../support/world.ts";
import { plantPerson, plantSession } from "../../authorisation/people.ts";

const world = useWorld();
const log = useLog();

const sweep = async () => (await call("forget-expired", { method: "POST" })).body;

/** What there is of each, by its name. */
async function left(): Promise<string[]> {
  const rows = await world.database.rows<{ name: string }>(
    `select id as name from mailed_tokens union all select id from challenges
     union all select convert_from(subject, 'UTF8') from sign_in_failures
     union all select object from venice_notices where state = 'sent' order by 1`,
  );
  return rows.map(({ name }) => name);
}

const days = ["29", "31"] as const;
const name = (prefix: string, day: string) => `${prefix}_${day.padStart(20, "0")}`;

test("links, challenges, counts and notices: over for 31 days they go, for 29 they stay; once, in one round trip", async () => {
  const { id } = await plantPerson(world);
  for (const day of days) {
    await world.database.rows(
      `insert into mailed_tokens (id, kind, account_id, hash, created_at, expires_at)
       values ($1::text, 'verification', $2, sha256(convert_to($1::text, 'UTF8')), now() - interval '60 days', now() - $3::interval)`,
      [name("tok", day), id, `${day} days`],
    );
    await world.database.rows(
      `insert into challenges (id, purpose, account_id, secret, created_at, expires_at)
       values ($1, 'passkey_add', $2, 's', now() - interval '60 days', now() - $3::interval)`,
      [name("chl", day), id, `${day} days`],
    );
    await world.database.rows(
      `insert into sign_in_failures (subject, failures, last_at, locked_until)
       values (convert_to($1, 'UTF8'), 9, now() - $2::interval, null)`,
      [day.padStart(32, "0"), `${day} days`],
    );
    await world.database.rows(
      `insert into venice_notices (kind, object, citizen, data, state, next_at, created_at, ended_at)
       values ('arrived', $1, 'RialtoBanker', '{}', 'sent', now(), now() - interval '60 days', now() - $2::interval)`,
      [name("dlv", day), `${day} days`],
    );
  }
  expect(await left()).toHaveLength(8);
  expect(await sweep()).toEqual({ forgotten: 4 });
  expect(log.last()).toMatchObject({ trips: { postgres: 1 }, forgotten: 4 });
  expect((await left()).map((each) => /29|31/.exec(each)?.[0])).toEqual(["29", "29", "29", "29"]);
  expect(await sweep()).toEqual({ forgotten: 0 });
});

test("sessions: ended or expired for 31 days they go with their refresh tokens, live ones stay and go on", async () => {
  const person = await plantPerson(world);
  const sessions = [];
  for (let index = 0; index < 4; index += 1) sessions.push((await plantSession(world, person.id)).id);
  const [endedLong, endedLately, expiredLong, expiredLately] = sessions;
  const end = (session: string | undefined, day: string) =>
    world.database.rows(
      "update sessions set ended_at = now() - $2::interval, ended_because = 'signed_out' where id = $1",
      [session, `${day} days`],
    );
  const expire = (session: string | undefined, day: string) =>
    world.database.rows("update sessions set expires_at = now() - $2::interval where id = $1", [
      session,
      `${day} days`,
    ]);
  await end(endedLong, "31");
  await end(endedLately, "29");
  await expire(expiredLong, "31");
  await expire(expiredLately, "29");
  const before = await world.database.rows("select * from audit_log order by id");
  expect(await sweep()).toEqual({ forgotten: 2 });
  const kept = [person.session.id, person.idle.id, endedLately, expiredLately].sort();
  const ids = (text: string) => world.database.rows<{ id: string }>(text, [person.id]);
  expect((await ids("select id from sessions where account_id = $1 order by 1")).map(({ id }) => id)).toEqual(
    kept,
  );
  expect(
    (
      await ids(
        "select session_id as id from refresh_tokens join sessions s on s.id = session_id where account_id = $1 order by 1",
      )
    ).map(({ id }) => id),
  ).toEqual(kept);
  expect(await world.database.rows("select * from audit_log order by id")).toEqual(before);
  const { refreshToken } = person.session;
  expect((await call("refresh", { json: { refreshToken } })).status).toBe(200);
});

test("accounts, keys, passkeys and sent letters stay, however old", async () => {
  const { id, letterId } = await plantPerson(world);
  await world.database.rows("update letters set created_at = '2020-01-01', ended_at = '2020-01-01'");
  await world.database.rows("update api_keys set created_at = '2020-01-01', revoked_at = '2020-01-01'");
  await sweep();
  for (const table of ["api_keys", "passkeys", "balances", "purchases"])
    expect(await world.database.rows(`select 1 from ${table} where account_id = $1`, [id])).toHaveLength(1);
  expect(await world.database.rows("select 1 from letters where 'let_' || id = $1", [letterId])).toHaveLength(
    1,
  );
});

test("what was asked for an e-mail that nobody has leaves nothing of it after thirty days", async () => {
  const email = "unknown@example.com";
  for (let index = 0; index < 5; index += 1)
    await call("login", { json: { email, password: "wrong horse battery" }, ip: `192.0.2.${index}` });
  const [subject] = await world.database.rows<{ hex: string }>(
    "select encode(sha256(convert_to($1, 'UTF8')), 'hex') as hex",
    [`email:${email}`],
  );
  const found = () =>
    world.database.rows("select kind from letters where object like $1", [`${subject?.hex}%`]);
  expect(await found()).toEqual([{ kind: "lock_out" }]);
  await world.database.rows("update sign_in_failures set last_at = last_at - interval '31 days'");
  await world.database.rows(
    "update letters set created_at = created_at - interval '31 days', ended_at = ended_at - interval '31 days'",
  );
  await sweep();
  expect(await found()).toEqual([]);
});
