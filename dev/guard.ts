/** Ends what would outlive this process, even when it is killed without a chance to clean up. */
import { spawn } from "node:child_process";
import { Socket } from "node:net";

export type Guarded = {
  /** A process id; negative for a whole process group. */
  readonly target: number;
  readonly signal: "INT" | "TERM";
  /** A folder of this process's own that is removed, too. */
  readonly folder?: string;
};

// The pipe is ours alone: it ends when we do, whatever ended us. A word through it says that all is in order.
const SCRIPT = `read -r word && exit 0
kill -s "$1" -- "$2" 2>/dev/null
tries=0
while kill -0 -- "$2" 2>/dev/null && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
kill -s KILL -- "$2" 2>/dev/null
[ -z "$3" ] || rm -rf -- "$3"`;

/** @returns releases the guard, once the target has been ended in the normal way. */
export function guard({ target, signal, folder = "" }: Guarded): () => void {
  // Windows has no such shell and no such signals; there, only a normal end cleans up.
  if (process.platform === "win32") return () => undefined;
  const watcher = spawn("sh", ["-c", SCRIPT, "cascade-dev-guard", signal, String(target), folder], {
    // Its own group: what ends our group (Ctrl-C, a closed terminal) must leave it to do its work.
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  // A guard that can't be started, or was ended by hand, is no reason to fail.
  watcher.on("error", () => undefined);
  watcher.stdin.on("error", () => undefined);
  watcher.unref();
  if (watcher.stdin instanceof Socket) watcher.stdin.unref();
  return () => void watcher.stdin.end("done\n");
}
