/** What one account's owner and a stranger do in the same moment: each is answered, nothing waits for itself in a circle. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { mailedLink, newCustomer, password, useWorld } from "../../support/world.ts";
import { freshAddress, openProgram, refresh, refreshed, signIn, statusOfMe } from "../sessions/devices.ts";
import { behind } from "./held.ts";

const world = useWorld();
const better = "a better horse battery";
const audit = "lock table audit_log in share mode";

const change = (token: string) =>
  call("password", { json: { currentPassword: password, newPassword: better }, token });
const signOut = (token: string) => call("logout", { json: {}, token });

test("two links of one account: one sets the password, the other is refused", async () => {
  const { email } = await newCustomer();
  const links: string[] = [];
  for (let index = 0; index < 2; index += 1) {
    await (
      await call("password-reset", { json: { email }, ip: freshAddress() })
    ).afterwards;
    links.push(await mailedLink(email));
  }
  const answers = await behind(
    world,
    `select from accounts where email = '${email}' for update`,
    links.map((token) => () => call("password-reset", { json: { token, password: better } })),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([204, 422]);
});

test("a wrong and a right password: 401 and 200", async () => {
  const { email } = await newCustomer();
  await signIn(email, { password: "wrong horse battery" });
  const answers = await behind(world, audit, [
    () => signIn(email, { password: "wrong horse battery" }),
    () => signIn(email),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([401, 200]);
});

test("one device signs out while another changes the password: both are done", async () => {
  const { email, token } = await newCustomer();
  const other = await openProgram(email);
  const answers = await behind(world, audit, [() => signOut(other.accessToken), () => change(token)]);
  expect(answers.map(({ status }) => status)).toEqual([204, 204]);
  expect(await Promise.all([token, other.accessToken].map(statusOfMe))).toEqual([200, 401]);
});

test("a stolen refresh token comes back while the password is changed: both are done", async () => {
  const { email, token } = await newCustomer();
  const other = await openProgram(email);
  await refreshed(other.refreshToken);
  await world.database.rows(
    "update refresh_tokens set used_at = used_at - interval '1 minute' where used_at is not null",
  );
  const answers = await behind(world, audit, [() => refresh(other.refreshToken), () => change(token)]);
  expect(answers.map(({ status }) => status)).toEqual([401, 204]);
  expect(await statusOfMe(other.accessToken)).toBe(401);
});

test("a program refreshes while the password is changed: its session is over, whoever came first", async () => {
  const { email, token } = await newCustomer();
  const other = await openProgram(email);
  const sessions = `select from sessions s join accounts a on a.id = s.account_id where a.email = '${email}' for update of s`;
  const [next, changed] = await behind(world, sessions, [
    () => refresh(other.refreshToken),
    () => change(token),
  ]);
  expect(changed?.status).toBe(204);
  expect(next?.status).toBe(200);
  expect(await statusOfMe(next?.body.tokens.accessToken)).toBe(401);
});
