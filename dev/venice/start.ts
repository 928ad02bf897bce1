/** The game's HTTP API on a loopback port, over the base of an Airtable stand-in; it asks nobody who he is. */
import { Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { Airtable } from "../airtable/start.ts";
import { createFaults, type Faults } from "../wire/faults.ts";
import { serve } from "../wire/serve.ts";
import { citizenRoutes } from "./citizens.ts";
import { mountControl } from "./control.ts";
import { createLosses, type Losses } from "./losses.ts";
import { gatewayTimeout, stratagemRoutes } from "./stratagems.ts";

export type VeniceOptions = {
  /** Whose base the game reads and writes, within the game's share, by its clock. */
  readonly airtable: Pick<Airtable, "game">;
  readonly port?: number;
};

export type VeniceApi = {
  readonly url: string;
  /** What VENICE_API_URL is set to: `url` and the base path `/api`. */
  readonly apiUrl: string;
  readonly port: number;
  /** On the way to the API; `status_after` is the 504 after the effect. */
  readonly faults: Faults;
  /** Airtable refuses the API: an empty list, sample citizens. */
  readonly losses: Losses;
  /** Resolves when nothing that try-create began is under way any more. */
  settled(): Promise<void>;
  /** Empties the cache of five minutes. */
  forgetCitizens(): void;
  /** Ends faults and losses, and empties the cache. The game's own switches are the Airtable stand-in's. */
  mend(): void;
  close(): Promise<void>;
};

/** @throws the listener's error when the port is taken. */
export async function startVenice({ airtable, port }: VeniceOptions): Promise<VeniceApi> {
  const { asks, tryCreate, now } = airtable.game;
  const losses = createLosses();
  const citizens = citizenRoutes(asks, losses, now);
  const faults = createFaults((context, status) =>
    context.json(
      status === 504 ? gatewayTimeout : { success: false, error: "Python engine service is unavailable" },
      status as ContentfulStatusCode,
    ),
  );
  const control = {
    faults,
    losses,
    settled: () => tryCreate.settled(),
    forgetCitizens: () => {
      citizens.forget();
    },
    mend: () => {
      faults.clear();
      losses.clear();
      citizens.forget();
    },
  };

  const app = new Hono({ strict: false });
  faults.mount(app);
  mountControl(app, control);
  app.use("/api/*", faults.middleware);
  app.route("/api", citizens.routes);
  app.route("/api", stratagemRoutes(asks, tryCreate, losses));
  // GET /health and the like: the game's web server has a page for what it does not know.
  app.notFound((context) =>
    context.html("<!doctype html><title>404: This page could not be found.</title>", 404),
  );
  app.onError((error, context) => context.json({ success: false, error: error.message }, 500));

  const served = await serve(app, port);
  return { ...control, ...served, apiUrl: `${served.url}/api` };
}
