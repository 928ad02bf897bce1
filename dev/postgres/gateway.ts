/** Neon's HTTP protocol (`POST /sql`) in front of any Postgres, so that the real Neon driver runs unchanged. */
import { Hono } from "hono";
import pg from "pg";
import { z } from "zod";
import { createFaults, type Faults } from "../wire/faults.ts";
import { serve, type Served } from "../wire/serve.ts";

const query = z.strictObject({ query: z.string(), params: z.array(z.unknown()) });
const request = z.union([query, z.strictObject({ queries: z.array(query).min(1) })]);

const isolationLevels: Readonly<Record<string, string>> = {
  ReadUncommitted: "read uncommitted",
  ReadCommitted: "read committed",
  RepeatableRead: "repeatable read",
  Serializable: "serializable",
};

/** Neon answers every value as Postgres' own text; the driver parses it. */
const rawText: pg.CustomTypesConfig = { getTypeParser: () => (value: string) => value };

export type Gateway = Served & { readonly faults: Faults };

/**
 * Starts the gateway. Each call logs in as the user of its connection string, on a pooled session that is reset
 * (`discard all`) before it is used again.
 */
export async function startGateway(options: { port?: number } = {}): Promise<Gateway> {
  const pools = new Map<string, pg.Pool>();
  const app = new Hono();
  const faults = createFaults((context, status) =>
    context.json({ message: "Control plane request failed", code: null }, status as 500),
  );
  faults.mount(app);
  app.use("*", faults.middleware);

  app.post("/sql", async (context) => {
    const url = context.req.header("neon-connection-string");
    if (!url) return context.json({ message: "missing Neon-Connection-String header" }, 400);
    if (
      context.req.header("neon-raw-text-output") !== "true" ||
      context.req.header("neon-array-mode") !== "true"
    )
      return context.json({ message: "this gateway answers raw text in array mode only" }, 400);
    const parsed = request.safeParse(await context.req.json().catch(() => undefined));
    if (!parsed.success) return context.json({ message: z.prettifyError(parsed.error) }, 400);
    let client: pg.PoolClient;
    try {
      client = await pool(url).connect();
    } catch (error) {
      return context.json(wireError(error), 400);
    }
    try {
      if ("query" in parsed.data) return context.json(wireResult(await run(client, parsed.data)));
      await client.query(begin((name) => context.req.header(name)));
      const results = [];
      for (const each of parsed.data.queries) results.push(wireResult(await run(client, each)));
      await client.query("commit");
      return context.json({ results });
    } catch (error) {
      await client.query("rollback");
      return context.json(wireError(error), 400);
    } finally {
      await reset(client);
    }
  });
  app.notFound((context) => context.json({ message: `unknown route ${context.req.path}` }, 404));

  function pool(url: string): pg.Pool {
    let found = pools.get(url);
    if (!found) {
      found = new pg.Pool({ connectionString: url, max: 40, idleTimeoutMillis: 2_000 });
      // A session that dies while idle is replaced at the next call.
      found.on("error", () => undefined);
      pools.set(url, found);
    }
    return found;
  }

  const served = await serve(app, options.port);
  return {
    ...served,
    faults,
    close: async () => {
      await served.close();
      await Promise.all([...pools.values()].map((each) => each.end()));
    },
  };
}

function run(client: pg.PoolClient, each: z.infer<typeof query>): Promise<pg.QueryArrayResult> {
  return client.query({ text: each.query, values: each.params, rowMode: "array", types: rawText });
}

async function reset(client: pg.PoolClient): Promise<void> {
  try {
    await client.query("discard all");
    client.release();
  } catch (error) {
    client.release(error instanceof Error ? error : true);
  }
}

function begin(header: (name: string) => string | undefined): string {
  const level = isolationLevels[header("neon-batch-isolation-level") ?? "ReadCommitted"];
  if (!level) throw new Error("unknown isolation level");
  const access = header("neon-batch-read-only") === "true" ? "read only" : "read write";
  const deferrable = header("neon-batch-deferrable") === "true" ? ", deferrable" : "";
  return `begin isolation level ${level}, ${access}${deferrable}`;
}

const fieldNames = [
  "name",
  "dataTypeID",
  "tableID",
  "columnID",
  "dataTypeSize",
  "dataTypeModifier",
  "format",
];

const errorNames = [
  ...["message", "code", "severity", "detail", "hint", "position", "schema", "table", "column", "dataType"],
  ...["constraint", "routine"],
];

function wireResult(result: pg.QueryArrayResult) {
  return {
    command: result.command,
    rowCount: result.rowCount,
    rows: result.rows,
    fields: result.fields.map((field) => pick(field, fieldNames)),
    rowAsArray: true,
  };
}

function wireError(error: unknown) {
  if (error instanceof pg.DatabaseError) return pick(error, errorNames);
  return { message: error instanceof Error ? error.message : String(error) };
}

function pick(from: object, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name): [string, unknown] => [name, Reflect.get(from, name)]));
}
