/** Checks a request's parameters against the SDK's types and gives them their types. */
import type { ObjectShape, Shape, Shapes } from "../shapes/shape.ts";
import { invalid, missing, unsupported } from "./errors.ts";
import type { FormMap, FormNode } from "./form.ts";

/** The declarations say `number` for both; only these take a fraction. */
const FRACTIONAL = new Set(["application_fee_percent", "height", "length", "percent_off", "weight", "width"]);

export type ParamsRule = {
  /** Class and method in the SDK, `ProductResource.create`. */
  readonly method: string;
  /** What this stand-in acts on, by dotted name without array positions; a name stands for all below it. */
  readonly supports: readonly string[];
  /** What Stripe lets be unset by an empty value, though its types don't say so. */
  readonly unsets?: readonly string[];
};

/** @throws Refusal naming the first parameter that is unknown, missing, of the wrong type or not implemented here. */
export function readParams(shapes: Shapes, rule: ParamsRule, form: FormMap): Record<string, unknown> {
  const shape = shapes.params[rule.method];
  if (shape === undefined) {
    refuseUnknown([...form.keys()]);
    return {};
  }
  const unset = (rule.unsets ?? []).filter((name) => form.get(name) === "");
  const given = new Map([...form].filter(([name]) => !unset.includes(name)));
  const params = read(shapes, shape, given, "");
  refuseUnsupported(rule, form);
  return { ...(params as Record<string, unknown>), ...Object.fromEntries(unset.map((name) => [name, ""])) };
}

function read(shapes: Shapes, shape: Shape, node: FormNode, path: string): unknown {
  const choices = shape.kind === "union" ? shape.of : [shape];
  return typeof node === "string" ? readText(choices, node, path) : readMap(shapes, choices, node, path);
}

function readText(choices: readonly Shape[], text: string, path: string): unknown {
  const literals = choices.filter((each) => each.kind === "literal");
  const literal = literals.find((each) => String(each.value) === text);
  if (literal) return literal.value;
  const has = (kind: Shape["kind"]) => choices.some((each) => each.kind === kind);
  if (text === "") {
    if (has("null")) return "";
    throw emptied(path);
  }
  if (has("boolean") && (text === "true" || text === "false")) return text === "true";
  if (has("number")) {
    const number = toNumber(text, path);
    if (number !== undefined) return number;
    if (!has("string")) {
      throw invalid(`Invalid integer: ${text}`, { param: path, code: "parameter_invalid_integer" });
    }
  }
  if (has("decimal")) {
    if (/^-?\d+(\.\d{1,12})?$/.test(text)) return text;
    throw invalid(`Invalid decimal: ${text}`, { param: path });
  }
  if (has("string") || has("any")) return text;
  if (has("boolean")) throw invalid(`Invalid boolean: ${text}`, { param: path });
  if (literals.length > 0) {
    const name =
      path
        .split(/[[\]]+/)
        .filter(Boolean)
        .at(-1) ?? path;
    throw invalid(`Invalid ${name}: must be ${oneOf(literals.map((each) => String(each.value)))}`, {
      param: path,
    });
  }
  if (has("array")) throw invalid("Invalid array", { param: path });
  throw invalid("Invalid object", { param: path });
}

function readMap(shapes: Shapes, choices: readonly Shape[], node: FormMap, path: string): unknown {
  for (const choice of choices) {
    if (choice.kind === "array") return readArray(shapes, choice.of, node, path);
    if (choice.kind === "map") {
      return Object.fromEntries(
        [...node].map(([key, each]) => [key, readMapValue(shapes, choice.of, each, inside(path, key))]),
      );
    }
    if (choice.kind === "ref") {
      const object = shapes.objects[choice.to];
      if (object) return readObject(shapes, object, node, path);
    }
  }
  throw invalid(`Invalid string: ${JSON.stringify(plain(node))}`, { param: path });
}

/** In a map (metadata, mostly) an empty value unsets its key, whatever the declared type. */
function readMapValue(shapes: Shapes, shape: Shape, node: FormNode, path: string): unknown {
  return node === "" ? "" : read(shapes, preferText(shape), node, path);
}

/** Metadata is declared as text, number or null; on the wire and in answers it is text. */
function preferText(shape: Shape): Shape {
  const text = shape.kind === "union" ? shape.of.find((each) => each.kind === "string") : undefined;
  return text ?? shape;
}

function readArray(shapes: Shapes, of: Shape, node: FormMap, path: string): unknown[] {
  const keys = [...node.keys()];
  if (!keys.every((key) => /^\d+$/.test(key))) throw invalid("Invalid array", { param: path });
  return keys
    .sort((left, right) => Number(left) - Number(right))
    .map((key) => read(shapes, of, node.get(key) ?? "", inside(path, key)));
}

function readObject(
  shapes: Shapes,
  object: ObjectShape,
  node: FormMap,
  path: string,
): Record<string, unknown> {
  refuseUnknown(
    [...node.keys()].filter((key) => !Object.hasOwn(object.fields, key)).map((key) => inside(path, key)),
  );
  const result: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(object.fields)) {
    const given = node.get(name);
    if (given !== undefined) result[name] = read(shapes, field.shape, given, inside(path, name));
    else if (!field.optional) throw missing(inside(path, name));
  }
  return result;
}

function refuseUnknown(names: readonly string[]): void {
  const [first] = names;
  if (first === undefined) return;
  const what = names.length === 1 ? "parameter" : "parameters";
  throw invalid(`Received unknown ${what}: ${names.join(", ")}`, { param: first, code: "parameter_unknown" });
}

function refuseUnsupported(rule: ParamsRule, form: FormMap): void {
  for (const path of leaves(form, [])) {
    const dotted = path.filter((each) => !/^\d+$/.test(each)).join(".");
    const known = rule.supports.some((each) => dotted === each || dotted.startsWith(`${each}.`));
    if (known || dotted === "expand") continue;
    const [head = "", ...rest] = path;
    const param = rest.reduce(inside, head);
    throw unsupported(`the parameter '${param}' here`, param);
  }
}

function leaves(node: FormNode, path: readonly string[]): (readonly string[])[] {
  if (typeof node === "string") return [path];
  return [...node].flatMap(([key, each]) => leaves(each, [...path, key]));
}

function toNumber(text: string, path: string): number | undefined {
  const name =
    path
      .split(/[[\]]+/)
      .filter(Boolean)
      .at(-1) ?? "";
  if (FRACTIONAL.has(name) && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (!/^-?\d+$/.test(text)) return undefined;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : undefined;
}

function emptied(path: string): Error {
  return invalid(
    `You passed an empty string for '${path}'. We assume empty values are an attempt to unset a parameter; however ` +
      `'${path}' cannot be unset. You should remove '${path}' from your request or supply a non-empty value.`,
    { param: path, code: "parameter_invalid_empty" },
  );
}

function oneOf(values: readonly string[]): string {
  const sorted = values.toSorted();
  const last = sorted.pop() ?? "";
  return sorted.length === 0 ? last : `one of ${sorted.join(", ")}${sorted.length > 1 ? "," : ""} or ${last}`;
}

function inside(path: string, key: string): string {
  return path === "" ? key : `${path}[${key}]`;
}

function plain(node: FormNode): unknown {
  return typeof node === "string"
    ? node
    : Object.fromEntries([...node].map(([key, each]) => [key, plain(each)]));
}
