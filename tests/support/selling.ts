/** A shop with a few customers whose purchases are paid by SQL alone: thousands of them, for proofs about deliveries. */
import { createHash } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, vi } from "vitest";
import { closePg, openPg } from "../../lib/db/pg.ts";
import { SECOND_MS } from "../../lib/clock.ts";
import { runScheduled } from "../../lib/delivery/scheduled.ts";
import { runOnce, type RunReport } from "../../lib/delivery/run.ts";
import { withdraw } from "../../lib/delivery/withdraw.ts";
import { millis } from "../../lib/money.ts";
import type { App } from "../../lib/app.ts";
import { ROWS_PER_WRITE } from "../../lib/venice/port.ts";
import { processor, type TestClock } from "./delivering.ts";
import { stepped, type OnStep } from "./steps.ts";
import { appAt, endPenalty, type World } from "./world.ts";

export type Buyer = { readonly citizen: string; readonly accountId: string; readonly sessionId: string };
export type Order = { readonly buyer: Buyer; readonly ducats: number };
export type Delivery = Order & { readonly deliveryId: string };

/** What a call of a port takes of everybody's time: turns in our share are over before the next is asked for. */
const callTakesMs = 40;
/** Kept when everything is forgotten. */
const people = ["rates", "accounts", "balances", "sessions", "pace"];

export type Shop = ReturnType<typeof useShop>;

/**
 * @param citizens who buys, one customer each.
 * @param time ours goes on when the proof says so; a pace is proved in real time.
 */
