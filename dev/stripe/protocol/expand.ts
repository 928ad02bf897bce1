/** Expansion: puts objects in place of their ids, up to four levels deep, where the SDK's types say that it can be. */
import type { ObjectShape, Shape, Shapes } from "../shapes/shape.ts";
import { invalid, unsupported } from "./errors.ts";

const MAX_DEPTH = 4;

export type Expander = {
  readonly shapes: Shapes;
  /** Any stored object by its id. */
  find(id: string): unknown;
  /** A list that is in an answer only when it is asked for; undefined where this stand-in has none. */
  include(resource: string, field: string, id: string): unknown;
};

/** What is in an answer only when `expand` asks for it, by resource. */
const INCLUDABLE: Readonly<Record<string, readonly string[]>> = {
  charge: ["refunds"],
  "checkout.session": ["line_items"],
  customer: ["subscriptions"],
  invoice: ["confirmation_secret", "payments"],
};

/**
 * @param resource what is answered, or the elements of the list that is answered; undefined when nothing can be expanded.
 * @param answer a copy of its own; it is changed.
 */
export function expand(
  expander: Expander,
  resource: string | undefined,
  answer: unknown,
  paths: readonly string[],
): void {
  const isList = read(answer, "object") === "list";
  for (const path of paths) {
    const segments = path.split(".");
    if (segments.length > MAX_DEPTH) {
      throw invalid(`You cannot expand more than ${MAX_DEPTH} levels of a property (${path}).`, {
        param: "expand",
      });
    }
    if (isList && segments[0] !== "data") {
      throw invalid(
        `This property cannot be expanded (${path}). You may want to try expanding 'data.${path}' instead.`,
        { param: "expand" },
      );
    }
    const own = isList ? segments.slice(1) : segments;
    const shape = resource === undefined ? undefined : expander.shapes.answers[resource];
    if (shape === undefined || own.length === 0) throw cannot(path);
    check(expander.shapes, shape, own, path);
    apply(expander, isList ? read(answer, "data") : answer, own);
  }
}

function check(shapes: Shapes, shape: Shape, segments: readonly string[], path: string): void {
  const [name = "", ...rest] = segments;
  const owners = objectsIn(shapes, shape).filter((each) => Object.hasOwn(each.fields, name));
  const [owner] = owners;
  const field = owner?.fields[name];
  if (!owner || !field) throw cannot(path);
  const isList = INCLUDABLE[owner.resource ?? ""]?.includes(name) ?? false;
  if (rest.length === 0) {
    if (isList || isExpandable(field.shape, shapes)) return;
    if (objectsIn(shapes, field.shape).some((each) => Object.hasOwn(each.fields, "has_more"))) {
      throw unsupported(`the list '${path}'`, "expand");
    }
    throw cannot(path);
  }
  check(shapes, field.shape, rest, path);
}

function isExpandable(shape: Shape, shapes: Shapes): boolean {
  if (shape.kind === "array") return isExpandable(shape.of, shapes);
  if (shape.kind !== "union") return false;
  const hasId = shape.of.some((each) => each.kind === "string");
  return hasId && shape.of.some((each) => each.kind === "foreign" || resourceOf(shapes, each) !== undefined);
}

function resourceOf(shapes: Shapes, shape: Shape): string | undefined {
  return shape.kind === "ref" ? shapes.objects[shape.to]?.resource : undefined;
}

/** Every object that can stand here, lists and unions looked through. */
function objectsIn(shapes: Shapes, shape: Shape): ObjectShape[] {
  switch (shape.kind) {
    case "ref": {
      const object = shapes.objects[shape.to];
      return object ? [object] : [];
    }
    case "array":
      return objectsIn(shapes, shape.of);
    case "union":
      return shape.of.flatMap((each) => objectsIn(shapes, each));
    case "string":
    case "number":
    case "boolean":
    case "null":
    case "any":
    case "decimal":
    case "literal":
    case "map":
    case "foreign":
      return [];
  }
}

function apply(expander: Expander, value: unknown, segments: readonly string[]): void {
  const [name, ...rest] = segments;
  if (name === undefined) return;
  if (Array.isArray(value)) {
    for (const each of value) apply(expander, each, segments);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  const grown = expanded(expander, value, name);
  if (grown === undefined) return;
  Reflect.set(value, name, grown);
  apply(expander, grown, rest);
}

function expanded(expander: Expander, owner: object, name: string): unknown {
  const present = read(owner, name);
  if (typeof present === "string") return expander.find(present) ?? present;
  if (Array.isArray(present)) {
    return present.map((each: unknown) => (typeof each === "string" ? (expander.find(each) ?? each) : each));
  }
  if (present !== undefined) return present;
  return expander.include(String(read(owner, "object")), name, String(read(owner, "id")));
}

function read(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

function cannot(path: string): Error {
  return invalid(`This property cannot be expanded (${path}).`, { param: "expand" });
}
