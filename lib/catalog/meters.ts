/**
 * What usage is counted in. A unit on a meter weighs as many priced units. Buying ducats is recorded as
 * `ducats.purchased`, in millis and free of charge, by the settlement itself (migration 0007).
 */
export const meters: ReadonlyMap<string, { readonly weight: bigint }> = new Map([
  ["api_call", { weight: 1n }],
  ["ai_action", { weight: 20n }],
  ["stratagem", { weight: 50n }],
]);
