/** One call to a function under `/api`: an answer is what was asked for, a refusal in its words, or silence. */
import { unknown, type Guard } from "./guards.ts";
import { problemShape, type Problem } from "./wire.ts";

export type Refused = {
  readonly kind: "refused";
  readonly status: number;
  readonly problem: Problem;
  /** From Retry-After, when the answer has one. */
  readonly retryAfterSeconds: number | undefined;
};
/** No answer that can be read: offline, too slow, or broken on the way. What was asked may have happened. */
export type Silent = { readonly kind: "silent" };
export type Answer<T> = { readonly kind: "ok"; readonly body: T } | Refused | Silent;

/** What was asked may have happened: its retry has the same key. */
export function isUnclear(answer: Answer<unknown>): boolean {
  return answer.kind === "silent" || (answer.kind === "refused" && answer.problem.code === "change_unclear");
}

const silent: Silent = { kind: "silent" };

/** Above the functions' own deadlines, so that their refusal is read before this gives up. */
const timeoutMs = 25_000;

type Sent = {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

export async function call<T>(path: string, expected: Guard<T>, sent: Sent = {}): Promise<Answer<T>> {
  const hasBody = sent.json !== undefined;
  try {
    const response = await fetch(`/api/${path}`, {
      method: sent.method ?? "GET",
      credentials: "same-origin",
      headers: {
        accept: "application/json",
        ...(hasBody ? { "content-type": "application/json" } : {}),
        ...sent.headers,
      },
      ...(hasBody ? { body: JSON.stringify(sent.json) } : {}),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const said = await response.text();
    const body: unknown = said === "" ? null : JSON.parse(said);
    if (response.ok) return expected(body) ? { kind: "ok", body } : silent;
    if (!problemShape(body)) return silent;
    const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
    return {
      kind: "refused",
      status: response.status,
      problem: body,
      retryAfterSeconds: Number.isFinite(seconds) ? seconds : undefined,
    };
  } catch {
    return silent;
  }
}

export function post<T>(path: string, expected: Guard<T>, json: unknown): Promise<Answer<T>> {
  return call(path, expected, { method: "POST", json });
}

export function remove<T>(path: string, expected: Guard<T>): Promise<Answer<T>> {
  return call(path, expected, { method: "DELETE" });
}

/** For answers of which only the success matters. */
export const anything = unknown;
