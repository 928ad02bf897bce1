/** A settlement and a usage charge as the application's role, in SQL alone: the path that every database we support must carry. */
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openAccount } from "../support/accounts-in-sql.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
let app: pg.Client;
const account = "acc_dddddddddddddddddddd";
const session = "ses_dddddddddddddddddddd";
const purchase = "pur_dddddddddddddddddddd";

beforeAll(async () => {
  database = await createDatabase();
  app = new pg.Client({ connectionString: database.appUrl });
  await app.connect();
  await openAccount(app, account, session);
});
afterAll(async () => {
  await app.end();
  await database.drop();
});

test("cascade_app opens, settles, delivers and charges", async () => {
  await app.query(
    `select open_purchase(now(), $1, $2, 'key', '\\x00', 'venice', 'starter', 1000, 100000, 0, null, false, 'http://x', now() + interval '1 hour')`,
    [purchase, session],
  );
  await app.query("select attach_session(now(), $1, 1, 'cs_1', 'http://x')", [purchase]);
  const event = { id: "evt_1", type: "checkout.session.completed", livemode: false, created: 1, payload: {} };
  const fact = {
    effect: "paid",
    purchaseId: purchase,
    sessionId: "cs_1",
    paymentIntent: "pi_1",
    amountCents: 1000,
    currency: "usd",
    customer: null,
  };
  const { rows } = await app.query<{ received: unknown }>(
    "select receive_stripe_event(now(), $1, $2) as received",
    [event, fact],
  );
  expect(rows[0]?.received).toEqual({
    outcome: "settled",
    purchaseId: purchase,
    deliveryId: purchase.replace("pur_", "dlv_"),
  });

  await app.query("select begin_reserve(now(), 1000000000)");
  const claimed = await app.query<{ id: string; lease_token: string }>(
    "select * from claim_deliveries(now(), 10, interval '90 s', interval '30 s', true)",
  );
  const [claim] = claimed.rows;
  const pins = JSON.stringify([{ id: claim?.id, token: claim?.lease_token, recordId: "rec1" }]);
  await app.query("select pin_records(now(), $1)", [pins]);
  await app.query("select mark_active(now(), $1)", [pins]);
  const seen = JSON.stringify([{ id: claim?.id, recordId: "rec1", verdict: "executed", evidence: {} }]);
  const concluded = await app.query<{ outcome: { kind: string } }>(
    "select conclude_deliveries(now(), 1, 999900000, $1, '3 min', '30 min', '30 min') as outcome",
    [seen],
  );
  expect(concluded.rows[0]?.outcome).toMatchObject({ kind: "concluded", executed: [claim?.id] });

  const events = JSON.stringify([
    { id: "u1", meter: "api_call", units: 1, weighted: 1, at: new Date(), hash: "00".repeat(32) },
  ]);
  const charged = await app.query<{ charged: { results: { outcome: string }[] } }>(
    `select charge_usage(now(), null, $1, '{"explorer": {"millisPerUnit": 10, "requestsPerMinute": 60}}', 0, $2, 1) as charged`,
    [session, events],
  );
  expect(charged.rows[0]?.charged.results[0]?.outcome).toBe("insufficient");
  expect(await database.rows("select * from balance_differences")).toEqual([]);
});
