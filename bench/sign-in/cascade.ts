/** CASCADE in a process of its own: its deployed functions, called as the platform calls them. */
import type { Context } from "@netlify/functions";
import type { NetlifyFunction } from "../../lib/http/endpoint.ts";
import login from "../../netlify/functions/login.ts";
import signup from "../../netlify/functions/signup.ts";
import { expectStatus } from "./contender.ts";
import { obey } from "./obey.ts";

obey({
  signUp: ({ account, address }) =>
    post(signup, "signup", { ...account, citizen: "RialtoBanker" }, address, 201),
  signIn: ({ account, address }) => post(login, "login", account, address, 200),
});

async function post(
  run: NetlifyFunction,
  name: string,
  body: object,
  ip: string,
  status: number,
): Promise<void> {
  const request = new Request(`${process.env["URL"]}/api/${name}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const work: Promise<unknown>[] = [];
  // The platform gives more; these two are what an endpoint reads.
  const context = { ip, waitUntil: (promise: Promise<unknown>) => void work.push(promise) };
  await expectStatus(await run(request, context as unknown as Context), status, name);
  // What goes on after the answer counts too: the peer has done everything by then.
  await Promise.all(work);
}
