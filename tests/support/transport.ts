/** How ducats are sent to Venice: what is proved of a delivery is proved of each way. */
export type Transport = {
  readonly name: string;
  readonly route: "rows" | "try_create";
  /** The environment that chooses it. */
  readonly variables: Readonly<Record<string, string>>;
  /** A clean delivery's life. */
  readonly life: readonly ("run" | "game")[];
};

/** Rows in Airtable, which the game's schedule takes: sent, looked at, paid, concluded. */
export const byRow: Transport = {
  name: "by row",
  route: "rows",
  variables: { VENICE_TRANSPORT: "rows" },
  life: ["run", "run", "game", "run"],
};

/** The game's own route, which pays while our run looks; its schedule, hours later, finds nothing to take. */
export const byTryCreate: Transport = {
  name: "by try-create",
  route: "try_create",
  variables: { VENICE_TRANSPORT: "try_create" },
  life: ["run", "game", "run"],
};
