/** What functions wrote to standard output during a test. */
import { afterEach, beforeEach, vi, type MockInstance } from "vitest";

/** A request's one line. */
export type RequestLine = {
  readonly event: "request";
  readonly function: string;
  readonly method: string;
  readonly requestId: string;
  readonly status: number;
  readonly outcome: string;
  readonly ms: number;
  /** Round trips by port. */
  readonly trips: Readonly<Partial<Record<string, number>>>;
  readonly account?: string;
  readonly error?: string;
};

export type WrittenLog = {
  /** All of it, as it stands there. */
  text(): string;
  /** The lines of requests, oldest first. */
  requests(): RequestLine[];
  /** The line of the last request. */
  last(): RequestLine;
  forget(): void;
};

/** Collects each test's log and keeps it off the terminal. */
export function useLog(): WrittenLog {
  let spy: MockInstance<typeof console.log> | undefined;
  beforeEach(() => {
    spy = vi.spyOn(console, "log").mockImplementation(() => undefined);
  });
  afterEach(() => {
    spy?.mockRestore();
  });
  const lines = (): string[] => (spy?.mock.calls ?? []).map((parts) => parts.map(String).join(" "));
  const requests = (): RequestLine[] =>
    lines()
      .map((line) => JSON.parse(line) as { event: string })
      .filter((line): line is RequestLine => line.event === "request");
  return {
    text: () => lines().join("\n"),
    requests,
    last() {
      const line = requests().at(-1);
      if (!line) throw new Error("no request was logged");
      return line;
    },
    forget: () => void spy?.mockClear(),
  };
}
