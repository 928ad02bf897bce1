/** Checks a stored object or event against the shape the SDK's types give it. */
import type { Shape, Shapes } from "./shape.ts";

/** What does not fit, one line each, with the path; empty when all fits. */
export function problemsOf(shapes: Shapes, shape: Shape, value: unknown, path: string): string[] {
  switch (shape.kind) {
    case "any":
      return [];
    case "null":
      return expect(value === null, path, "null", value);
    case "string":
      return expect(typeof value === "string", path, "text", value);
    case "number":
      return expect(typeof value === "number", path, "a number", value);
    case "boolean":
      return expect(typeof value === "boolean", path, "a boolean", value);
    case "decimal":
      return expect(typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value), path, "a decimal", value);
    case "literal":
      return expect(value === shape.value, path, JSON.stringify(shape.value), value);
    case "foreign":
      return [`${path}: a ${shape.resource}, which this stand-in does not know`];
    case "array":
      if (!Array.isArray(value)) return [`${path}: expected an array, found ${describe(value)}`];
      return value.flatMap((each: unknown, index) => problemsOf(shapes, shape.of, each, `${path}[${index}]`));
    case "map":
      if (!isRecord(value)) return [`${path}: expected a hash, found ${describe(value)}`];
      return Object.entries(value).flatMap(([key, each]) =>
        problemsOf(shapes, shape.of, each, `${path}.${key}`),
      );
    case "union":
      return unionProblems(shapes, shape.of, value, path);
    case "ref":
      return objectProblems(shapes, shape.to, value, path);
  }
}

function unionProblems(shapes: Shapes, choices: readonly Shape[], value: unknown, path: string): string[] {
  let nearest: string[] | undefined;
  for (const choice of choices) {
    const problems = problemsOf(shapes, choice, value, path);
    if (problems.length === 0) return [];
    // The choice that got deepest into the value says best what is wrong.
    if (!nearest || (choice.kind === "ref" && isRecord(value))) nearest = problems;
  }
  return nearest ?? [`${path}: nothing is allowed here`];
}

function objectProblems(shapes: Shapes, name: string, value: unknown, path: string): string[] {
  const object = shapes.objects[name];
  if (!object) return [`${path}: the shape ${name} is missing`];
  if (!isRecord(value)) return [`${path}: expected ${nameOf(name)}, found ${describe(value)}`];
  const problems = Object.keys(value)
    .filter((key) => value[key] !== undefined && !Object.hasOwn(object.fields, key))
    .map((key) => `${path}.${key}: no such field in ${nameOf(name)}`);
  for (const [key, field] of Object.entries(object.fields)) {
    const given = value[key];
    if (given !== undefined) problems.push(...problemsOf(shapes, field.shape, given, `${path}.${key}`));
    else if (!field.optional) problems.push(`${path}.${key}: missing`);
  }
  return problems;
}

/** Names are numbered where they are kept, because several types of the SDK are called the same. */
function nameOf(numbered: string): string {
  return numbered.split("#", 1)[0] ?? numbered;
}

function expect(fits: boolean, path: string, what: string, value: unknown): string[] {
  return fits ? [] : [`${path}: expected ${what}, found ${describe(value)}`];
}

function describe(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value).slice(0, 60);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
