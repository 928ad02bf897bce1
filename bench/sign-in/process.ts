/** The measuring side of a contender's process. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { accounts } from "./contender.ts";
import { reportSchema, roundSchema, type Order, type Round } from "./messages.ts";

export type Contestant = {
  readonly name: string;
  signUpAll(onProgress: (done: number) => void): Promise<void>;
  round(clients: number, seconds: number): Promise<Round>;
  close(): Promise<void>;
};

export type ContestantOptions = {
  readonly name: string;
  /** Beside this file. */
  readonly program: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
};

/** Each has a process, so a heap and a thread pool, of its own; it rests while the other is measured. */
export function startContestant({ name, program, environment, logFile }: ContestantOptions): Contestant {
  // Both log as they would deployed.
  const log = openSync(logFile, "w");
  const child = fork(fileURLToPath(new URL(program, import.meta.url)), {
    env: { ...process.env, NODE_ENV: "production", ...environment },
    stdio: ["ignore", log, "inherit", "ipc"],
  });
  closeSync(log);

  async function ask(order: Order): Promise<unknown> {
    const over = new AbortController();
    try {
      const exit = once(child, "exit", over).then(async () => {
        throw new Error(`${name} ended\n${await lastWords()}`);
      });
      const answer = once(child, "message", over);
      child.send(order);
      const words: readonly unknown[] = await Promise.race([answer, exit]);
      const report = reportSchema.parse(words[0]);
      if ("failed" in report) throw new Error(`${name}: ${report.failed}\n${await lastWords()}`);
      return report.done;
    } finally {
      over.abort();
    }
  }

  async function lastWords(): Promise<string> {
    return (await readFile(logFile, "utf8")).trimEnd().split("\n").slice(-3).join("\n");
  }

  return {
    name,
    async signUpAll(onProgress) {
      const step = accounts / 4;
      for (let from = 0; from < accounts; from += step) {
        await ask({ do: "sign-up", from, to: from + step });
        onProgress(from + step);
      }
    },
    round: async (clients, seconds) => roundSchema.parse(await ask({ do: "round", clients, seconds })),
    async close() {
      if (!child.connected) return;
      const exit = once(child, "exit");
      child.disconnect();
      await exit;
    },
  };
}
