/** Times calls and says what it found. */
import { call, type CallOptions } from "../support/call.ts";

/** Milliseconds to the answer; what goes on after it is waited for, and not counted. */
export async function timed(name: string, options: CallOptions): Promise<{ taken: number; status: number }> {
  const startedAt = performance.now();
  const answer = await call(name, options);
  const taken = performance.now() - startedAt;
  await answer.afterwards;
  return { taken, status: answer.status };
}

let networks = 0;

/** Of a network that nobody has come from yet. */
export function address(): string {
  networks += 1;
  return `2001:db8:${networks.toString(16)}:1::1`;
}

/** Past the spy that keeps requests' lines off the terminal. */
export function report(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function ms(value: number): string {
  return `${value.toFixed(2)} ms`;
}
