/** The Airtable stand-in through the real SDK: as strict as the vendor, with its formulas, pages, limit and faults. */
import AirtableSdk from "airtable";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startAirtable } from "../../dev/airtable/start.ts";
import type { Airtable } from "../../dev/airtable/start.ts";

let airtable: Airtable;
let instant: Date;

beforeEach(async () => {
  instant = new Date("2026-11-20T12:00:00.000Z");
  airtable = await startAirtable({ now: () => instant, requestsPerSecond: 10_000 });
});

afterEach(async () => {
  await airtable.close();
});

function pass(ms: number): void {
  instant = new Date(instant.getTime() + ms);
}

function base(server = airtable, overrides: { apiKey?: string; baseId?: string } = {}): AirtableSdk.Base {
  return new AirtableSdk({
    apiKey: overrides.apiKey ?? server.apiKey,
    endpointUrl: server.url,
    noRetryIfRateLimited: true,
    requestTimeout: 2_000,
  }).base(overrides.baseId ?? server.baseId);
}

/** What the SDK rejects with: no Error, but an object with these. */
async function refusal(
  work: Promise<unknown>,
): Promise<{ error: string; message: string; statusCode: number }> {
  try {
    await work;
  } catch (error) {
    return error as { error: string; message: string; statusCode: number };
  }
  throw new Error("it was accepted");
}

