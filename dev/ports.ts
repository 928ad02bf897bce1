/** Ports: a free one, whether they are free, and who holds one that isn't. */
import { execFile } from "node:child_process";
import { randomInt } from "node:crypto";
import { readdir, readFile, readlink } from "node:fs/promises";
import { createServer } from "node:net";
import { promisify } from "node:util";

/** A port that something else listens on; its message is one sentence with the holder. */
export class PortBusy extends Error {
  override readonly name = "PortBusy";
}

/** @throws PortBusy for the first port that is taken. */
export async function assertPortsFree(ports: Readonly<Record<string, number>>): Promise<void> {
  for (const [what, port] of Object.entries(ports)) {
    if ((await isFree(port, "127.0.0.1")) && (await isFree(port, "::"))) continue;
    const holder = await holderOf(port);
    const who = holder ? `process ${holder.pid} (${holder.command})` : "another process";
    throw new PortBusy(`Port ${port}, for ${what}, is taken by ${who}: end it and start again.`);
  }
}

/** Below the ports that systems give to outgoing connections, one of which might take it again at once. */
const [lowest, end] = [20_000, 32_000];
let next = randomInt(lowest, end);

/** A port that was free a moment ago; never the same twice. */
export async function freePort(): Promise<number> {
  for (let tries = lowest; tries < end; tries += 1) {
    const port = next;
    next = port + 1 < end ? port + 1 : lowest;
    if (await isFree(port, "127.0.0.1")) return port;
  }
  throw new Error(`No port between ${lowest} and ${end} is free: end what you don't need and start again.`);
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    // A machine without IPv6 refuses "::" for another reason: that leaves the port free.
    probe.once("error", (error) => {
      resolve(!("code" in error && error.code === "EADDRINUSE"));
    });
    probe.listen({ port, host, exclusive: true }, () => {
      probe.close(() => {
        resolve(true);
      });
    });
  });
}

export type Holder = { readonly pid: number; readonly command: string };

/** The process that listens on a port, as far as this system tells. */
export async function holderOf(port: number): Promise<Holder | undefined> {
  return (await fromProc(port)) ?? (await fromLsof(port));
}

const LISTENING = "0A";

/** Linux: the listening socket's inode, then the process that has it open. Others' processes may be closed to us. */
async function fromProc(port: number): Promise<Holder | undefined> {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const sockets = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const text = await readFile(table, "utf8").catch(() => "");
    for (const line of text.split("\n")) {
      const [, address, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (address?.endsWith(local) && state === LISTENING && inode) sockets.add(`socket:[${inode}]`);
    }
  }
  if (sockets.size === 0) return undefined;
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const files = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const file of files) {
      const target = await readlink(`/proc/${pid}/fd/${file}`).catch(() => "");
      if (!sockets.has(target)) continue;
      const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      return { pid: Number(pid), command: shortened(line.replaceAll("\0", " ").trim()) };
    }
  }
  return undefined;
}

async function fromLsof(port: number): Promise<Holder | undefined> {
  const answer = await promisify(execFile)("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fpc"]).catch(
    () => undefined,
  );
  const pid = /^p(\d+)$/m.exec(answer?.stdout ?? "")?.[1];
  const command = /^c(.+)$/m.exec(answer?.stdout ?? "")?.[1];
  return pid && command ? { pid: Number(pid), command } : undefined;
}

function shortened(command: string): string {
  return command.length > 100 ? `${command.slice(0, 99)}…` : command;
}
