/** The game behind the Airtable stand-in: what each outcome leaves in rows and purses, forged rows and crashes included. */
import AirtableSdk from "airtable";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createBase } from "../../dev/airtable/base.ts";
import { createAccess } from "../../dev/airtable/game/access.ts";
import { createLimiter } from "../../dev/airtable/limiter.ts";
import { startAirtable } from "../../dev/airtable/start.ts";
import type { Airtable } from "../../dev/airtable/start.ts";

const PROCESSOR = "CASCADE_PAYMENT_PROCESSOR";
/** 13:00 in Venice. */
const START = "2026-11-20T12:00:00.000Z";

let airtable: Airtable;
let instant: Date;

beforeEach(async () => {
  instant = new Date(START);
  airtable = await startAirtable({ now: () => instant, requestsPerSecond: 10_000 });
});

afterEach(async () => {
  await airtable.close();
});

function base(server = airtable): AirtableSdk.Base {
  return new AirtableSdk({
    apiKey: server.apiKey,
    endpointUrl: server.url,
    noRetryIfRateLimited: true,
    requestTimeout: 2_000,
  }).base(server.baseId);
}

/** Creates a payment row as CASCADE does, and gives its record id. */
async function pay(fields: AirtableSdk.FieldSet = {}, server = airtable): Promise<string> {
  const row = await base(server)("STRATAGEMS").create({
    StratagemId: "dlv_1",
    Type: "transfer_ducats",
    Variant: "instant",
    Category: "economic",
    ExecutedBy: PROCESSOR,
    TargetCitizen: "RialtoBanker",
    Status: "active",
    Notes: '{"source":"cascade_payment_processor","amount":100}',
    ExpiresAt: "2026-11-27T12:00:00.000Z",
    ...fields,
  });
  return row.id;
}

function row(id: string, server = airtable): Record<string, unknown> {
  const found = server.list("STRATAGEMS").find((each) => each.id === id);
  if (found === undefined) throw new Error(`no stratagem ${id}`);
  return found.fields;
}

function ducats(username: string, server = airtable): unknown {
  return server.citizen(username)?.fields["Ducats"];
}

describe("the seed", () => {
  test("the processor as the game knows it", () => {
    expect(airtable.citizen(PROCESSOR)?.fields).toMatchObject({
      CitizenId: PROCESSOR,
      Username: PROCESSOR,
      FirstName: "CASCADE",
      LastName: "Payment Processor",
      SocialClass: "Innovatori",
      Ducats: 1_000_000,
      Influence: 1_000,
      IsAI: true,
      InVenice: true,
    });
  });

  test("a dozen residents: decimals, one away, one with a quote; no processor when told so", async () => {
    const citizens = airtable.list("CITIZENS").map((each) => each.fields);
    expect(citizens).toHaveLength(13);
    expect(citizens.every((each) => typeof each["Ducats"] === "number")).toBe(true);
    expect(citizens.some((each) => !Number.isInteger(each["Ducats"]))).toBe(true);
    expect(citizens.filter((each) => each["InVenice"] === undefined)).toHaveLength(1);
    expect(citizens.some((each) => String(each["Username"]).includes("'"))).toBe(true);
    const bare = await startAirtable({ seedProcessor: false });
    expect(bare.citizen(PROCESSOR)).toBeUndefined();
    await bare.close();
  });
});

