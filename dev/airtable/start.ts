/** Airtable on a loopback port, with the game La Serenissima at work behind it. */
import { Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { setTimeout as sleep } from "node:timers/promises";
import { createFaults } from "../wire/faults.ts";
import type { Faults } from "../wire/faults.ts";
import { serve } from "../wire/serve.ts";
import { createBase } from "./base.ts";
import type { RecordJson, StoredRecord } from "./base.ts";
import { mountControl } from "./control.ts";
import { createAccess } from "./game/access.ts";
import type { Access } from "./game/access.ts";
import { PROCESSOR, PROCESSOR_USERNAME, RESIDENTS } from "./game/citizens.ts";
import { fieldsOfDefect } from "./game/defects.ts";
import type { RowDefect } from "./game/defects.ts";
import { createGameFaults } from "./game/faults.ts";
import type { GameFaults } from "./game/faults.ts";
import { createGame } from "./game/run.ts";
import type { GameRun, Schedule } from "./game/run.ts";
import { createTryCreate } from "./game/try-create.ts";
import type { TryCreate, TryCreateAnswer } from "./game/try-create.ts";
import { createLimiter } from "./limiter.ts";
import { authenticationRequired, modelNotFound, notFound, RATE_LIMITED, Refusal } from "./refusal.ts";
import { recordRoutes } from "./routes.ts";
import type { TableName } from "./schema.ts";

export type AirtableOptions = {
  readonly port?: number;
  /** The bearer token asked for; `patDevelopment` unless told. */
  readonly apiKey?: string;
  readonly baseId?: string;
  /** Stands still but for what a test does to it: waiting is not done in real time then. */
  readonly now?: () => Date;
  /** So far it is ahead of the machine's time, where `now` is not given. */
  readonly aheadMs?: () => number;
  /** For the whole base, the game included; Airtable's 5 unless told. */
  readonly requestsPerSecond?: number;
  /** How long every request is refused once the limit is passed; Airtable's 30 s unless told. */
  readonly penaltyMs?: number;
  /** What the game allows itself of the limit; three fifths unless told. */
  readonly gameRequestsPerSecond?: number;
  /** How exactly computed times are shown; Airtable's own examples all end in `.000Z`. The millisecond unless told. */
  readonly timesTo?: "millisecond" | "second";
  /** False: the base begins without the processor citizen. */
  readonly seedProcessor?: boolean;
};

export type Airtable = {
  /** What the SDK takes as `endpointUrl`. */
  readonly url: string;
  readonly port: number;
  readonly baseId: string;
  readonly apiKey: string;
  readonly faults: Faults;
  /** What goes wrong inside the game, between its writes. */
  readonly gameFaults: GameFaults;
  /** What the game's HTTP API (dev/venice) works with: the same base, the same share, the same clock. */
  readonly game: { readonly asks: Access; readonly tryCreate: TryCreate; readonly now: () => Date };
  readonly schedule: Schedule;
  /** The scheduled job, now; a dead schedule takes nothing. */
  runGame(): Promise<GameRun>;
  /** An operator's run of one stratagem, whatever its status and expiry. */
  runStratagem(stratagemId: string): Promise<GameRun>;
  /** Every record of a table, past the limit and the faults. */
  list(table: TableName): RecordJson[];
  citizen(username: string): RecordJson | undefined;
  /** @throws Refusal when Airtable would refuse the fields. */
  addCitizen(fields: Readonly<Record<string, unknown>> & { readonly Username: string }): RecordJson;
  /** @throws Refusal 404 for an unknown citizen. */
  setDucats(username: string, ducats: number): RecordJson;
  /** Writes to a row as anyone can. @throws Refusal. */
  forge(table: TableName, recordId: string, fields: Readonly<Record<string, unknown>>): RecordJson;
  remove(table: TableName, recordId: string): void;
  /** Spoils a stratagem at rest. @returns the row, or the second one of `double`. @throws Refusal 404. */
  spoil(recordId: string, kind: RowDefect): RecordJson;
  /** A stranger pays himself from the processor's purse, as anyone can; resolves when it is executed. */
  strangerSpends(username: string, ducats: number): Promise<TryCreateAnswer | undefined>;
  /** Ends every switch of the game: its faults, a dead schedule, late answers. Rows and purses stay. */
  mend(): void;
  /** Ends a penalty and forgets the requests counted so far. */
  resetLimit(): void;
  close(): Promise<void>;
};

/** @throws the listener's error when the port is taken. */
export async function startAirtable(options: AirtableOptions = {}): Promise<Airtable> {
  const aheadMs = options.aheadMs ?? (() => 0);
  const now = options.now ?? (() => new Date(Date.now() + aheadMs()));
  const apiKey = options.apiKey ?? "patDevelopment";
  const baseId = options.baseId ?? "appVeniceDev00001";
  const requestsPerSecond = options.requestsPerSecond ?? 5;
  const limiter = createLimiter({ requestsPerSecond, penaltyMs: options.penaltyMs ?? 30_000, now });
  const base = createBase(now, options.timesTo);
  const gameFaults = createGameFaults();
  const access = createAccess({
    base,
    limiter,
    now,
    share: options.gameRequestsPerSecond ?? Math.max(1, Math.floor((requestsPerSecond * 3) / 5)),
    // A clock that is injected does not move by waiting: then time passes for the limiter only.
    async wait(ms) {
      if (options.now === undefined) await sleep(ms);
      else limiter.elapse(ms);
    },
  });
  const game = createGame(access, gameFaults, now);
  const tryCreate = createTryCreate(access, gameFaults, now);

  function find(username: string): StoredRecord | undefined {
    const { records } = base.table("CITIZENS");
    return [...records.values()].find((each) => each.cells.get("Username") === username);
  }

  const faults = createFaults((context, status) => {
    if (status === 429) return context.json(RATE_LIMITED, 429);
    const error = status === 503 ? "SERVICE_UNAVAILABLE" : "SERVER_ERROR";
    return context.json({ error: { type: error, message: "Try again." } }, status as ContentfulStatusCode);
  });

  const control: Omit<Airtable, "url" | "port" | "close"> = {
    baseId,
    apiKey,
    faults,
    gameFaults,
    game: { asks: access.hasty, tryCreate, now },
    schedule: game.schedule,
    runGame: () => game.run(),
    runStratagem: (stratagemId) => game.runById(stratagemId),
    list(name) {
      const table = base.table(name);
      return [...table.records.values()].map((each) => base.show(table, each));
    },
    citizen(username) {
      const record = find(username);
      return record && base.show(base.table("CITIZENS"), record);
    },
    addCitizen(fields) {
      const table = base.table("CITIZENS");
      const citizen = { CitizenId: fields.Username, ...fields };
      return base.show(table, base.insert(table, base.prepare(table, citizen, false)));
    },
    setDucats(username, ducats) {
      const record = find(username);
      if (record === undefined) throw notFound();
      return control.forge("CITIZENS", record.id, { Ducats: ducats });
    },
    forge(name, recordId, fields) {
      const table = base.table(name);
      const record = base.record(table, recordId);
      base.write(record, base.prepare(table, fields, false), false);
      return base.show(table, record);
    },
    remove(name, recordId) {
      const table = base.table(name);
      table.records.delete(base.record(table, recordId).id);
    },
    spoil(recordId, kind) {
      const table = base.table("STRATAGEMS");
      const row = base.show(table, base.record(table, recordId));
      const fields = fieldsOfDefect(kind, row, now());
      if (kind !== "double") return control.forge("STRATAGEMS", recordId, fields);
      return base.show(table, base.insert(table, base.prepare(table, fields, false)));
    },
    async strangerSpends(username, ducats) {
      const answer = await tryCreate.create({
        citizenUsername: PROCESSOR_USERNAME,
        stratagemType: "transfer_ducats",
        stratagemDetails: { targetCitizenUsername: username, amount: ducats },
      });
      await tryCreate.settled();
      return answer;
    },
    mend() {
      gameFaults.clear();
      game.schedule.revive();
      tryCreate.answer("begun");
      tryCreate.pace("at once");
    },
    resetLimit: () => {
      limiter.reset();
    },
  };

  if (options.seedProcessor !== false) control.addCitizen(PROCESSOR);
  for (const resident of RESIDENTS) control.addCitizen(resident);

  const app = new Hono({ strict: false });
  faults.mount(app);
  mountControl(app, control);
  app.use("/v0/*", faults.middleware);
  app.use("/v0/:baseId/*", async (context, next) => {
    if (context.req.header("authorization") !== `Bearer ${apiKey}`) throw authenticationRequired();
    if (context.req.param("baseId") !== baseId) throw modelNotFound();
    if (!limiter.admit()) return context.json(RATE_LIMITED, 429);
    return next();
  });
  app.route("/v0/:baseId", recordRoutes(base, now));
  app.notFound((context) => context.json(notFound().body as object, 404));
  app.onError((error, context) => {
    if (error instanceof Refusal) {
      return context.json(error.body as object, error.status as ContentfulStatusCode);
    }
    return context.json({ error: { type: "SERVER_ERROR", message: error.message } }, 500);
  });

  const served = await serve(app, options.port);
  return { ...control, ...served };
}
