/** Signing out: the session ends, and the browser forgets it, whoever asks. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { newCustomer, useWorld } from "../../support/world.ts";

useWorld();
const log = useLog();
const ended = ["session", "refresh"].map(
  (name) => `cascade_${name}=; Path=/; HttpOnly; SameSite=Lax; Expires=Thu, 01 Jan 1970 00:00:00 GMT`,
);

test("the cookies are ended with the attributes they were set with, and the session with them", async () => {
  const customer = await newCustomer();
  const answer = await call("logout", { json: {}, headers: { cookie: `cascade_session=${customer.token}` } });
  expect([answer.status, answer.text]).toEqual([204, ""]);
  expect(answer.headers.getSetCookie()).toEqual(ended);
  expect(log.last().trips).toEqual({ postgres: 1 });
  expect((await call("me", { token: customer.token })).status).toBe(401);
});

test("who has no session is signed out as well", async () => {
  expect((await call("logout", { json: {} })).headers.getSetCookie()).toEqual(ended);
  expect(log.last().trips).toEqual({});
});

test("a form goes back to the start with 303", async () => {
  const answer = await call("logout", { form: {} });
  expect([answer.status, answer.headers.get("location")]).toEqual([303, "/"]);
  expect(answer.headers.getSetCookie()).toEqual(ended);
});

test("a link cannot sign anybody out", async () => {
  const answer = await call("logout", { method: "GET" });
  expect(answer.status).toBe(405);
  expect(answer.headers.getSetCookie()).toEqual([]);
});
