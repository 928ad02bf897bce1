/** How the game's API builds Airtable formulas from a query: apostrophes are escaped, backslashes are not. */

export function quoted(value: string): string {
  return `'${value.replaceAll("'", "\\'")}'`;
}

/**
 * Every parameter that is not reserved is taken for a field, by Airtable's own name: `?TargetCitizen=x` filters, and
 * `?targetCitizen=x` is refused by Airtable.
 */
export function filters(query: URLSearchParams, reserved: readonly string[]): string[] {
  return [...query]
    .filter(([name]) => !reserved.includes(name.toLowerCase()))
    .map(([name, value]) => `{${name}} = ${literal(value)}`);
}

function literal(value: string): string {
  if (value !== "" && String(Number.parseFloat(value)) === value && Number.isFinite(Number(value)))
    return value;
  if (value.toLowerCase() === "true") return "TRUE()";
  if (value.toLowerCase() === "false") return "FALSE()";
  return quoted(value);
}

export function all(parts: readonly string[]): string {
  return parts.length > 1 ? `AND(${parts.join(", ")})` : (parts[0] ?? "");
}