describe("outcomes", () => {
  test("executed: purses moved, notes no longer JSON", async () => {
    const id = await pay();
    instant = new Date("2026-11-20T19:05:30.000Z");
    expect(await airtable.runGame()).toEqual({
      outcomes: [{ recordId: id, stratagemId: "dlv_1", outcome: "executed" }],
      stopped: false,
    });
    expect(ducats(PROCESSOR)).toBe(999_900);
    expect(ducats("RialtoBanker")).toBe(942_100);
    expect(row(id)).toMatchObject({
      Status: "executed",
      ExecutedAt: "2026-11-20T19:05:30.000Z",
      Notes:
        '{"source":"cascade_payment_processor","amount":100}\n' +
        `[2026-11-20 20:05] Successfully transferred 100.0 ducats from ${PROCESSOR} to RialtoBanker.`,
    });
    expect((await airtable.runGame()).outcomes).toEqual([]);
  });

  test.each([
    ["2026-07-01T22:30:00.000Z", "[2026-07-02 00:30]"],
    ["2026-01-01T00:00:00.000Z", "[2026-01-01 01:00]"],
  ])("at %s the note says %s", async (utc, stamp) => {
    instant = new Date(utc);
    const id = await pay({ ExpiresAt: "2027-01-01T00:00:00.000Z" });
    await airtable.runGame();
    expect(row(id)["Notes"]).toContain(stamp);
  });

  test.each([
    ["insufficient funds", { Notes: '{"amount": 1000000.5}' }, "Insufficient funds: 1000000.0 < 1000000.5"],
    ["an unknown payer", { ExecutedBy: "Nobody" }, "Sender Nobody not found."],
    ["an unknown payee", { TargetCitizen: "Nobody" }, "Receiver Nobody not found."],
    ["no payee", { TargetCitizen: "" }, "Missing required fields or invalid amount."],
    ["no payer", { ExecutedBy: "" }, "Missing required fields or invalid amount."],
    ["no notes", { Notes: "" }, "Missing required fields or invalid amount."],
    ["no amount", { Notes: "{}" }, "Missing required fields or invalid amount."],
    ["a zero amount", { Notes: '{"amount":0}' }, "Missing required fields or invalid amount."],
    ["a negative amount", { Notes: '{"amount":-5}' }, "Missing required fields or invalid amount."],
    [
      "notes that are no JSON",
      { Notes: "one hundred" },
      "Failed to parse transfer details: Expecting value: line 1 column 1 (char 0)",
    ],
    [
      "JSON with something after it",
      { Notes: '{"amount":100}\nthanks' },
      "Failed to parse transfer details: Extra data: line 2 column 1 (char 15)",
    ],
    [
      "an amount in words",
      { Notes: '{"amount":"many"}' },
      "Failed to parse transfer details: could not convert string to float: 'many'",
    ],
    ["an amount that is no number", { Notes: '{"amount":"nan"}' }, /^Processing error: /],
  ])("failed, nothing credited: %s", async (_name, fields, reason) => {
    const id = await pay(fields);
    const run = await airtable.runGame();
    expect(run.outcomes).toMatchObject([{ outcome: "failed" }]);
    const notes = String(row(id)["Notes"]);
    const before = "Notes" in fields ? fields.Notes : '{"source":"cascade_payment_processor","amount":100}';
    expect(row(id)["Status"]).toBe("failed");
    const line = notes.slice(before.length);
    if (typeof reason === "string") expect(line).toBe(`\n[ERROR] ${reason}`);
    else expect(line.replace("\n[ERROR] ", "")).toMatch(reason);
    expect([ducats(PROCESSOR), ducats("RialtoBanker")]).toEqual([1_000_000, 942_000]);
    expect(row(id)["ExecutedAt"]).toBeUndefined();
  });

  test.each([
    ['{"amount":null}', "Exception: float() argument must be a string or a real number, not 'NoneType'"],
    ["[100]", "Exception: 'list' object has no attribute 'get'"],
  ])("what the processor does not catch ends in status error: %s", async (notes, words) => {
    const id = await pay({ Notes: notes });
    await airtable.runGame();
    expect(row(id)).toMatchObject({ Status: "error", Notes: `${notes}\n[2026-11-20 13:00] ${words}` });
    expect(ducats("RialtoBanker")).toBe(942_000);
  });

  test("re-running an executed row turns it to failed, though the ducats were credited", async () => {
    const id = await pay();
    await airtable.runGame();
    await airtable.runStratagem("dlv_1");
    expect(row(id)["Status"]).toBe("failed");
    expect(row(id)["Notes"]).toMatch(
      /Successfully transferred 100\.0[^]*Failed to parse transfer details: Extra data/,
    );
    expect(ducats("RialtoBanker")).toBe(942_100);
  });

  test("active but expired waits; an operator's run by id executes it all the same, planned rows too", async () => {
    const id = await pay({ ExpiresAt: "2026-11-20T12:05:00.000Z" });
    instant = new Date("2026-11-20T12:05:00.000Z");
    expect((await airtable.runGame()).outcomes).toEqual([]);
    expect(row(id)["Status"]).toBe("active");
    await airtable.runStratagem("dlv_1");
    expect(row(id)["Status"]).toBe("executed");
    const planned = await pay({ StratagemId: "dlv_2", Status: "planned" });
    await airtable.runGame();
    expect(row(planned)["Status"]).toBe("planned");
    await airtable.runStratagem("dlv_2");
    expect(row(planned)["Status"]).toBe("executed");
    expect((await airtable.runStratagem("dlv_none")).outcomes).toEqual([]);
  });

  test("a row without expiry is taken, another type is not", async () => {
    const open = await pay({ ExpiresAt: "" });
    const other = await pay({ Type: "undercut" });
    await airtable.runGame();
    expect([row(open)["Status"], row(other)["Status"]]).toEqual(["executed", "active"]);
  });

  test("amounts and purses with decimals, a text amount, a payee with a quote", async () => {
    const id = await pay({ TargetCitizen: "Bepi_Dall'Oro", Notes: '{"amount":"0.25"}' });
    await airtable.runGame();
    expect(ducats("Bepi_Dall'Oro")).toBe(7_730.75);
    expect(row(id)["Notes"]).toContain("Successfully transferred 0.25 ducats");
  });

  test("the game itself does not escape backslashes: such a payee is not found", async () => {
    airtable.addCitizen({ Username: "Rio\\Terra", Ducats: 5 });
    const id = await pay({ TargetCitizen: "Rio\\Terra" });
    await airtable.runGame();
    expect(row(id)["Notes"]).toContain("[ERROR] Receiver Rio\\Terra not found.");
  });

  test("two rows of one delivery pay twice: the game knows no idempotency", async () => {
    await pay();
    await pay();
    await airtable.runGame();
    expect(ducats("RialtoBanker")).toBe(942_200);
  });

  test("a citizen who pays himself mints ducats, as in the game", async () => {
    await pay({ ExecutedBy: "RialtoBanker" });
    await airtable.runGame();
    expect(ducats("RialtoBanker")).toBe(942_100);
  });
});

