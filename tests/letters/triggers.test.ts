/** What is written to people: each occasion queues one letter, however often it is announced. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { checkLateness } from "../../lib/delivery/outbox.ts";
import { HOUR_MS, MINUTE_MS } from "../../lib/clock.ts";
import { openAlert } from "../../lib/operations/alerts.ts";
import { call } from "../support/call.ts";
import { pendingDelivery } from "../support/delivering.ts";
import { funded, oneDucat } from "../support/spending.ts";
import {
  appAt,
  booksBalance,
  deliver,
  eventsOf,
  newCustomer,
  openAccount,
  openPurchase,
  paidPurchase,
  password,
  useWorld,
} from "../support/world.ts";

const world = useWorld();

beforeEach(async () => {
  await world.database.rows("update letters set state = 'skipped', ended_at = now() where state = 'queued'");
});
afterEach(() => {
  vi.useRealTimers();
});

type Queued = { readonly kind: string; readonly object: string; readonly data: Record<string, unknown> };

/** An account's letters but those of its sign-up, the oldest first; an e-mail serves as well. */
function lettersOf({ email }: { readonly email: string }, kind = "%"): Promise<Queued[]> {
  return world.database.rows<Queued>(
    `select kind, object, data from letters
     where account_id = (select id from accounts where email = $1) and kind like $2 and kind <> 'verification' order by id`,
    [email, kind],
  );
}

test("signing up: one verification, mailed with the sign-up's own request", async () => {
  const { email, signedUp } = await openAccount();
  await signedUp.afterwards;
  const letters = await world.database.rows(
    "select kind, state from letters where account_id = (select id from accounts where email = $1)",
    [email],
  );
  expect(letters).toEqual([{ kind: "verification", state: "sent" }]);
  expect(world.mailbox.messages(email)).toHaveLength(1);
});

test("signing up with a taken e-mail: no letter", async () => {
  const { email } = await newCustomer();
  const before = await world.database.rows("select id from letters");
  await (
    await call("signup", { json: { email, password, citizen: "RialtoBanker" }, ip: "192.0.2.9" })
  ).afterwards;
  expect(await world.database.rows("select id from letters")).toEqual(before);
});

test.each(["email-verification", "password-reset"])(
  "%s asked for an e-mail that nobody has: as much is written, and nobody is mailed",
  async (name) => {
    const answer = await call(name, { json: { email: "nobody@example.com" } });
    await answer.afterwards;
    expect(answer.status).toBe(202);
    const letters = await world.database.rows(
      "select state, account_id, tries from letters where state <> 'sent' and account_id is null order by id desc limit 1",
    );
    expect(letters).toEqual([{ state: "skipped", account_id: null, tries: 0 }]);
    expect(world.mailbox.messages("nobody@example.com")).toEqual([]);
  },
);

test("a payment settles: one receipt, when the event comes twice, at once, and as its payment intent's", async () => {
  const customer = await newCustomer();
  const { purchaseId, completed, succeeded } = await paidPurchase(world, customer, {
    ...{ pack: "explorer", deliverTo: "wallet" },
  });
  const answers = await Promise.all(
    [completed, completed, succeeded, succeeded].map((event) => deliver(event)),
  );
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  await deliver({ ...completed, id: `${completed.id}_again` });
  const letters = await lettersOf(customer);
  expect(letters).toEqual([
    {
      ...{ kind: "receipt", object: purchaseId },
      data: {
        ...{ purchaseId, usdCents: 5_000, baseMillis: 500_000, bonusMillis: 25_000, totalMillis: 525_000 },
        ...{ repaidMillis: 0, citizen: "RialtoBanker", deliverTo: "wallet", paidAt: expect.any(String) },
      },
    },
  ]);
  await booksBalance(world);
});

test("the settlement is not written when its receipt cannot be: the event comes again, and then both are", async () => {
  const customer = await newCustomer();
  const { completed } = await paidPurchase(world, customer, { pack: "starter", deliverTo: "wallet" });
  await world.database.rows("alter table letters add constraint broken check (kind <> 'receipt') not valid");
  expect((await deliver(completed)).status).toBe(500);
  await world.database.rows("alter table letters drop constraint broken");
  expect(await lettersOf(customer)).toEqual([]);
  expect((await deliver(completed)).body.outcome).toBe("settled");
  expect(await lettersOf(customer)).toHaveLength(1);
  await booksBalance(world);
});

test("a bank debit fails after the customer has left: one letter, however often the event comes", async () => {
  const customer = await newCustomer();
  const { purchaseId, sessionId } = await openPurchase(customer);
  world.stripe.pay(sessionId, { bankDebit: true });
  const [processing] = eventsOf(world, purchaseId, "checkout.session.completed");
  if (!processing) throw new Error("no completion");
  await deliver(processing);
  expect(await lettersOf(customer)).toEqual([]);
  const failed = {
    ...processing,
    id: `${processing.id}_failed`,
    type: "checkout.session.async_payment_failed",
  };
  expect((await deliver(failed)).body.outcome).toBe("failed");
  await deliver(failed);
  await deliver({ ...failed, id: `${failed.id}_again` });
  expect(await lettersOf(customer)).toMatchObject([
    {
      kind: "payment_failed",
      object: `${purchaseId}-1`,
      data: { purchaseId, usdCents: 1_000, totalMillis: 100_000 },
    },
  ]);
});

