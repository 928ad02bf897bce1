/** What a request works with. A function names the ports it uses, and only these are in its bundle. */
import { systemClock, type Clock } from "./clock.ts";
import type { Database } from "./db/port.ts";
import { env as readEnv, type Env } from "./env.ts";
import { randomId, type NewId } from "./ids.ts";
import { logToStdout, type Log } from "./log.ts";
import type { Mail } from "./mail/port.ts";
import type { Game } from "./game/port.ts";
import type { Consciousness, Limiter } from "./redis/port.ts";
import type { Billing } from "./stripe/billing-port.ts";
import type { StripeHistory } from "./stripe/history.ts";
import type { StripeLists } from "./stripe/lists.ts";
import type { Stripe } from "./stripe/port.ts";
import type { PromotionCodes } from "./stripe/promotion-codes-port.ts";
import type { Town } from "./town/port.ts";
import { createTrips, type Trips } from "./trips.ts";
import type { Venice } from "./venice/port.ts";

/** What every request has. */
export type Core = {
  readonly env: Env;
  readonly clock: Clock;
  readonly newId: NewId;
  readonly log: Log;
  readonly trips: Trips;
  /** Where the request came from, as the audit log keeps it: JSON of {requestId, network, agent}. */
  readonly visit: string;
};

export type Ports = {
  readonly db: Database;
  readonly stripe: Stripe;
  readonly billing: Billing;
  readonly stripeHistory: StripeHistory;
  readonly promotionCodes: PromotionCodes;
  readonly stripeLists: StripeLists;
  readonly venice: Venice;
  /** Undefined where the operator has not named the game's API. */
  readonly game: Game | undefined;
  readonly town: Town;
  readonly limiter: Limiter;
  readonly consciousness: Consciousness;
  /** Undefined where the operator has set no mail provider up. */
  readonly mail: Mail | undefined;
};

/** Capabilities take the part of it that they use. */
export type App = Core & Ports;

/** Each port's folder has an opener; it dials nothing, the first use does. */
export type Openers = { readonly [Name in keyof Ports]?: (core: Core) => Ports[Name] };

export type Opened<O extends Openers> = Core & {
  readonly [Name in keyof O]: O[Name] extends (core: Core) => infer Port ? Port : never;
};

/** One request's app. @throws BadEnvironment */
export function openApp<const O extends Openers>(openers: O, visit?: string, clock?: Clock): Opened<O>;
export function openApp(openers: Openers, visit = "{}", clock: Clock = systemClock): object {
  const core: Core = {
    env: readEnv(),
    clock,
    newId: randomId,
    log: logToStdout,
    trips: createTrips(),
    visit,
  };
  const ports = Object.entries(openers).map(([name, open]): [string, unknown] => [name, open(core)]);
  return { ...core, ...Object.fromEntries(ports) };
}
