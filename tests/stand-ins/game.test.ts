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

describe("switches", () => {
  test("a dead schedule takes nothing, run after run; an operator's run goes on", async () => {
    const id = await pay();
    airtable.schedule.kill();
    expect(await airtable.runGame()).toEqual({ outcomes: [], stopped: false });
    expect(row(id)["Status"]).toBe("active");
    await airtable.runStratagem("dlv_1");
    expect(row(id)["Status"]).toBe("executed");
    const other = await pay({ StratagemId: "dlv_2" });
    airtable.mend();
    await airtable.runGame();
    expect(row(other)["Status"]).toBe("executed");
  });

  test("taken twice, a row pays twice and tells of one transfer", async () => {
    const id = await pay();
    airtable.gameFaults.plan({ kind: "twice", stratagemId: "dlv_1" });
    await airtable.runGame();
    expect([ducats(PROCESSOR), ducats("RialtoBanker")]).toEqual([999_800, 942_200]);
    expect(row(id)["Status"]).toBe("executed");
    expect(String(row(id)["Notes"]).match(/Successfully transferred/g)).toHaveLength(1);
  });

  test("taken twice from a purse that holds it once, it was paid and says insufficient funds", async () => {
    airtable.setDucats(PROCESSOR, 150);
    const id = await pay();
    airtable.gameFaults.plan({ kind: "twice" });
    await airtable.runGame();
    expect([ducats(PROCESSOR), ducats("RialtoBanker")]).toEqual([50, 942_100]);
    expect(row(id)).toMatchObject({
      Status: "failed",
      Notes: expect.stringMatching(/^\{.*\}\n\[ERROR\] Insufficient funds: 50\.0 < 100\.0$/),
    });
  });

  test("a stranger spends the processor's purse", async () => {
    expect(await airtable.strangerSpends("gondoliere_77", 250.5)).toMatchObject({ success: true });
    expect([ducats(PROCESSOR), ducats("gondoliere_77")]).toEqual([999_749.5, 568.5]);
    expect(airtable.list("STRATAGEMS")[0]?.fields).toMatchObject({
      ExecutedBy: PROCESSOR,
      Status: "executed",
    });
  });

  test("two transfers at once read one purse: the payer is debited for one of them", async () => {
    const request = (targetCitizenUsername: string) =>
      airtable.game.tryCreate.create({
        citizenUsername: PROCESSOR,
        stratagemType: "transfer_ducats",
        stratagemDetails: { targetCitizenUsername, amount: 100 },
      });
    await Promise.all([request("RialtoBanker"), request("gondoliere_77")]);
    await airtable.game.tryCreate.settled();
    expect([ducats("RialtoBanker"), ducats("gondoliere_77")]).toEqual([942_100, 418]);
    expect(ducats(PROCESSOR)).toBe(999_900);
  });

  test.each([
    ["expire", { Status: "active", ExpiresAt: "2026-11-20T11:59:00.000Z" }],
    [
      "forge_executed",
      {
        Status: "executed",
        ExecutedAt: START,
        Notes: expect.stringMatching(
          `\n\\[2026-11-20 13:00\\] Successfully transferred 100\\.0 ducats from ${PROCESSOR} to RialtoBanker\\.$`,
        ),
      },
    ],
    ["forge_failed", { Status: "failed", Notes: expect.stringContaining("[ERROR] Sender ") }],
    ["alter_amount", { Notes: '{"source":"cascade_payment_processor","amount":999999}' }],
    ["alter_target", { TargetCitizen: "BarnabottoLuca" }],
  ] as const)("a row at rest: %s, no purse moved", async (kind, fields) => {
    const id = await pay();
    airtable.spoil(id, kind);
    expect(row(id)).toMatchObject(fields);
    expect([ducats(PROCESSOR), ducats("RialtoBanker")]).toEqual([1_000_000, 942_000]);
  });

  test("a row at rest: doubled, and each of the two is executed", async () => {
    const id = await pay();
    const second = airtable.spoil(id, "double");
    expect(second.id).not.toBe(id);
    expect(second.fields).toMatchObject({ StratagemId: "dlv_1", Status: "active" });
    await airtable.runGame();
    expect(ducats("RialtoBanker")).toBe(942_200);
  });
});

