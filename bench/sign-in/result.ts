/** What a run found, as it is kept and as it is printed. */
import type { Comparison } from "./figures.ts";

export type Result = {
  readonly measuredAt: string;
  readonly machine: {
    readonly processor: string;
    readonly cores: number;
    readonly node: string;
    readonly postgres: string;
  };
  readonly betterAuthVersion: string;
  readonly procedure: { readonly rounds: number; readonly secondsPerRound: number };
  /** Proof that both did the work: a session is one row. */
  readonly rowsWrittenPerSignIn: { readonly cascade: number; readonly betterAuth: number };
  readonly comparisons: readonly Comparison[];
};

export function machineLine({ machine }: Result): string {
  return `${machine.processor}, ${machine.cores} cores; Node ${machine.node}; Postgres ${machine.postgres}`;
}

export function table(result: Result): string {
  const peer = `better-auth ${result.betterAuthVersion}`;
  const rows = result.comparisons.flatMap(({ clients, cascade, betterAuth, ratio }) => [
    [clients, "CASCADE", cascade.perSecond, cascade.p50Ms, cascade.p95Ms, ratio.toFixed(2)],
    [clients, peer, betterAuth.perSecond, betterAuth.p50Ms, betterAuth.p95Ms, ""],
  ]);
  const cells = [["clients", "", "sign-ins/s", "p50 ms", "p95 ms", "ratio"], ...rows].map((row) =>
    row.map((cell, column) => (typeof cell === "number" && column > 1 ? cell.toFixed(1) : String(cell))),
  );
  const width = (column: number) => Math.max(...cells.map((row) => row[column]?.length ?? 0));
  return cells
    .map((row) =>
      row
        .map((cell, column) => (column === 1 ? cell.padEnd(width(column)) : cell.padStart(width(column))))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
