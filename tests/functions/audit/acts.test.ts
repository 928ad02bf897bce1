/** Every act that touches who may do what is written, with who did it and from where. */
import { expect, test } from "vitest";
import { call, type Called, type CallOptions } from "../../support/call.ts";
import { mailedLink, openAccount, password, useWorld } from "../../support/world.ts";
import { plantPerson } from "../../authorisation/people.ts";

const world = useWorld();
const newPassword = "battery horse correct";

/** Act by act: who does it. `visitor` is nobody signed in. */
const actors = {
  "account.opened": ["self"],
  "api_key.created": ["self"],
  "api_key.rerolled": ["self"],
  "api_key.revoked": ["self"],
  "citizen.changed": ["self"],
  "citizen.proved": ["self"],
  "citizen.unlinked": ["self"],
  "email.verified": ["self"],
  "letter.resent": ["admin"],
  "passkey.added": ["self"],
  "passkey.removed": ["self"],
  "passkey.renamed": ["self"],
  "password.changed": ["self"],
  "password.reset": ["self"],
  "password_reset.asked": ["visitor"],
  "role.changed": ["admin"],
  "session.ended": ["self", "visitor"],
  "session.opened": ["self"],
  "sign_in.failed": ["visitor"],
  "sign_in.locked": ["visitor"],
  "verification.asked": ["visitor"],
} as const;

/** Shown where they are done: withdraw, dead-letters, rate, refunds, tests/payments, tests/reconcile, tests/reserve. (`delivery.<decision>` and `subscription.<act>` are put together as well.) */
const elsewhere = [
  "delivery.asked",
  "rate.overridden",
  "rate.released",
  "recall.asked",
  "reconcile.repaired",
  "refund.asked",
  "reserve.replenished",
  "reserve.replenishment_resolved",
];

test("the acts above are all that the database writes", async () => {
  const rows = await world.database.rows<{ act: string }>(
    `select distinct (regexp_matches(prosrc, '''([a-z_]+\\.[a-z_]+)''', 'g'))[1] as act
     from pg_proc where pronamespace = 'public'::regnamespace and prosrc ~ '(audit|replace_password|end_session)'`,
  );
  // These two are put together from the link's kind.
  const acts = [...rows.map(({ act }) => act), "password_reset.asked", "verification.asked"];
  expect(acts.sort()).toEqual([...Object.keys(actors), ...elsewhere].sort());
});

