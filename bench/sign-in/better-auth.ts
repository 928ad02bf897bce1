/** better-auth in a process of its own: e-mail and password, everything else as it comes. */
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import pg from "pg";
import { expectStatus } from "./contender.ts";
import { obey } from "./obey.ts";

const origin = "http://cascade.test";
const pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"] });

const options = {
  baseURL: origin,
  secret: "a secret of thirty-two characters or more",
  database: pool,
  emailAndPassword: { enabled: true },
  // In its favour: ours stays on.
  rateLimit: { enabled: false },
};
const { runMigrations } = await getMigrations(options);
await runMigrations();
const auth = betterAuth(options);

obey({
  signUp: ({ account }) => post("sign-up", { ...account, name: "RialtoBanker" }),
  signIn: ({ account }) => post("sign-in", account),
});

async function post(door: "sign-up" | "sign-in", body: object): Promise<void> {
  const request = new Request(`${origin}/api/auth/${door}/email`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  await expectStatus(await auth.handler(request), 200, door);
}
