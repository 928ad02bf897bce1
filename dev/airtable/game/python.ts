/** What the game's Python says and does where JavaScript would say or do something else. */

/** `str(float)`: 100.0, 99.5, 1e+16. */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const size = Math.abs(value);
  if (size >= 1e16 || size < 1e-4) {
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  }
  const text = String(value);
  return text.includes(".") ? text : `${text}.0`;
}

/** `json.dumps(value)`: a space after each comma and colon, and ASCII only. */
export function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, each]) => `${pythonJson(key)}: ${pythonJson(each)}`);
    return `{${entries.join(", ")}}`;
  }
  const hex = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value ?? null).replace(/[\u0080-\uffff]/g, hex);
}

/** A UTC `datetime.isoformat()`: no fraction when it is zero, and `+00:00`. */
export function pythonIsoformat(instant: Date): string {
  return instant.toISOString().replace(".000Z", "+00:00").replace("Z", "000+00:00");
}

/** A `ValueError`, which the transfer expects; any other error it does not. */
export class ValueError extends Error {
  override name = "ValueError";
}

/** Where the first JSON value in the text ends, or undefined when there is none. */
function endOfFirstValue(text: string): number | undefined {
  const start = text.length - text.trimStart().length;
  let depth = 0;
  let quoted = false;
  for (let index = start; index < text.length; index += 1) {
    const character = text.charAt(index);
    if (quoted) {
      if (character === "\\") index += 1;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === "{" || character === "[") depth += 1;
    else if (character === "}" || character === "]") depth -= 1;
    if (quoted || depth > 0) continue;
    const end = index + 1;
    try {
      JSON.parse(text.slice(start, end));
      return end;
    } catch {
      if (depth < 0 || character === "}" || character === "]") return undefined;
    }
  }
  return undefined;
}

/** `json.loads` takes the whole text or nothing. @throws ValueError in Python's words. */
export function jsonLoads(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const end = endOfFirstValue(text);
    if (end === undefined) throw new ValueError("Expecting value: line 1 column 1 (char 0)");
    const at = end + (text.slice(end).length - text.slice(end).trimStart().length);
    const before = text.slice(0, at).split("\n");
    const column = (before.at(-1) ?? "").length + 1;
    throw new ValueError(`Extra data: line ${before.length} column ${column} (char ${at})`);
  }
}

const FLOAT = /^[+-]?(\d+(_\d+)*\.?(\d+(_\d+)*)?|\.\d+(_\d+)*)(e[+-]?\d+)?$/i;

/** `float(value)`. @throws ValueError for text that is no number, TypeError for what cannot be one. */
export function toFloat(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "string") {
    const text = value.trim();
    if (FLOAT.test(text)) return Number(text.replaceAll("_", ""));
    const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
    if (special !== null) {
      if (special[2]?.toLowerCase() === "nan") return Number.NaN;
      return special[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    }
    throw new ValueError(`could not convert string to float: '${value}'`);
  }
  throw new TypeError(`float() argument must be a string or a real number, not '${typeName(value)}'`);
}

export function typeName(value: unknown): string {
  if (value === null || value === undefined) return "NoneType";
  if (Array.isArray(value)) return "list";
  if (typeof value === "string") return "str";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float";
  return "dict";
}