test("each one, done through the functions, is written with its actor, network, device and request", async () => {
  const admin = await plantPerson(world, { role: "admin" });
  const { email, ip, signedUp } = await openAccount();
  await signedUp.afterwards;
  const id: string = signedUp.body.account.id;
  const requests = new Map<string | null, string>();
  requests.set(signedUp.headers.get("x-request-id"), "signup");

  async function act(name: string, options: CallOptions, status: number): Promise<Called> {
    await world.upstash.clear();
    const answer = await call(name, {
      ip,
      ...options,
      headers: { "user-agent": "Acts/1", ...options.headers },
    });
    expect([name, answer.status, answer.text]).toEqual([name, status, answer.text]);
    await answer.afterwards;
    requests.set(answer.headers.get("x-request-id"), name);
    return answer;
  }
  const signIn = async (given = password) =>
    (await act("login", { json: { email, password: given, bearer: true } }, 200)).body.tokens;
  const sql = (text: string, ...params: unknown[]) => world.database.rows(text, params);
  const sessionOf = async () =>
    (await sql("select id from sessions where account_id = $1 and ended_at is null order by id", id))[0]?.[
      "id"
    ];

  await act("email-verification", { json: { email } }, 202);
  await act("email-verification", { json: { token: await mailedLink(email) } }, 204);
  for (let index = 0; index < 5; index += 1)
    await act("login", { json: { email, password: "wrong horse battery" } }, 401);
  await act("login", { json: { email, password } }, 429);
  await act("password-reset", { json: { email } }, 202);
  await act("password-reset", { json: { token: await mailedLink(email), password } }, 204);

  const stolen = await signIn();
  await act("refresh", { json: { refreshToken: stolen.refreshToken } }, 200);
  await sql("update refresh_tokens set used_at = used_at - interval '1 minute'");
  await act("refresh", { json: { refreshToken: stolen.refreshToken } }, 401);
  await signIn();
  const { accessToken: token } = await signIn();
  await act("password", { json: { currentPassword: password, newPassword }, token }, 204);
  await signIn(newPassword);
  await act("sessions", { method: "DELETE", token }, 204);

  const made = (await act("api-keys", { json: { name: "program" }, token }, 201)).body;
  const rerolled = (await act("api-keys", { tail: `/${made.id}`, json: {}, token }, 201)).body;
  await act("api-keys", { method: "DELETE", tail: `/${rerolled.id}`, token }, 204);

  // An authenticator and a wallet are other files': here the statements that believe them.
  await sql("select add_passkey(now(), '{}', $1, $2)", await sessionOf(), {
    ...{ id: "cGFzc2tleQ", name: "Phone", publicKey: "00", counter: 0, transports: [], synced: false },
  });
  await act("passkeys", { tail: "/cGFzc2tleQ", json: { name: "Old phone" }, token }, 204);
  await act("passkeys", { method: "DELETE", tail: "/cGFzc2tleQ", token }, 204);
  world.airtable.addCitizen({ Username: "Newcomer", Ducats: 1 });
  await act("citizen", { json: { citizen: "Newcomer" }, token }, 200);
  await sql("select prove_citizen(now(), '{}', $1, 'Newcomer', 'wallet')", await sessionOf());
  await act("citizen", { method: "DELETE", token }, 200);

  const byAdmin = { token: admin.session.token };
  await act("accounts", { tail: `/${id}`, json: { role: "support" }, ...byAdmin }, 204);
  const { letters } = (await act("letters", { tail: `?account=${id}`, ...byAdmin }, 200)).body;
  await act("letters", { tail: `/${letters.at(-1).id}`, json: {}, ...byAdmin }, 202);
  await act("logout", { json: {}, token }, 204);

  const written = await world.database.rows<
    Record<"act" | "actor" | "network" | "agent" | "request_id", string>
  >("select * from audit_log where account_id = $1 order by id", [id]);
  const seen: Record<string, string[]> = {};
  for (const { act: name, actor } of written) {
    const who = actor === id ? "self" : actor === admin.id ? "admin" : actor;
    seen[name] = [...new Set([...(seen[name] ?? []), who])].sort();
  }
  expect(seen).toEqual(actors);

  const bySql = ["passkey.added", "citizen.proved"];
  for (const { act: name, network, agent, request_id: requestId } of written) {
    if (bySql.includes(name)) continue;
    expect([name, network, requests.has(requestId)]).toEqual([name, ip, true]);
    expect([name, agent]).toEqual([name, name === "account.opened" ? null : "Acts/1"]);
  }
  const ends = written.filter(({ act: name }) => name === "session.ended");
  expect(ends.map((each) => (Reflect.get(each, "detail") as { because: string }).because)).toEqual([
    "reused",
    "password_changed",
    "signed_out",
    "signed_out",
  ]);
  const all = JSON.stringify(written);
  for (const secret of [password, newPassword, email, stolen.refreshToken, made.key, token])
    expect(all).not.toContain(secret);
});

test("a failed sign-in of an e-mail that nobody has is written without the e-mail, and of nobody's account", async () => {
  await call("login", { json: { email: "unknown@example.com", password } });
  await (
    await call("password-reset", { json: { email: "unknown@example.com" } })
  ).afterwards;
  const written = await world.database.rows(
    "select act, actor, account_id, detail from audit_log where account_id is null order by id",
  );
  expect(written).toEqual([
    { act: "sign_in.failed", actor: "visitor", account_id: null, detail: { knownDevice: false } },
    { act: "password_reset.asked", actor: "visitor", account_id: null, detail: {} },
  ]);
});
