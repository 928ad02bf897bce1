/** Ends and changes of one account at once: they wait for each other, and none is lost to a deadlock. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { call, type Called } from "../support/call.ts";
import { useLog } from "../support/log.ts";
import { password, useWorld } from "../support/world.ts";
import { plantPerson, type Person } from "./people.ts";

const world = useWorld();
useLog();

let person: Person;
beforeEach(async () => {
  person = await plantPerson(world);
  await world.database.rows("begin");
});
afterEach(() => world.database.rows("rollback"));

function waiting(count: number) {
  return vi.waitFor(
    async () => {
      await world.database.rows("select pg_stat_clear_snapshot()");
      const rows = await world.database.rows(
        "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      expect(rows).toHaveLength(count);
    },
    { timeout: 5_000 },
  );
}

/** The first has its session's row and cannot write its log yet when the second comes for the same session. */
async function crossing(first: () => Promise<Called>, second: () => Promise<Called>): Promise<number[]> {
  await world.database.rows("lock table audit_log in exclusive mode");
  const one = first();
  await waiting(1);
  const two = second();
  await waiting(2);
  await world.database.rows("commit");
  return (await Promise.all([one, two])).map(({ status }) => status);
}

const signOut = () => call("logout", { json: {}, token: person.idle.token });
const changePassword = () =>
  call("password", {
    json: { currentPassword: password, newPassword: "battery horse correct" },
    token: person.session.token,
  });

test("a device signs out while the password is changed on another: both happen", async () => {
  expect(await crossing(signOut, changePassword)).toEqual([204, 204]);
});

test("a device signs out while another signs all others out: both happen", async () => {
  const endOthers = () => call("sessions", { method: "DELETE", token: person.session.token });
  expect(await crossing(signOut, endOthers)).toEqual([204, 204]);
});

test("a key is revoked while another one is made: both happen", async () => {
  const revoke = () =>
    call("api-keys", { method: "DELETE", tail: `/${person.key.id}`, token: person.session.token });
  const make = () => call("api-keys", { json: { name: "program" }, token: person.session.token });
  expect(await crossing(revoke, make)).toEqual([204, 201]);
});

test("a right password comes while a wrong one is counted: it signs in, and the wrong one is told so", async () => {
  const signIn = (given: string, ip: string) => () =>
    call("login", { json: { email: person.email, password: given, bearer: true }, ip });
  await signIn("wrong horse battery", "192.0.2.1")();
  expect(await crossing(signIn("wrong horse battery", "192.0.2.2"), signIn(password, "192.0.2.3"))).toEqual([
    401, 200,
  ]);
});