async function raw(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${airtable.url}/v0/${airtable.baseId}/${path}`, {
    method,
    headers: { authorization: `Bearer ${airtable.apiKey}`, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

async function usernames(filterByFormula: string): Promise<unknown[]> {
  const found = await base()("CITIZENS").select({ filterByFormula }).all();
  return found.map((each) => each.get("Username"));
}

const stratagem = {
  StratagemId: "dlv_1",
  Type: "transfer_ducats",
  Variant: "instant",
  Category: "economic",
  Name: "Payment",
  ExecutedBy: "CASCADE_PAYMENT_PROCESSOR",
  TargetCitizen: "RialtoBanker",
  Status: "planned",
  Notes: '{"amount": 100}',
  ExpiresAt: "2026-11-27T12:00:00.000Z",
};

describe("records through the SDK", () => {
  test("create, find, update, replace, destroy", async () => {
    const table = base()("STRATAGEMS");
    const created = await table.create(stratagem);
    expect(created.id).toMatch(/^rec[A-Za-z0-9]{14}$/);
    expect(created.fields).toEqual({
      ...stratagem,
      CreatedAt: "2026-11-20T12:00:00.000Z",
      UpdatedAt: "2026-11-20T12:00:00.000Z",
    });
    pass(1_000);
    const updated = await table.update(created.id, { Status: "active" });
    expect(updated.fields).toMatchObject({
      Status: "active",
      Notes: stratagem.Notes,
      UpdatedAt: "2026-11-20T12:00:01.000Z",
    });
    expect((await table.find(created.id)).get("Status")).toBe("active");
    const replaced = await table.replace(created.id, { Status: "cancelled" });
    expect(Object.keys(replaced.fields).sort()).toEqual(["CreatedAt", "Status", "UpdatedAt"]);
    expect((await table.destroy(created.id)).id).toBe(created.id);
    expect((await refusal(table.find(created.id))).statusCode).toBe(404);
  });

  test("ten at a time: create, update and destroy, eleven refused and nothing written", async () => {
    const table = base()("STRATAGEMS");
    const rows = (count: number) => Array.from({ length: count }, () => ({ fields: stratagem }));
    const created = await table.create(rows(10));
    expect(created).toHaveLength(10);
    expect(await refusal(table.create(rows(11)))).toMatchObject({
      error: "INVALID_RECORDS",
      statusCode: 422,
    });
    const changed = await table.update(
      created.map(({ id }) => ({ id, fields: { Status: "expired" as const } })),
    );
    expect(changed.every((each) => each.get("Status") === "expired")).toBe(true);
    expect(await table.destroy(created.map(({ id }) => id))).toHaveLength(10);
    expect(airtable.list("STRATAGEMS")).toEqual([]);
  });

  test("one bad record refuses the whole request", async () => {
    const table = base()("STRATAGEMS");
    const bad = { fields: { ...stratagem, Amount: 100 } };
    expect(await refusal(table.create([{ fields: stratagem }, bad]))).toMatchObject({
      error: "UNKNOWN_FIELD_NAME",
      message: 'Unknown field name: "Amount"',
    });
    const row = await table.create(stratagem);
    const missing = { id: "recAAAAAAAAAAAAAA", fields: { Status: "failed" } };
    expect(
      await refusal(table.update([{ id: row.id, fields: { Status: "failed" } }, missing])),
    ).toMatchObject({
      error: "ROW_DOES_NOT_EXIST",
    });
    const twice = { id: row.id, fields: { Status: "failed" } };
    expect(await refusal(table.update([twice, twice]))).toMatchObject({ error: "INVALID_RECORDS" });
    expect(airtable.list("STRATAGEMS").map((each) => each.fields["Status"])).toEqual(["planned"]);
  });

  test("empty cells are left out of what is read", async () => {
    const row = await base()("CITIZENS").create({ Username: "new", InVenice: false, Description: "" });
    expect(Object.keys(row.fields).sort()).toEqual(["CreatedAt", "UpdatedAt", "Username"]);
  });
});

describe("refusals", () => {
  test.each([
    ["another key", { apiKey: "wrong" }, 401, "AUTHENTICATION_REQUIRED"],
    ["another base", { baseId: "appAAAAAAAAAAAAAA" }, 403, "NOT_AUTHORIZED"],
  ])("%s", async (_name, overrides, statusCode, error) => {
    const refused = refusal(base(airtable, overrides)("CITIZENS").select().firstPage());
    expect(await refused).toMatchObject({ statusCode, error });
  });

  test("an unknown table, an unknown record, an unknown route", async () => {
    expect(await raw("GET", "BUILDINGS")).toMatchObject({
      status: 403,
      body: { error: { type: "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND" } },
    });
    expect(await raw("GET", "citizens")).toMatchObject({ status: 403 });
    expect(await raw("GET", "CITIZENS/recAAAAAAAAAAAAAA")).toEqual({
      status: 404,
      body: { error: "NOT_FOUND" },
    });
    expect(await raw("PATCH", "CITIZENS/recAAAAAAAAAAAAAA", { fields: {} })).toMatchObject({ status: 404 });
    expect(await raw("POST", "CITIZENS/recAAAAAAAAAAAAAA/comments", {})).toEqual({
      status: 404,
      body: { error: "NOT_FOUND" },
    });
    const authorized = { headers: { authorization: `Bearer ${airtable.apiKey}` } };
    expect((await fetch(`${airtable.url}/v0/meta/bases`, authorized)).status).toBe(403);
    expect((await fetch(`${airtable.url}/v1/other`, authorized)).status).toBe(404);
  });

  test.each([
    ["CITIZENS", { ConsciousnessVerified: true }, "UNKNOWN_FIELD_NAME"],
    ["CITIZENS", { ducats: 1 }, "UNKNOWN_FIELD_NAME"],
    ["CITIZENS", { Ducats: "100" }, "INVALID_VALUE_FOR_COLUMN"],
    ["CITIZENS", { Username: 7 }, "INVALID_VALUE_FOR_COLUMN"],
    ["CITIZENS", { IsAI: "true" }, "INVALID_VALUE_FOR_COLUMN"],
    ["CITIZENS", { UpdatedAt: "2026-11-20" }, "INVALID_VALUE_FOR_COLUMN"],
    ["CITIZENS", { SocialClass: "Innovatore" }, "INVALID_MULTIPLE_CHOICE_OPTIONS"],
    ["STRATAGEMS", { Metadata: "{}" }, "UNKNOWN_FIELD_NAME"],
    ["STRATAGEMS", { CreatedAt: "2026-11-20T12:00:00.000Z" }, "INVALID_VALUE_FOR_COLUMN"],
    ["STRATAGEMS", { Status: "Active" }, "INVALID_MULTIPLE_CHOICE_OPTIONS"],
    ["STRATAGEMS", { Status: "" }, "INVALID_MULTIPLE_CHOICE_OPTIONS"],
    ["STRATAGEMS", { Status: ["active"] }, "INVALID_VALUE_FOR_COLUMN"],
    ["STRATAGEMS", { Notes: { amount: 100 } }, "INVALID_VALUE_FOR_COLUMN"],
    ["STRATAGEMS", { ExpiresAt: "in a week" }, "INVALID_VALUE_FOR_COLUMN"],
    ["STRATAGEMS", { ExpiresAt: 1_795_000_000 }, "INVALID_VALUE_FOR_COLUMN"],
    ["NOTIFICATIONS", { CitizenUsername: "RialtoBanker" }, "UNKNOWN_FIELD_NAME"],
    ["NOTIFICATIONS", { UpdatedAt: "2026-11-20" }, "INVALID_VALUE_FOR_COLUMN"],
    ["TRANSACTIONS", { Amount: 3 }, "UNKNOWN_FIELD_NAME"],
  ])("%s %j: %s", async (table, fields, type) => {
    expect(await raw("POST", table, { fields })).toMatchObject({ status: 422, body: { error: { type } } });
    expect(await raw("POST", table, { records: [{ fields }] })).toMatchObject({ status: 422 });
  });

  test("Airtable's words", async () => {
    const message = async (fields: object) =>
      ((await raw("POST", "CITIZENS", { fields })).body as { error: { message: string } }).error.message;
    expect(await message({ CreatedAt: "2026" })).toBe(
      'Field "CreatedAt" cannot accept a value because the field is computed',
    );
    expect(await message({ Ducats: "1" })).toBe('Field "Ducats" cannot accept the provided value');
    expect(await message({ SocialClass: "Doge" })).toBe(
      'Insufficient permissions to create new select option ""Doge""',
    );
  });

  test("typecast converts, and only then", async () => {
    const fields = { Username: 7, Ducats: "12.5", SocialClass: "Doge", IsAI: "yes" };
    const { status, body } = await raw("POST", "CITIZENS", { fields, typecast: true });
    expect(status).toBe(200);
    expect(body).toMatchObject({ fields: { Username: "7", Ducats: 12.5, SocialClass: "Doge", IsAI: true } });
    expect(await raw("POST", "CITIZENS", { fields: { SocialClass: "Doge" } })).toMatchObject({ status: 200 });
    expect(await raw("POST", "CITIZENS", { fields: { UpdatedAt: "2026" }, typecast: true })).toMatchObject({
      status: 422,
    });
  });

  test.each([
    ["POST", "CITIZENS", "{", 400],
    ["POST", "CITIZENS", "[]", 422],
    ["POST", "CITIZENS", {}, 422],
    ["POST", "CITIZENS", { fields: {}, upsert: true }, 422],
    ["POST", "CITIZENS", { records: [] }, 422],
    ["PATCH", "CITIZENS", { records: [{ fields: {} }] }, 422],
    ["PATCH", "CITIZENS", { records: [], performUpsert: { fieldsToMergeOn: ["Username"] } }, 422],
    ["DELETE", "CITIZENS", undefined, 422],
    ["GET", "CITIZENS?pageSize=101", undefined, 422],
    ["GET", "CITIZENS?pageSize=0", undefined, 422],
    ["GET", "CITIZENS?maxRecords=x", undefined, 422],
    ["GET", "CITIZENS?view=Nobles", undefined, 422],
    ["GET", "CITIZENS?unknown=1", undefined, 422],
    ["GET", "CITIZENS?fields[]=Amount", undefined, 422],
    ["GET", "CITIZENS?sort[0][field]=Amount", undefined, 422],
    ["GET", "CITIZENS?offset=itrAAAAAAAAAAAAAA/recAAAAAAAAAAAAAA", undefined, 422],
    ["GET", "CITIZENS?cellFormat=string", undefined, 422],
  ])("%s %s with %j: %i", async (method, path, body, status) => {
    expect((await raw(method, path, body)).status).toBe(status);
  });
});

describe("listing", () => {
  beforeEach(() => {
    for (let index = 0; index < 250; index += 1) {
      airtable.addCitizen({ Username: `extra_${String(index).padStart(3, "0")}`, Influence: index });
    }
  });

  test("pages of 100 until all are read", async () => {
    const sizes: number[] = [];
    await base()("CITIZENS")
      .select()
      .eachPage((records, next) => {
        sizes.push(records.length);
        next();
      });
    expect(sizes).toEqual([100, 100, 63]);
  });

  test("maxRecords, pageSize, fields, sort", async () => {
    const found = await base()("CITIZENS")
      .select({
        maxRecords: 7,
        pageSize: 3,
        fields: ["Username"],
        sort: [{ field: "Influence", direction: "desc" }],
        filterByFormula: "FIND('extra_', {Username})",
        view: "Grid view",
      })
      .all();
    expect(found.map((each) => each.fields)).toEqual(
      [249, 248, 247, 246, 245, 244, 243].map((index) => ({ Username: `extra_${index}` })),
    );
  });

  test("a record added or deleted between pages neither shifts nor repeats the others", async () => {
    const seen: string[] = [];
    await base()("CITIZENS")
      .select({ pageSize: 100 })
      .eachPage((records, next) => {
        seen.push(...records.map((each) => each.id));
        const [first] = airtable.list("CITIZENS");
        if (first) airtable.remove("CITIZENS", first.id);
        airtable.addCitizen({ Username: "late" });
        next();
      });
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toHaveLength(263);
  });

  test("by POST as by GET, for formulas too long for an address", async () => {
    const long = `OR(${Array.from({ length: 700 }, (_, index) => `{Username}='extra_${index}'`).join(",")})`;
    expect(long.length).toBeGreaterThan(15_000);
    const found = await base()("CITIZENS").select({ filterByFormula: long }).all();
    expect(found).toHaveLength(150);
    const byPost = await base()("CITIZENS").select({ maxRecords: 2, method: "post" }).all();
    expect(byPost).toHaveLength(2);
  });
});

describe("filterByFormula", () => {
  test.each([
    ["{Username}='RialtoBanker'", ["RialtoBanker"]],
    ['Username = "RialtoBanker"', ["RialtoBanker"]],
    ["{Username}='rialtobanker'", []],
    ["LOWER({Username})='rialtobanker'", ["RialtoBanker"]],
    ["{Username}='Bepi_Dall\\'Oro'", ["Bepi_Dall'Oro"]],
    ['{Username}="Bepi_Dall\'Oro"', ["Bepi_Dall'Oro"]],
    ["{Ducats}=2190.375", ["LaceWeaverOrsola"]],
    ["AND({Ducats} >= 900000, {Ducats} < 1000000)", ["RialtoBanker"]],
    ["{Ducats} > 500000 + 2 * 250000 - 1", ["CASCADE_PAYMENT_PROCESSOR"]],
    ["({Ducats} + 4) / 2 = 50", ["arsenal_caulker"]],
    ["-{Ducats} = -96", ["arsenal_caulker"]],
    ["AND(NOT({InVenice}), {SocialClass}='Artisti')", ["VerdigrisNina"]],
    ["AND({IsAI}=1, {SocialClass}='Facchini')", ["arsenal_caulker"]],
    ["AND({IsAI}=TRUE(), {SocialClass}='Facchini')", ["arsenal_caulker"]],
    ["{FirstName} & ' ' & {LastName} = 'Leyla Osmanova'", ["SpiceTraderLeyla"]],
    ["FIND('Banker', {Username}) = 7", ["RialtoBanker"]],
    ["AND({Influence} != BLANK(), {Influence} <= 420)", ["SaltMerchantPisana"]],
    ["AND({SocialClass}='Nobili', {Influence}=BLANK())", ["BarnabottoLuca"]],
    ["IS_AFTER({CreatedAt}, '2026-11-21')", []],
    ["AND(IS_BEFORE(LAST_MODIFIED_TIME(), '2026-11-21'), {Ducats}=318)", ["gondoliere_77"]],
    ["AND({CreatedAt} < '2026-11-20T12:00:01.000Z', {Ducats}=318)", ["gondoliere_77"]],
    ["{Username} + 1 > 0", []],
    ["1 / 0", []],
    ["FALSE()", []],
  ])("%s", async (formula, expected) => {
    expect(await usernames(formula)).toEqual(expected);
  });

  test("RECORD_ID finds one record", async () => {
    const id = airtable.citizen("gondoliere_77")?.id ?? "";
    expect(await usernames(`RECORD_ID()='${id}'`)).toEqual(["gondoliere_77"]);
  });

  test.each([
    ["{Nope}=1", "Unknown field names: nope"],
    ["OR(TRUE(), {Nope}=1, {Other}=2)", "Unknown field names: nope, other"],
    ["SUBSTITUTE({Username}, 'a', 'b')", "Unknown function name: SUBSTITUTE"],
    ["{Username}='unclosed", "Invalid formula"],
    ["{Username='x'", "Invalid formula"],
    ["AND({Status}", "Invalid formula"],
    ["{Username} IS NULL", "Invalid formula"],
    ["{Username}=='x'", "Invalid formula"],
    ["NOT()", "Invalid formula"],
    ["1 2", "Invalid formula"],
    ["'a' ; 'b'", "Invalid formula"],
    ["(".repeat(5_000), "Invalid formula"],
    [`'${"x".repeat(16_000)}'`, "too long"],
  ])("%s is refused", async (formula, words) => {
    const refused = await refusal(base()("CITIZENS").select({ filterByFormula: formula }).all());
    expect(refused).toMatchObject({ error: "INVALID_FILTER_BY_FORMULA", statusCode: 422 });
    expect(refused.message).toContain(words);
  });

  test("an injected formula works when a username is not escaped, and does not when it is", async () => {
    const hostile = ["' , TRUE()) & OR('1", "x' = '' & 'x", "\\' , 1=1, '", "a\\", "'", '"', "{Username}"];
    const escape = (text: string) => text.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
    const unescaped = "x', TRUE(), '";
    const everyone = airtable.list("CITIZENS").length;
    expect(await usernames(`OR({Username}='${unescaped}')`)).toHaveLength(everyone);
    for (const username of hostile) {
      expect(await usernames(`OR({Username}='${escape(username)}')`)).toEqual([]);
      airtable.addCitizen({ Username: username });
      expect(await usernames(`OR({Username}='${escape(username)}')`)).toEqual([username]);
    }
    // Escaping the quotes alone leaves the backslash to eat the closing one.
    const careless = usernames(`OR({Username}='${"a\\".replaceAll("'", "\\'")}')`);
    expect(await refusal(careless)).toMatchObject({ error: "INVALID_FILTER_BY_FORMULA" });
  });
});

describe("limit", () => {
  test("five a second, then a penalty of 30 seconds for everyone", async () => {
    const strict = await startAirtable({ now: () => instant });
    try {
      const read = () => base(strict)("CITIZENS").select({ maxRecords: 1 }).firstPage();
      for (let count = 0; count < 5; count += 1) await read();
      pass(1_000);
      for (let count = 0; count < 5; count += 1) await read();
      expect(await refusal(read())).toMatchObject({ statusCode: 429, error: "TOO_MANY_REQUESTS" });
      pass(29_999);
      expect(await refusal(read())).toMatchObject({ statusCode: 429 });
      pass(1);
      expect(await read()).toHaveLength(1);
      const response = await fetch(`${strict.url}/v0/${strict.baseId}/CITIZENS`);
      expect(response.status).toBe(401);
    } finally {
      await strict.close();
    }
  });

  test("a parallel burst is refused but for five", async () => {
    const strict = await startAirtable({ now: () => instant, penaltyMs: 1_000 });
    try {
      const read = () => base(strict)("CITIZENS").select({ maxRecords: 1 }).firstPage();
      const answers = await Promise.allSettled(Array.from({ length: 20 }, read));
      expect(answers.filter((each) => each.status === "fulfilled")).toHaveLength(5);
      pass(1_000);
      await read();
      strict.resetLimit();
      await read();
    } finally {
      await strict.close();
    }
  });
});

describe("faults", () => {
  test("a refusal writes nothing and comes in Airtable's envelope", async () => {
    airtable.faults.plan({ kind: "status", status: 500, method: "POST" });
    expect(await refusal(base()("STRATAGEMS").create(stratagem))).toMatchObject({
      statusCode: 500,
      error: "SERVER_ERROR",
    });
    airtable.faults.plan({ kind: "status", status: 429 });
    expect(await refusal(base()("STRATAGEMS").create(stratagem))).toMatchObject({ statusCode: 429 });
    expect(airtable.list("STRATAGEMS")).toEqual([]);
  });

  test("drop_before leaves no row, drop_after one that nobody was told of, repeat two", async () => {
    const create = () => base()("STRATAGEMS").create(stratagem);
    airtable.faults.plan({ kind: "drop_before" });
    await expect(create()).rejects.toBeDefined();
    expect(airtable.list("STRATAGEMS")).toHaveLength(0);
    airtable.faults.plan({ kind: "drop_after" });
    await expect(create()).rejects.toBeDefined();
    expect(airtable.list("STRATAGEMS")).toHaveLength(1);
    airtable.faults.plan({ kind: "repeat" });
    await create();
    expect(airtable.list("STRATAGEMS")).toHaveLength(3);
  });

  test("a late answer passes the SDK's timeout", async () => {
    airtable.faults.plan({ kind: "latency", latencyMs: 300 });
    const impatient = new AirtableSdk({
      apiKey: airtable.apiKey,
      endpointUrl: airtable.url,
      noRetryIfRateLimited: true,
      requestTimeout: 40,
    }).base(airtable.baseId);
    await expect(impatient("CITIZENS").select().firstPage()).rejects.toBeDefined();
  });

  test("the requests seen are the vendor's only", async () => {
    await base()("CITIZENS").select({ maxRecords: 1 }).firstPage();
    await fetch(`${airtable.url}/_control/records/CITIZENS`);
    expect(airtable.faults.seen).toMatchObject([{ method: "GET", status: 200 }]);
  });
});