test("a card that is declined while the customer looks on, or a page that runs out: no letter", async () => {
  const customer = await newCustomer();
  const { purchaseId, sessionId } = await openPurchase(customer);
  world.stripe.expire(sessionId);
  const [expired] = eventsOf(world, purchaseId, "checkout.session.expired");
  if (!expired) throw new Error("no expiry");
  await deliver(expired);
  expect(await lettersOf(customer)).toEqual([]);
});

test("deliveries that are late: one letter each, however often the minute runs, five at once too; one alert", async () => {
  const late = [await pendingDelivery(world), await pendingDelivery(world)];
  const [last] = await world.database.rows<{ due: Date }>(
    "select delivery_due(max(created_at)) as due from deliveries",
  );
  const clock = { now: new Date((last?.due.getTime() ?? 0) - MINUTE_MS) };
  await checkLateness(appAt(clock));
  for (const { customer } of late) expect(await lettersOf(customer, "delivery_late")).toEqual([]);
  for (let minute = 0; minute < 3; minute += 1) {
    clock.now = new Date(clock.now.getTime() + 2 * MINUTE_MS);
    await Promise.all(Array.from({ length: 5 }, () => checkLateness(appAt(clock))));
  }
  for (const { customer, deliveryId, purchaseId } of late)
    expect(await lettersOf(customer, "delivery_late")).toEqual([
      {
        ...{ kind: "delivery_late", object: deliveryId },
        data: {
          ...{ deliveryId, purchaseId, millis: 100_000, citizen: "RialtoBanker" },
          createdAt: expect.any(String),
        },
      },
    ]);
  const alerts = await world.database.rows("select subject from alerts where kind = 'deliveries_late'");
  expect(alerts).toHaveLength(1);
});

test("a wallet falls below ten ducats: told once, at the crossing, and again on another day's crossing", async () => {
  const { customer, spend } = await funded(world, 12);
  const topUp = (name: string) =>
    world.database.rows(
      "select post(now(), $2, 'planted', array[('wallet', $1, 10000)::leg, ('issuance', null, -10000)::leg])",
      [customer.id, `${name}:${customer.id}`],
    );
  await spend(oneDucat("1"), oneDucat("2"));
  expect(await lettersOf(customer)).toEqual([]);
  await Promise.all(["3", "4", "5"].map((id) => spend(oneDucat(id))));
  await spend(oneDucat("3"));
  const today = new Date().toISOString().slice(0, 10);
  const first = { kind: "low_balance", object: `${customer.id}:${today}`, data: { walletMillis: 9_000 } };
  expect(await lettersOf(customer)).toEqual([first]);
  await topUp("first");
  await spend({ ...oneDucat("6"), units: 50 });
  expect(await lettersOf(customer)).toEqual([first]);
  await topUp("second");
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 24 * HOUR_MS });
  await spend({ ...oneDucat("7"), units: 50 });
  expect((await lettersOf(customer)).map(({ kind }) => kind)).toEqual(["low_balance", "low_balance"]);
});

test("a spend that is refused tells nobody of a low balance", async () => {
  const { customer, spend } = await funded(world, 12);
  await spend({ ...oneDucat("1"), units: 1_000 });
  expect(await lettersOf(customer)).toEqual([]);
});

test("the password is changed: one letter each time, with the network; a wrong one writes none", async () => {
  const customer = await newCustomer();
  const change = (currentPassword: string, newPassword: string) =>
    call("password", { json: { currentPassword, newPassword }, token: customer.token, ip: "192.0.2.77" });
  expect((await change("wrong horse battery", "battery horse correct")).status).toBe(403);
  expect(await lettersOf(customer)).toEqual([]);
  expect((await change(password, "battery horse correct")).status).toBe(204);
  expect(await lettersOf(customer)).toMatchObject([
    { kind: "password_changed", data: { network: "192.0.2.77" } },
  ]);
});

test("an account is locked: its owner is told once a day, however long the guessing goes on", async () => {
  const customer = await newCustomer();
  for (let index = 0; index < 7; index += 1) {
    await world.upstash.clear();
    await world.database.rows("update sign_in_failures set locked_until = null");
    await call("login", {
      json: { email: customer.email, password: "wrong horse battery" },
      ip: "192.0.2.78",
    });
  }
  expect(await lettersOf(customer)).toMatchObject([{ kind: "lock_out", data: { network: "192.0.2.78" } }]);
});

test("an alert: one letter to the operator while it is open, another when it opens again", async () => {
  const app = appAt({ now: new Date() });
  const alert = { kind: "reserve_low", subject: "here", message: "Look at the purse" };
  await Promise.all(Array.from({ length: 5 }, () => openAlert(app, alert)));
  const letters = () =>
    world.database.rows(
      "select account_id, state, data from letters where data ->> 'subject' = 'here' order by id",
    );
  expect(await letters()).toMatchObject([
    { account_id: null, state: "queued", data: { message: "Look at the purse" } },
  ]);
  await world.database.rows("update alerts set closed_at = now() where subject = 'here'");
  await openAlert(app, alert);
  expect(await letters()).toHaveLength(2);
});
