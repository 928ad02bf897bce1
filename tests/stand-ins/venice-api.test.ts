/** The game's HTTP API over the Airtable stand-in's base: its answers and, above all, what they hide. */
import AirtableSdk from "airtable";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startAirtable } from "../../dev/airtable/start.ts";
import type { Airtable } from "../../dev/airtable/start.ts";
import { startVenice } from "../../dev/venice/start.ts";
import type { VeniceApi } from "../../dev/venice/start.ts";

const PROCESSOR = "CASCADE_PAYMENT_PROCESSOR";
/** 13:00 in Venice. */
const START = "2026-11-20T12:00:00.000Z";

let airtable: Airtable;
let venice: VeniceApi;
let instant: Date;

beforeEach(async () => {
  instant = new Date(START);
  airtable = await startAirtable({ now: () => instant, requestsPerSecond: 10_000 });
  venice = await startVenice({ airtable });
});

afterEach(async () => {
  await venice.close();
  await airtable.close();
});

function pass(ms: number): void {
  instant = new Date(instant.getTime() + ms);
}

async function ask(method: string, path: string, body?: unknown) {
  const response = await fetch(`${venice.apiUrl}${path}`, {
    method,
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

const details = { targetCitizenUsername: "RialtoBanker", amount: 100, notes: "dlv_1" };

/** Asks for a transfer from the processor's purse. */
function begin(more: object = {}, citizenUsername = PROCESSOR) {
  return ask("POST", "/stratagems/try-create", {
    citizenUsername,
    stratagemType: "transfer_ducats",
    stratagemDetails: { ...details, ...more },
  });
}

/** And waits for it. */
async function pay(more: object = {}, citizenUsername = PROCESSOR) {
  const asked = await begin(more, citizenUsername);
  await venice.settled();
  return asked;
}

function rows() {
  return airtable.list("STRATAGEMS").map((each) => each.fields);
}

function ducats(username: string): unknown {
  return airtable.citizen(username)?.fields["Ducats"];
}

/** A row as CASCADE writes it to Airtable itself. */
async function write(fields: AirtableSdk.FieldSet = {}): Promise<string> {
  const sdk = new AirtableSdk({ apiKey: airtable.apiKey, endpointUrl: airtable.url }).base(airtable.baseId);
  const row = await sdk("STRATAGEMS").create({
    StratagemId: "dlv_9",
    Type: "transfer_ducats",
    ExecutedBy: PROCESSOR,
    TargetCitizen: "RialtoBanker",
    Status: "active",
    Notes: '{"amount":100}',
    ExpiresAt: "2026-11-27T12:00:00.000Z",
    ...fields,
  });
  return row.id;
}

describe("GET /citizens", () => {
  test("those who are in Venice, keys with the first letter lower-cased", async () => {
    const { status, body } = await ask("GET", "/citizens");
    expect(status).toBe(200);
    expect(Object.keys(body)).toEqual(["success", "citizens"]);
    expect(body.citizens).toHaveLength(12);
    expect(body.citizens.map((each: { username: string }) => each.username)).not.toContain("VerdigrisNina");
    expect(body.citizens[0]).toMatchObject({
      username: PROCESSOR,
      ducats: 1_000_000,
      socialClass: "Innovatori",
      isAI: true,
      inVenice: true,
      updatedAt: START,
    });
  });

  test("filters by Airtable's own field names", async () => {
    const { body } = await ask("GET", "/citizens?SocialClass=Facchini&Ducats=318");
    expect(body.citizens.map((each: { username: string }) => each.username)).toEqual(["gondoliere_77"]);
  });

  test.each([
    ["Airtable refuses", "/citizens", true],
    ["a field it does not have", "/citizens?username=RialtoBanker", false],
    ["a formula it cannot read", "/citizens?Username=a%5C", false],
  ])("200, success and three citizens of no base: %s", async (_name, path, isLost) => {
    if (isLost) venice.losses.plan({ route: "citizens" });
    const { status, body } = await ask("GET", path);
    expect([status, body.success, body._fallback]).toEqual([200, true, true]);
    expect(body.citizens).toHaveLength(3);
    for (const { username } of body.citizens) expect(airtable.citizen(username)).toBeUndefined();
    expect(JSON.stringify(body.citizens)).not.toContain("ducats");
  });
});

describe("GET /citizens/{username}", () => {
  test("five minutes behind the purse, and says so", async () => {
    const first = await ask("GET", "/citizens/RialtoBanker");
    expect(first.body).toMatchObject({ success: true, citizen: { ducats: 942_000, socialClass: "Nobili" } });
    expect(first.body).not.toHaveProperty("_cached");
    airtable.setDucats("RialtoBanker", 1);
    pass(299_999);
    expect((await ask("GET", "/citizens/RialtoBanker")).body).toMatchObject({
      citizen: { ducats: 942_000 },
      _cached: true,
    });
    pass(1);
    expect((await ask("GET", "/citizens/RialtoBanker")).body).toMatchObject({ citizen: { ducats: 1 } });
  });

  test("a miss is 404 first, then 200 with citizen null, even when the citizen has come since", async () => {
    expect(await ask("GET", "/citizens/Newcomer")).toMatchObject({ status: 404, body: { success: false } });
    airtable.addCitizen({ Username: "Newcomer", Ducats: 5 });
    expect(await ask("GET", "/citizens/Newcomer")).toEqual({
      status: 200,
      body: { success: true, citizen: null, _cached: true },
    });
    venice.forgetCitizens();
    expect((await ask("GET", "/citizens/Newcomer")).body.citizen.ducats).toBe(5);
  });

  test("who is away is found, and an empty cell has no key", async () => {
    const { citizen } = (await ask("GET", "/citizens/VerdigrisNina")).body;
    expect(citizen.username).toBe("VerdigrisNina");
    expect(citizen).not.toHaveProperty("inVenice");
  });

  test("a name with quotes is no name: it is a formula", async () => {
    const injected = encodeURIComponent('" & {Username} & "');
    expect((await ask("GET", `/citizens/${injected}`)).body.citizen.username).toBe(PROCESSOR);
    expect((await ask("GET", "/citizens/Bepi_Dall'Oro")).body.citizen.ducats).toBe(7_730.5);
  });

  test("an error is 500, and not remembered", async () => {
    venice.losses.plan({ route: "citizen" });
    expect(await ask("GET", "/citizens/RialtoBanker")).toMatchObject({
      status: 500,
      body: { success: false },
    });
    expect((await ask("GET", "/citizens/RialtoBanker")).status).toBe(200);
  });
});

describe("GET /get-ledger", () => {
  test("Markdown, with decimals and a city", async () => {
    const response = await fetch(`${venice.apiUrl}/get-ledger?citizenUsername=LaceWeaverOrsola`);
    expect(response.headers.get("content-type")).toBe("text/markdown; charset=utf-8");
    const text = await response.text();
    expect(text).toContain("2190.375");
    expect(text).toContain("Popolani from Venice");
  });

  test("400 without a name, 404 for nobody, and 404 for an error, too", async () => {
    expect((await ask("GET", "/get-ledger")).status).toBe(400);
    expect((await ask("GET", "/get-ledger?citizenUsername=Nobody")).status).toBe(404);
    venice.losses.plan({ route: "ledger" });
    expect((await ask("GET", "/get-ledger?citizenUsername=RialtoBanker")).status).toBe(404);
  });
});

describe("GET /stratagems", () => {
  test("by payer, status, type and Airtable's own field names; the StratagemId hides the record's id", async () => {
    const id = await write();
    await write({ StratagemId: "", Status: "planned" });
    await write({ ExecutedBy: "RialtoBanker", TargetCitizen: "gondoliere_77" });
    const found = async (query: string) =>
      (await ask("GET", `/stratagems?${query}`)).body.stratagems.map(
        (each: { stratagemId: string }) => each.stratagemId,
      );
    expect(await found(`executedBy=${PROCESSOR}&status=active`)).toEqual(["dlv_9"]);
    expect(await found("executedBy=RialtoBanker&executedBy=Nobody")).toEqual(["dlv_9"]);
    expect(await found("TargetCitizen=gondoliere_77&type=transfer_ducats")).toEqual(["dlv_9"]);
    expect(await found("status=planned")).toEqual([expect.stringMatching(/^rec/)]);
    const { body } = await ask("GET", `/stratagems?executedBy=${PROCESSOR}&status=active`);
    expect(body.stratagems[0]).toMatchObject({ notes: '{"amount":100}', expiresAt: expect.any(String) });
    expect(JSON.stringify(body)).not.toContain(id);
  });

  test("one page, the latest executed first: what still waits is cut off", async () => {
    await write({ StratagemId: "waiting" });
    for (let index = 0; index < 100; index += 1)
      await write({ StratagemId: `done_${index}`, Status: "executed", ExecutedAt: START });
    const ids = async (query: string) => (await ask("GET", `/stratagems${query}`)).body.stratagems;
    expect(await ids("")).toHaveLength(100);
    expect(await ids("?limit=500")).toHaveLength(100);
    expect(JSON.stringify(await ids("?limit=500"))).not.toContain("waiting");
    expect(await ids("?status=active")).toHaveLength(1);
  });

  test.each([
    ["Airtable refuses", "", true],
    ["a field it does not have", "?targetCitizen=RialtoBanker", false],
    ["a formula it cannot read", "?TargetCitizen=a%5C", false],
    ["a limit of nothing", "?limit=0", false],
  ])("200 and an empty list, though the row is there: %s", async (_name, query, isLost) => {
    await write();
    if (isLost) venice.losses.plan({ route: "stratagems" });
    expect(await ask("GET", `/stratagems${query}`)).toMatchObject({
      status: 200,
      body: { success: true, stratagems: [], _fallbackError: true },
    });
  });
});

describe("PATCH /stratagems", () => {
  test("anyone turns an executed row to failed, or another's row to executed", async () => {
    const { stratagem_id_airtable: id } = (await pay()).body;
    const reason = `[ERROR] Sender ${PROCESSOR} not found.`;
    const patched = await ask("PATCH", "/stratagems", { stratagemId: id, status: "failed", notes: reason });
    expect(patched).toMatchObject({ status: 200, body: { success: true, stratagem: { status: "failed" } } });
    expect(rows()[0]).toMatchObject({ Status: "failed", Notes: reason });
    expect(ducats("RialtoBanker")).toBe(942_100);
    await write();
    await ask("PATCH", "/stratagems", { stratagemId: "dlv_9", status: "executed", targetCitizen: "marco" });
    expect(rows()[1]).toMatchObject({ Status: "executed", TargetCitizen: "marco" });
  });

  test.each([
    ["no id", { status: "failed" }, 400],
    ["nobody's id", { stratagemId: "dlv_none", status: "failed" }, 404],
    ["a status there is not", { stratagemId: "dlv_9", status: "done" }, 422],
    ["a computed field", { stratagemId: "dlv_9", updatedAt: START }, 422],
  ])("%s", async (_name, body, status) => {
    await write();
    expect(await ask("PATCH", "/stratagems", body)).toMatchObject({ status, body: { success: false } });
    expect(rows()[0]?.["Status"]).toBe("active");
  });
});

describe("POST /stratagems/try-create", () => {
  test("makes a row by the clock, carries it out at once, and answers before that is known", async () => {
    const { status, body } = await pay({ reason: "delivery" });
    const id = `transfer_ducats_${PROCESSOR}_RialtoBanker_${Date.parse(START) / 1_000}`;
    expect(status).toBe(200);
    expect(body).toEqual({
      success: true,
      message: expect.any(String),
      stratagem_id_airtable: airtable.list("STRATAGEMS")[0]?.id,
      stratagem_id_custom: id,
      creation_status: "success",
      processing_status: "initiated_background",
      processing_notes: null,
      error_details: null,
    });
    expect([ducats(PROCESSOR), ducats("RialtoBanker")]).toEqual([999_900, 942_100]);
    expect(rows()).toEqual([
      expect.objectContaining({
        StratagemId: id,
        Type: "transfer_ducats",
        Variant: "instant",
        Category: "economic",
        Name: "Transfer 100.0 ducats to RialtoBanker",
        Description: `${PROCESSOR} transfers 100.0 ducats to RialtoBanker. Reason: delivery`,
        Status: "executed",
        ExecutedAt: START,
        ExpiresAt: "2026-11-20T12:05:00.000Z",
        Notes:
          '{"initial_notes": "dlv_1", "amount": 100.0, "reason": "delivery", "sender_balance_before": 1000000.0, ' +
          '"created_at": "2026-11-20T12:00:00+00:00"}\n' +
          `[2026-11-20 13:00] Successfully transferred 100.0 ducats from ${PROCESSOR} to RialtoBanker.`,
      }),
    ]);
  });

  test("our text travels inside the JSON, escaped once more and in ASCII: what looks for it verbatim misses it", async () => {
    const notes = '{"delivery_id":"dlv_1","for":"Zuàn"}';
    await pay({ notes, name: "Ours", description: "Bought" });
    const [row] = rows();
    expect(row).toMatchObject({ Name: "Ours", Description: "Bought" });
    const stored = String(row?.["Notes"]);
    expect(stored).not.toContain(notes);
    expect(stored).not.toContain('"delivery_id"');
    expect(stored).toContain("dlv_1");
    expect(stored).toContain("Zu\\u00e0n");
    const [json = ""] = stored.split("\n");
    expect(JSON.parse(json)).toMatchObject({ initial_notes: notes, amount: 100 });
  });

  test("asked twice it pays twice, in one second under one StratagemId", async () => {
    const ids = [await pay(), await pay()].map(({ body }) => body.stratagem_id_custom);
    expect(new Set(ids).size).toBe(1);
    expect([ducats(PROCESSOR), ducats("RialtoBanker")]).toEqual([999_800, 942_200]);
  });

  test.each([
    ["more than the purse", { amount: 1_000_001 }],
    ["nothing", { amount: 0 }],
    ["less than nothing", { amount: -1 }],
    ["no amount", { amount: null }],
    ["an amount in words", { amount: "many" }],
    ["to nobody", { targetCitizenUsername: "Nobody" }],
    ["to no name", { targetCitizenUsername: "" }],
    ["to himself", { targetCitizenUsername: PROCESSOR }],
  ])("a refusal is 200, with no reason and no row: %s", async (_name, more) => {
    expect(await pay(more)).toEqual({
      status: 200,
      body: {
        success: false,
        message: "Stratagem creator failed to produce a payload.",
        stratagem_id_airtable: null,
        stratagem_id_custom: null,
        creation_status: "failed",
        processing_status: null,
        processing_notes: null,
        error_details: null,
      },
    });
    expect(rows()).toEqual([]);
  });

  test("an error while it looks is told in the same words as a refusal", async () => {
    venice.losses.plan({ route: "try-create" });
    const lost = await pay();
    expect(lost).toEqual(await pay({ amount: 0 }));
    expect(rows()).toEqual([]);
  });

  test("other refusals have other words", async () => {
    expect((await pay({}, "Nobody")).body.success).toBe(false);
    expect((await pay({ amount: ["1"] })).body).toMatchObject({
      success: false,
      error_details: "float() argument must be a string or a real number, not 'list'",
    });
    const other = { citizenUsername: PROCESSOR, stratagemType: "undercut" };
    expect(await ask("POST", "/stratagems/try-create", other)).toMatchObject({
      status: 200,
      body: { success: false, message: "Unsupported stratagem type: undercut" },
    });
  });

  test("a body that is no request is 400, one that is no JSON 500", async () => {
    const nameless = { stratagemType: "transfer_ducats", stratagemDetails: details };
    expect((await ask("POST", "/stratagems/try-create", nameless)).status).toBe(400);
    expect((await ask("POST", "/stratagems/try-create", "{")).status).toBe(500);
  });

  test.each([
    ["stop", "active", 942_000],
    ["logic_failure", "active", 942_000],
    ["processing_error", "failed", 942_000],
    ["background_error", "error", 942_000],
  ] as const)("the answer says success, whatever became of it: %s", async (kind, status, purse) => {
    airtable.gameFaults.plan({ kind, at: "after_debit" });
    expect((await pay()).body).toMatchObject({ success: true, processing_status: "initiated_background" });
    expect(rows()[0]?.["Status"]).toBe(status);
    expect([ducats(PROCESSOR), ducats("RialtoBanker")]).toEqual([999_900, purse]);
  });

  test("status error takes our text with it: the row is found by payer, receiver and time alone", async () => {
    airtable.gameFaults.plan({ kind: "background_error", at: "after_credit" });
    await pay();
    expect(rows()[0]?.["Notes"]).toMatch(/^Error during background processing: /);
    expect(JSON.stringify(rows())).not.toContain("dlv_1");
    expect(rows()[0]).toMatchObject({
      ExecutedBy: PROCESSOR,
      TargetCitizen: "RialtoBanker",
      CreatedAt: START,
    });
    expect(ducats("RialtoBanker")).toBe(942_100);
  });

  test("what it left active, the scheduled run takes within five minutes, and then nobody", async () => {
    airtable.gameFaults.plan({ kind: "stop", at: "after_credit", times: 2 });
    await pay();
    pass(299_000);
    await airtable.runGame();
    expect(ducats("RialtoBanker")).toBe(942_200);
    pass(1_000);
    expect((await airtable.runGame()).outcomes).toEqual([]);
    expect(rows()[0]?.["Status"]).toBe("active");
  });

  test("a game that answers when it is done may call a failed transfer a success, or not answer", async () => {
    airtable.game.tryCreate.answer("done");
    expect((await pay()).body).toMatchObject({ success: true, processing_status: "success" });
    airtable.gameFaults.plan({ kind: "processing_error", at: "after_credit" });
    expect((await pay()).body).toMatchObject({ success: true, processing_status: "failed" });
    airtable.gameFaults.plan({ kind: "stop", at: "after_debit" });
    expect(await pay()).toMatchObject({ status: 504, body: { success: false } });
    expect([ducats(PROCESSOR), ducats("RialtoBanker")]).toEqual([999_700, 942_200]);
  });
});

describe("slower than whoever reads it", () => {
  const seen = () => [ducats(PROCESSOR), ducats("RialtoBanker"), rows()[0]?.["Status"]];

  test("step by step: debit, credit, row, each when it is let", async () => {
    airtable.game.tryCreate.pace("step by step");
    expect((await begin()).body).toMatchObject({ success: true });
    expect(seen()).toEqual([1_000_000, 942_000, "active"]);
    await airtable.game.tryCreate.step();
    expect(seen()).toEqual([999_900, 942_000, "active"]);
    await airtable.game.tryCreate.step();
    expect(seen()).toEqual([999_900, 942_100, "active"]);
    await airtable.game.tryCreate.step();
    expect(seen()).toEqual([999_900, 942_100, "executed"]);
  });

  test("let go to its end by whoever waits for all, and not slow for whoever waits for the answer", async () => {
    airtable.game.tryCreate.pace("step by step");
    await begin();
    await venice.settled();
    expect(seen()).toEqual([999_900, 942_100, "executed"]);
    airtable.game.tryCreate.answer("done");
    expect((await begin()).body).toMatchObject({ processing_status: "success" });
    expect(ducats("RialtoBanker")).toBe(942_200);
    airtable.mend();
    await begin();
    expect(ducats("RialtoBanker")).toBe(942_300);
  });

  test("a fault waits for the row whose notes it names", async () => {
    airtable.gameFaults.plan({ kind: "stop", at: "before_debit", notes: "the second" });
    await pay({ notes: "the first" });
    await pay({ notes: "the second" });
    await venice.settled();
    expect(rows().map((row) => row["Status"])).toEqual(["executed", "active"]);
  });
});

describe("on the way", () => {
  test("504 before the effect and 504 after it are one answer", async () => {
    venice.faults.plan({ kind: "status", status: 504, path: "try-create" });
    const before = await pay();
    expect(rows()).toEqual([]);
    venice.faults.plan({ kind: "status_after", status: 504, path: "try-create" });
    const after = await pay();
    expect(after).toEqual(before);
    expect(after).toMatchObject({ status: 504, body: { success: false } });
    expect([rows().length, ducats("RialtoBanker")]).toEqual([1, 942_100]);
  });

  test("a timeout and a cut connection leave the transfer done", async () => {
    venice.faults.plan({ kind: "drop_after" });
    await expect(pay()).rejects.toBeDefined();
    await venice.settled();
    expect(ducats("RialtoBanker")).toBe(942_100);
    venice.faults.plan({ kind: "latency", latencyMs: 200 });
    const body = JSON.stringify({
      citizenUsername: PROCESSOR,
      stratagemType: "transfer_ducats",
      stratagemDetails: details,
    });
    const signal = AbortSignal.timeout(50);
    await expect(
      fetch(`${venice.apiUrl}/stratagems/try-create`, { method: "POST", body, signal }),
    ).rejects.toMatchObject({ name: "TimeoutError" });
    await expect.poll(() => ducats("RialtoBanker")).toBe(942_200);
  });

  test("what it does not know is a page, GET /health among it", async () => {
    const response = await fetch(`${venice.apiUrl}/health`);
    expect(response.status).toBe(404);
    expect(response.headers.get("content-type")).toContain("text/html");
  });
});

describe("one base, one limit", () => {
  test("its requests count as the game's, and in a penalty each route makes its own of the refusal", async () => {
    const strict = await startAirtable({ now: () => instant });
    const api = await startVenice({ airtable: strict });
    const get = async (path: string) => (await fetch(`${api.apiUrl}${path}`)).json();
    const list = () =>
      fetch(`${strict.url}/v0/${strict.baseId}/CITIZENS`, {
        headers: { authorization: `Bearer ${strict.apiKey}` },
      });
    try {
      for (let count = 0; count < 3; count += 1)
        expect((await get("/stratagems"))._fallbackError).toBeUndefined();
      expect([(await list()).status, (await list()).status, (await list()).status]).toEqual([200, 200, 429]);
      expect(await get("/stratagems")).toMatchObject({ success: true, stratagems: [], _fallbackError: true });
      expect(await get("/citizens")).toMatchObject({ success: true, _fallback: true });
    } finally {
      await api.close();
      await strict.close();
    }
  });
});

describe("control", () => {
  const control = (method: string, path: string, body?: unknown) =>
    fetch(`${venice.url}/_control${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  test("plans and clears losses and faults, forgets citizens", async () => {
    expect((await control("POST", "/losses", { route: "citizens", times: 2 })).status).toBe(201);
    expect(await (await control("GET", "/losses")).json()).toEqual([{ route: "citizens", times: 2 }]);
    expect((await ask("GET", "/citizens")).body._fallback).toBe(true);
    expect((await control("DELETE", "/losses")).status).toBe(204);
    expect((await ask("GET", "/citizens")).body._fallback).toBeUndefined();
    expect((await control("POST", "/losses", { route: "wallets" })).status).toBe(400);
    expect((await control("POST", "/faults", { kind: "status_after", status: 504 })).status).toBe(201);
    expect((await ask("GET", "/citizens/RialtoBanker")).status).toBe(504);
    expect((await control("DELETE", "/cache")).status).toBe(204);
    expect((await ask("GET", "/citizens/RialtoBanker")).body).not.toHaveProperty("_cached");
    await control("POST", "/losses", {});
    expect((await control("POST", "/mend")).status).toBe(204);
    expect(venice.losses.planned()).toEqual([]);
    expect(venice.faults.seen.every(({ path }) => path.startsWith("/api/"))).toBe(true);
    expect(await (await control("GET", "")).text()).toContain("GET /stratagems");
  });
});