describe("faults inside the game", () => {
  test("stopped after the debit: the payer is poorer, the row still active, and the next run debits again", async () => {
    const id = await pay();
    const second = await pay({ StratagemId: "dlv_2", TargetCitizen: "gondoliere_77" });
    airtable.gameFaults.plan({ kind: "stop", at: "after_debit" });
    expect(await airtable.runGame()).toMatchObject({ outcomes: [{ outcome: "stopped" }], stopped: true });
    expect([ducats(PROCESSOR), ducats("RialtoBanker")]).toEqual([999_900, 942_000]);
    expect([row(id)["Status"], row(second)["Status"]]).toEqual(["active", "active"]);
    await airtable.runGame();
    expect([ducats(PROCESSOR), ducats("RialtoBanker")]).toEqual([999_700, 942_100]);
  });

  test("stopped after the credit: the next run credits a second time", async () => {
    const id = await pay();
    airtable.gameFaults.plan({ kind: "stop", at: "after_credit" });
    await airtable.runGame();
    expect(row(id)).toMatchObject({ Status: "active" });
    await airtable.runGame();
    expect([ducats(PROCESSOR), ducats("RialtoBanker")]).toEqual([999_800, 942_200]);
  });

  test.each([
    ["before_debit", 1_000_000, 942_000],
    ["after_debit", 999_900, 942_000],
    ["after_credit", 999_900, 942_100],
  ] as const)("failures %s look alike in the row, whatever was credited", async (at, payer, payee) => {
    const ids = [];
    for (const kind of ["processing_error", "logic_failure", "background_error"] as const) {
      airtable.setDucats(PROCESSOR, 1_000_000);
      airtable.setDucats("RialtoBanker", 942_000);
      ids.push(await pay({ StratagemId: kind }));
      airtable.gameFaults.plan({ kind, at, stratagemId: kind });
      await airtable.runGame();
      expect([ducats(PROCESSOR), ducats("RialtoBanker")]).toEqual([payer, payee]);
    }
    const [processing, logic, background] = ids.map((id) => row(id));
    expect(processing).toMatchObject({ Status: "failed" });
    expect(processing?.["Notes"]).toMatch(/\n\[ERROR\] Processing error: /);
    expect(logic).toMatchObject({ Status: "failed" });
    expect(logic?.["Notes"]).toMatch(
      /\n\[2026-11-20 13:00\] Processor logic returned failure or an exception occurred\.$/,
    );
    expect(background).toMatchObject({ Status: "error" });
    expect(background?.["Notes"]).toMatch(/^Error during background processing: /);
  });
});

describe("the limit is shared", () => {
  test("the game keeps to its share, so that others have theirs", async () => {
    const strict = await startAirtable({ now: () => instant });
    try {
      for (let index = 0; index < 4; index += 1) {
        await pay({ StratagemId: `dlv_${index}` }, strict);
        strict.resetLimit();
      }
      const run = await strict.runGame();
      expect(run.outcomes.map((each) => each.outcome)).toEqual(Array.from({ length: 4 }, () => "executed"));
      expect(ducats("RialtoBanker", strict)).toBe(942_400);
      // Not in a penalty, and with room left in the very second in which the game ended.
      expect(await base(strict)("CITIZENS").select({ maxRecords: 1 }).firstPage()).toHaveLength(1);
      expect(await base(strict)("CITIZENS").select({ maxRecords: 1 }).firstPage()).toHaveLength(1);
    } finally {
      await strict.close();
    }
  });

  test("limited in the middle of a transfer, the game waits the penalty out and loses nothing", async () => {
    const strict = await startAirtable({ now: () => instant, gameRequestsPerSecond: 9 });
    try {
      const id = await pay({}, strict);
      const run = await strict.runGame();
      expect(run.outcomes).toMatchObject([{ outcome: "executed" }]);
      expect([ducats(PROCESSOR, strict), ducats("RialtoBanker", strict)]).toEqual([999_900, 942_100]);
      expect(row(id, strict)["Status"]).toBe("executed");
      // It did wait: had it gone on through the penalty, everyone else would still be refused.
      expect(await base(strict)("CITIZENS").select({ maxRecords: 1 }).firstPage()).toHaveLength(1);
    } finally {
      await strict.close();
    }
  });
});

