/** A worker's steps: each call of a port, wherever it goes; between any two it may die, wait, or see the world change. */
import { type App } from "../../lib/app.ts";

export type Step = {
  /** How many calls are done. */
  readonly done: number;
  /** The call that comes next. */
  readonly next: string;
  /** Lets that call through once, though the worker never hears of it. */
  readonly call: () => Promise<unknown>;
};
export type OnStep = (step: Step) => Promise<void> | void;

/** Calls that nobody outside answers. */
const within = ["env", "clock", "newId", "log", "trips", "visit"];

/** The real app; `onStep` comes before each call, and what it throws is what the worker sees instead. */
export function stepped(app: App, onStep: OnStep): App {
  let done = 0;
  const steppedPort = <T extends object>(name: string, port: T): T =>
    new Proxy(port, {
      get(target, method) {
        const called: unknown = Reflect.get(target, method);
        if (typeof called !== "function") return called;
        return async (...args: unknown[]) => {
          const call = async (): Promise<unknown> => {
            const answer: unknown = await Reflect.apply(called, target, args);
            return answer;
          };
          await onStep({ done, next: `${name}.${String(method)}`, call });
          const answer = await call();
          done += 1;
          return answer;
        };
      },
    });
  const ports = Object.entries(app).map(([name, port]: [string, unknown]): [string, unknown] => [
    name,
    typeof port === "object" && port !== null && !within.includes(name) ? steppedPort(name, port) : port,
  ]);
  return { ...app, ...Object.fromEntries(ports) };
}