export function useShop(world: World, citizens: readonly string[], time: "ours" | "real" = "ours") {
  const clock: TestClock = { now: new Date() };
  const buyers: Buyer[] = [];
  let forget = "";
  let isThroughGateway = false;
  let running = 0;
  let sold = 0;
  let callsMade = 0;
  let callsPerWrite = 1;
  let purses: ReadonlyMap<string, number> = new Map();

  beforeAll(async () => {
    for (const citizen of citizens) buyers.push(await openAccount(world, citizen));
    forget = await statementThatForgets(world);
    purses = new Map(residents(world).map(({ username, ducats }) => [username, ducats]));
  });
  beforeEach(() => {
    if (time === "ours") vi.useFakeTimers({ toFake: ["Date"], now: clock.now });
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  afterAll(closePg);

  function passTo(now: Date): void {
    clock.now = time === "ours" ? now : new Date();
    if (time === "ours") vi.setSystemTime(now);
  }
  function pass(ms: number): void {
    passTo(new Date(clock.now.getTime() + ms));
  }

  /** An app whose calls take time; `onStep` is called before its first call and after each. */
  function app(onStep?: OnStep, skewMs = 0): App {
    const opened = {
      ...appAt(clock),
      clock: () => new Date((time === "ours" ? clock.now.getTime() : Date.now()) + skewMs),
    };
    const db = isThroughGateway ? opened.db : openPg({ url: world.database.appUrl }, () => undefined);
    return stepped({ ...opened, db }, async (step) => {
      pass(callTakesMs);
      callsMade += 1;
      if (callsMade % callsPerWrite === 0) await world.airtable.game.tryCreate.step();
      await onStep?.(step);
    });
  }

  /** A pause after a 429 that is nearly over would be waited for in real seconds, call after call, while our clock stands still. */
  async function passPause(): Promise<void> {
    const inRedis = Number(await world.upstash.run(["pttl", "cascade:airtable:turn"]));
    const [inPostgres] = await world.database.rows<{ left: number }>(
      "select extract(epoch from greatest(next_at, $1) - $1)::float8 * 1000 as left from pace",
      [clock.now],
    );
    const left = Math.max(inRedis, inPostgres?.left ?? 0);
    if (left > 0 && left <= 5 * SECOND_MS) pass(left);
  }

  /** The minute's work, as it is scheduled; what it throws is logged in production, and the next minute's goes on. */
  async function run(onStep?: OnStep, skewMs = 0): Promise<RunReport | Error> {
    running += 1;
    try {
      if (time === "ours" && running === 1) await passPause();
      return await runScheduled(app(onStep, skewMs));
    } catch (error) {
      if (error instanceof Error) return error;
      throw error;
    } finally {
      running -= 1;
    }
  }

  /** What a payment's webhook starts after its answer. */
  function runAfterPayment(): Promise<RunReport> {
    return runOnce(app(), ROWS_PER_WRITE);
  }

  return {
    clock,
    buyers,
    pass,
    passTo,
    /** Through Neon's protocol, whose faults are known, or over a connection, which is three times as fast. */
    askPostgres: (way: "through the gateway" | "directly") => void (isThroughGateway = way !== "directly"),
    app,

    run,
    runAfterPayment,

    /** A transfer by try-create makes its next write while we make so many calls; with 0 all of them before it answers. */
    slowGame(calls: number): void {
      callsMade = 0;
      callsPerWrite = Math.max(1, calls);
      world.airtable.game.tryCreate.pace(calls === 0 ? "at once" : "step by step");
    },
    /** The game's schedule, when whatever was asked for is done: two that pay one row at once are a fault of their own. */
    async runGame() {
      await world.venice.settled();
      return world.airtable.runGame();
    },

    /** Nothing sold, no row in Venice, every purse as it was at first, no fault left. */
    async reset(): Promise<void> {
      for (const { faults } of [world.gateway, world.upstash, world.airtable, world.venice]) {
        faults.clear();
        faults.forget();
      }
      world.airtable.mend();
      world.venice.mend();
      await world.venice.settled();
      world.airtable.resetLimit();
      for (const { id } of world.airtable.list("STRATAGEMS")) world.airtable.remove("STRATAGEMS", id);
      for (const [username, ducats] of purses)
        if (world.airtable.citizen(username)?.fields["Ducats"] !== ducats)
          world.airtable.setDucats(username, ducats);
      await world.database.rows(forget);
      await endPenalty(world);
      await world.database.rows("select begin_reserve($1, $2)", [
        clock.now,
        Math.round((purses.get(processor) ?? 0) * 1_000),
      ]);
    },

    /** Pays purchases for delivery to Venice; the books are written by the function the webhook's event ends in. */
    async sell(orders: readonly Order[]): Promise<Delivery[]> {
      const purchases = orders.map(({ buyer, ducats }) => {
        sold += 1;
        return { id: `pur_${String(sold).padStart(20, "0")}`, buyer, ducats };
      });
      await world.database.rows(
        `insert into purchases (id, account_id, citizen, deliver_to, idempotency_key, request_hash, amount_cents, livemode,
           base_millis, bonus_millis, micro_usd_per_ducat, status, attempt, opened_at)
         select o.id, o.account, o.citizen, 'venice', o.id, '', o.ducats * 10, false, o.ducats * 1000, 0, 100000, 'open', 1, $2
         from jsonb_to_recordset($1) as o (id text, account text, citizen text, ducats bigint)`,
        [
          JSON.stringify(
            purchases.map(({ id, buyer, ducats }) => ({
              ...{ id, ducats },
              ...{ account: buyer.accountId, citizen: buyer.citizen },
            })),
          ),
          clock.now,
        ],
      );
      await world.database.rows(
        "select settle_purchase($2, p, 'pi_' || p.id, null) from purchases p where id = any ($1) order by id",
        [purchases.map(({ id }) => id), clock.now],
      );
      return purchases.map(({ id, buyer, ducats }) => ({
        ...{ buyer, ducats },
        deliveryId: id.replace("pur_", "dlv_"),
      }));
    },

    /** What came back to the wallet is sent to Venice once more, as the customer's program would: with a key of its own. */
    async sendAgain({ buyer, ducats, deliveryId }: Delivery): Promise<Delivery> {
      const caller = { kind: "session", sessionId: buyer.sessionId, accountId: buyer.accountId } as const;
      const sent = await withdraw(app(), caller, {
        millis: millis(BigInt(ducats) * 1_000n),
        idempotencyKey: `again-${deliveryId}`,
      });
      if (sent.kind !== "queued") throw new Error(`the wallet's ducats were not taken: ${sent.kind}`);
      return { buyer, ducats, deliveryId: sent.delivery.id };
    },

    /** Runs a minute apart. */
    async runs(count: number, onStep?: OnStep): Promise<void> {
      for (let made = 0; made < count; made += 1) {
        pass(60 * SECOND_MS);
        await run(onStep);
      }
    },
  };
}

type Resident = { readonly username: string; readonly ducats: number };

/** Everybody in Venice and what they hold. */
export function residents(world: World): Resident[] {
  return world.airtable.list("CITIZENS").map(({ fields }) => ({
    username: String(fields["Username"]),
    ducats: Number(fields["Ducats"] ?? 0),
  }));
}

type Row = ReturnType<World["airtable"]["list"]>[number];

/** Whose row it is, by its id or by what is written in it: the notes of some errors say nothing. */
export function deliveryOf({ fields }: Row): string | undefined {
  const words = ["StratagemId", "Notes", "Description"].map((name) => String(fields[name])).join("\n");
  return /dlv_[0-9a-z]{20}/.exec(words)?.[0];
}

/** The delivery's rows in Venice, copies included. */
export function rowsOf(world: World, deliveryId: string): Row[] {
  return world.airtable.list("STRATAGEMS").filter((row) => deliveryOf(row) === deliveryId);
}

async function openAccount(world: World, citizen: string): Promise<Buyer> {
  const name = createHash("sha256").update(citizen).digest("hex");
  const [accountId, sessionId] = [`acc_${name.slice(0, 20)}`, `ses_${name.slice(0, 20)}`];
  const expiresAt = "2200-01-01";
  const token = { id: `tok_${name.slice(0, 20)}`, hash: name, expiresAt };
  await world.database.rows("select sign_up(now(), '{}', $1, $2, 'hash', $3, $4)", [
    ...[accountId, `${accountId}@example.com`, citizen],
    token,
  ]);
  await world.database.rows("select complete_sign_in(now(), '{}', $1, 'hash', null, $2)", [
    accountId,
    { id: sessionId, refreshHash: name, expiresAt },
  ]);
  return { citizen, accountId, sessionId };
}

/** Everything but the people goes, past the triggers that keep it: what was proved of it has been proved. */
async function statementThatForgets(world: World): Promise<string> {
  const tables = await world.database.rows<{ name: string }>(
    "select quote_ident(tablename) as name from pg_tables where schemaname = 'public' and tablename <> all ($1)",
    [people],
  );
  return [
    "set session_replication_role = replica",
    ...tables.map(({ name }) => `delete from ${name}`),
    "update balances set wallet = 0, transit = 0, frozen = 0, held = 0, recall = 0, debt = 0",
    "set session_replication_role = origin",
  ].join(";");
}
