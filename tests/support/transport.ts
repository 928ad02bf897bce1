/** How ducats are sent to Venice: what is proved of a delivery is proved of each way. */
export type Transport = {
  readonly name: string;
  /** The environment that chooses it. */
  readonly variables: Readonly<Record<string, string>>;
};

/** Rows in Airtable, which the game's schedule takes. */
export const byRow: Transport = { name: "by row", variables: {} };