describe("the game's way into the base", () => {
  /** A base at Airtable's own limit, whose waits are written down and pass at once. */
  function open(share: number) {
    const now = () => instant;
    const limiter = createLimiter({ requestsPerSecond: 5, penaltyMs: 30_000, now });
    const base = createBase(now);
    const table = base.table("CITIZENS");
    const citizen = base.insert(table, base.prepare(table, { Username: "marco", Ducats: 0 }, false));
    const waits: number[] = [];
    const ducatsWhenWaiting: unknown[] = [];
    const access = createAccess({
      base,
      limiter,
      share,
      now,
      wait(ms) {
        waits.push(ms);
        ducatsWhenWaiting.push(citizen.cells.get("Ducats"));
        limiter.elapse(ms);
        return Promise.resolve();
      },
    });
    const write = (amount: number) => access.update("CITIZENS", citizen.id, { Ducats: amount });
    return { limiter, waits, ducatsWhenWaiting, write };
  }

  test("keeps to three requests a second, so that two are left in every second", async () => {
    const { limiter, waits, write } = open(3);
    for (let count = 1; count <= 9; count += 1) await write(count);
    expect(waits).toEqual([1_000, 1_000]);
    expect([limiter.admit(), limiter.admit()]).toEqual([true, true]);
  });

  test("a refused write is not done until the penalty is over", async () => {
    const { limiter, waits, ducatsWhenWaiting, write } = open(3);
    for (let count = 0; count < 5; count += 1) expect(limiter.admit()).toBe(true);
    await write(7);
    expect(waits).toEqual([30_000]);
    expect(ducatsWhenWaiting).toEqual([0]);
  });
});

describe("control", () => {
  async function control(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(`${airtable.url}/_control${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  test("runs the game, sets purses, adds citizens, forges rows", async () => {
    const id = await pay();
    expect(await (await control("POST", "/game/run")).json()).toMatchObject({ stopped: false });
    expect(row(id)["Status"]).toBe("executed");
    await control("PATCH", `/records/STRATAGEMS/${id}`, { Status: "failed", Notes: "forged" });
    expect(row(id)).toMatchObject({ Status: "failed", Notes: "forged" });
    await control("PUT", "/citizens/Bepi_Dall'Oro/ducats", { ducats: 3.5 });
    expect(ducats("Bepi_Dall'Oro")).toBe(3.5);
    expect((await control("POST", "/citizens", { Username: "new", Ducats: 1 })).status).toBe(201);
    expect(ducats("new")).toBe(1);
    expect((await control("DELETE", `/records/STRATAGEMS/${id}`)).status).toBe(204);
    expect(airtable.list("STRATAGEMS")).toEqual([]);
    expect((await control("POST", "/game/faults", { kind: "stop", at: "after_debit" })).status).toBe(201);
    expect(airtable.gameFaults.planned()).toHaveLength(1);
    expect((await control("DELETE", "/game/faults")).status).toBe(204);
    expect(airtable.gameFaults.planned()).toEqual([]);
    expect((await control("DELETE", "/limit")).status).toBe(204);
  });

  test("runs one stratagem by id", async () => {
    const id = await pay({ Status: "planned" });
    await control("POST", "/game/run", { stratagemId: "dlv_1" });
    expect(row(id)["Status"]).toBe("executed");
  });

  test.each([
    ["POST", "/citizens", { Ducats: 1 }, 400],
    ["POST", "/citizens", { Username: "x", Amount: 1 }, 422],
    ["PUT", "/citizens/nobody/ducats", { ducats: 1 }, 404],
    ["PUT", "/citizens/RialtoBanker/ducats", { ducats: "1" }, 400],
    ["POST", "/game/run", { id: 1 }, 400],
    ["POST", "/game/faults", { kind: "magic" }, 400],
    ["GET", "/records/BUILDINGS", undefined, 400],
    ["GET", "/nothing", undefined, 404],
  ])("%s %s with %j: %i", async (method, path, body, status) => {
    expect((await control(method, path, body)).status).toBe(status);
  });

  test("the page shows citizens and stratagems, escaped", async () => {
    await pay({ Notes: "<script>alert(1)</script>" });
    airtable.addCitizen({ Username: '"><img src=x onerror=alert(1)>' });
    const page = await (await control("GET", "")).text();
    expect(page).toContain("Run the game now");
    expect(page).toContain("Bepi_Dall&#39;Oro");
    expect(page).toContain("&lt;script&gt;alert(1)");
    expect(page).not.toContain("<img");
  });
});