describe("UpdatedAt", () => {
  const updatedAt = async (table: string, id: string) => {
    const found = await base()(table).find(id);
    const [listed] = await base()(table)
      .select({ filterByFormula: `RECORD_ID()='${id}'`, fields: ["UpdatedAt"] })
      .firstPage();
    expect(listed?.get("UpdatedAt")).toBe(found.get("UpdatedAt"));
    return found.get("UpdatedAt");
  };

  test("moves with each write, ours, the game's and a forger's, to the millisecond, of rows and purses alike", async () => {
    const id = await pay({ Status: "planned" });
    expect(await updatedAt("STRATAGEMS", id)).toBe(START);
    instant = new Date("2026-11-20T12:00:00.001Z");
    await base()("STRATAGEMS").update(id, { Status: "active" });
    expect(await updatedAt("STRATAGEMS", id)).toBe("2026-11-20T12:00:00.001Z");
    instant = new Date("2026-11-20T12:00:00.022Z");
    await airtable.runGame();
    expect(await updatedAt("STRATAGEMS", id)).toBe("2026-11-20T12:00:00.022Z");
    for (const username of [PROCESSOR, "RialtoBanker"]) {
      const purse = airtable.citizen(username)?.id ?? "";
      expect(await updatedAt("CITIZENS", purse)).toBe("2026-11-20T12:00:00.022Z");
    }
    instant = new Date("2026-11-20T12:00:00.333Z");
    airtable.forge("STRATAGEMS", id, { Status: "failed" });
    airtable.setDucats("RialtoBanker", 942_000);
    expect(await updatedAt("STRATAGEMS", id)).toBe("2026-11-20T12:00:00.333Z");
    expect(airtable.citizen("RialtoBanker")?.fields["UpdatedAt"]).toBe("2026-11-20T12:00:00.333Z");
  });

  test("a purse spent and refilled has its old value and a new hour; a write of the same value has neither", async () => {
    const id = airtable.citizen("RialtoBanker")?.id ?? "";
    instant = new Date("2026-11-20T12:00:01.000Z");
    airtable.setDucats("RialtoBanker", 942_000);
    expect(await updatedAt("CITIZENS", id)).toBe(START);
    airtable.setDucats("RialtoBanker", 1);
    airtable.setDucats("RialtoBanker", 942_000);
    expect(await updatedAt("CITIZENS", id)).toBe("2026-11-20T12:00:01.000Z");
  });

  test("nobody writes it: not on create, update or replace, nor with typecast, nor beside a good field", async () => {
    const id = await pay();
    const path = `${airtable.url}/v0/${airtable.baseId}/STRATAGEMS`;
    const send = async (method: string, url: string, body: object) =>
      (
        await fetch(url, {
          method,
          headers: { authorization: `Bearer ${airtable.apiKey}` },
          body: JSON.stringify(body),
        })
      ).status;
    const fields = { Status: "failed", UpdatedAt: "2026-11-21T00:00:00.000Z" };
    expect(await send("POST", path, { fields, typecast: true })).toBe(422);
    expect(await send("PATCH", `${path}/${id}`, { fields })).toBe(422);
    expect(await send("PUT", `${path}/${id}`, { fields, typecast: true })).toBe(422);
    expect(() => airtable.forge("STRATAGEMS", id, fields)).toThrow("computed");
    expect(row(id)).toMatchObject({ Status: "active", UpdatedAt: START });
  });

  test("a base that keeps whole seconds shows two writes of one second as one hour", async () => {
    const coarse = await startAirtable({ now: () => instant, timesTo: "second" });
    try {
      instant = new Date("2026-11-20T12:00:01.999Z");
      coarse.setDucats("RialtoBanker", 1);
      expect(coarse.citizen("RialtoBanker")).toMatchObject({
        fields: { UpdatedAt: "2026-11-20T12:00:01.000Z", CreatedAt: START },
        createdTime: START,
      });
    } finally {
      await coarse.close();
    }
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
  function open(share: number, now = () => instant) {
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

  test("keeps to its share while the clock ticks, between any two readings of it", async () => {
    let readings = 0;
    // Now each second reading is a millisecond later, now each third, now each fourth.
    const ticking = () => {
      readings += 1;
      return new Date(instant.getTime() + Math.floor(readings / (2 + (Math.floor(readings / 50) % 3))));
    };
    const { waits, write } = open(5, ticking);
    for (let count = 1; count <= 200; count += 1) await write(count);
    expect(Math.max(...waits)).toBeLessThanOrEqual(1_000);
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

  test("has every switch", async () => {
    const id = await pay();
    expect(await (await control("PUT", "/game/schedule", { state: "dead" })).json()).toEqual({
      state: "dead",
    });
    expect(await (await control("GET", "")).text()).toContain("Revive the schedule");
    await control("POST", "/game/run");
    expect(row(id)["Status"]).toBe("active");
    await control("POST", `/stratagems/${id}/spoil`, { kind: "expire" });
    expect(row(id)["ExpiresAt"]).toBe("2026-11-20T11:59:00.000Z");
    await control("POST", "/stranger", { citizen: "gondoliere_77", ducats: 2 });
    expect(ducats("gondoliere_77")).toBe(320);
    expect((await control("PUT", "/game/answers", { when: "done" })).status).toBe(200);
    expect(await airtable.strangerSpends("gondoliere_77", 1)).toMatchObject({ processing_status: "success" });
    expect((await control("POST", "/game/faults", { kind: "twice" })).status).toBe(201);
    expect((await control("POST", "/mend")).status).toBe(204);
    expect([airtable.schedule.isDead(), airtable.gameFaults.planned()]).toEqual([false, []]);
    await control("PUT", "/game/schedule", { state: "alive" });
    expect(airtable.schedule.isDead()).toBe(false);
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
    ["POST", "/game/faults", { kind: "stop" }, 400],
    ["POST", "/stratagems/recAAAAAAAAAAAAAA/spoil", { kind: "expire" }, 404],
    ["POST", "/stratagems/recAAAAAAAAAAAAAA/spoil", { kind: "burn" }, 400],
    ["POST", "/stranger", { ducats: 1 }, 400],
    ["PUT", "/game/schedule", { state: "late" }, 400],
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
