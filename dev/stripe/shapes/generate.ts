/** Reads the installed SDK's type declarations with TypeScript's checker and writes them down as shapes. */
import { join } from "node:path";
import ts from "typescript";
import { emittedEvents, scope } from "./scope.ts";
import type { Field, ObjectShape, Shape, Shapes } from "./shape.ts";

/**
 * @param resources the SDK's folder of resource declarations.
 * @throws when a declaration this stand-in counts on is not there: the SDK has changed.
 */
export function generateShapes(resources: string): Shapes {
  const files = scope.map((each) => join(resources, `${each.file}.d.ts`));
  const program = ts.createProgram(files, {
    strict: true,
    skipLibCheck: true,
    noEmit: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
  });
  const checker = program.getTypeChecker();
  const reader = createReader(checker);

  const params: Record<string, Shape> = {};
  const answers: Record<string, Shape> = {};
  const events: Record<string, Shape> = {};

  const roots = scope.map((each, index) => {
    const source = program.getSourceFile(files[index] ?? "");
    const module = source && checker.getSymbolAtLocation(source);
    if (!module) throw new Error(`The SDK has no ${each.file}`);
    const exported = new Map(checker.getExportsOfModule(module).map((symbol) => [symbol.name, symbol]));
    return { ...each, exported };
  });
  const typeNamed = (root: (typeof roots)[number], name: string): ts.Type => {
    const symbol = root.exported.get(name);
    if (!symbol) throw new Error(`The SDK's ${root.file} has no ${name}`);
    return checker.getDeclaredTypeOfSymbol(symbol);
  };

  for (const root of roots) {
    for (const name of root.answers) {
      const resource = resourceOf(checker, typeNamed(root, name));
      if (resource === undefined) throw new Error(`The SDK's ${name} has no literal field "object"`);
      reader.know(resource);
    }
  }
  for (const root of roots) {
    for (const name of root.answers) {
      const type = typeNamed(root, name);
      answers[resourceOf(checker, type) ?? name] = reader.shapeOf(type);
    }
    if (root.methods !== undefined) {
      for (const method of ownMethods(typeNamed(root, root.methods))) {
        const taken = paramsOf(checker, method);
        if (taken) params[`${root.as ?? root.methods}.${method.name}`] = reader.shapeOf(taken);
      }
    }
    if (root.file === "Events") {
      for (const type of emittedEvents) {
        events[type] = reader.shapeOf(typeNamed(root, eventNamed([...root.exported.keys()], type)));
      }
    }
  }
  return { objects: reader.objects, params, answers, events };
}

function createReader(checker: ts.TypeChecker) {
  const known = new Set<string>();
  const objects: Record<string, ObjectShape> = {};
  const names = new Map<ts.Type, string>();

  function shapeOf(type: ts.Type): Shape {
    if (type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) return { kind: "any" };
    if (type.flags & ts.TypeFlags.Null) return { kind: "null" };
    if (type.isStringLiteral() || type.isNumberLiteral()) return { kind: "literal", value: type.value };
    if (type.flags & ts.TypeFlags.BooleanLiteral) {
      return { kind: "literal", value: checker.typeToString(type) === "true" };
    }
    if (type.flags & ts.TypeFlags.Boolean) return { kind: "boolean" };
    if (type.flags & ts.TypeFlags.String) return { kind: "string" };
    if (type.flags & ts.TypeFlags.Number) return { kind: "number" };
    if (type.isUnion()) return unionOf(type.types);
    if (type.isIntersection() && checker.getPropertyOfType(type, "toFixed")) return { kind: "decimal" };
    if (checker.isArrayType(type)) {
      const [element] = checker.getTypeArguments(type as ts.TypeReference);
      return { kind: "array", of: element ? shapeOf(element) : { kind: "any" } };
    }
    const index = type.getStringIndexType();
    if (index) return { kind: "map", of: shapeOf(index) };
    const resource = resourceOf(checker, type);
    if (resource !== undefined && resource !== "list" && resource !== "event" && !known.has(resource)) {
      return { kind: "foreign", resource };
    }
    return { kind: "ref", to: nameOf(type, resource) };
  }

  /**
   * The SDK marks an open enum by adding "any other string" to the listed values. A stand-in that let other values
   * pass would be kinder than the API, so the mark is left out.
   */
  function unionOf(types: readonly ts.Type[]): Shape {
    const shapes = types
      .filter((each) => !(each.flags & (ts.TypeFlags.Undefined | ts.TypeFlags.Void)))
      .filter((each) => !isOtherString(checker, each))
      .map(shapeOf);
    const booleans = shapes.filter((each) => each.kind === "literal" && typeof each.value === "boolean");
    const merged: Shape[] =
      booleans.length === 2
        ? [{ kind: "boolean" }, ...shapes.filter((each) => !booleans.includes(each))]
        : shapes;
    const [only] = merged;
    return merged.length === 1 && only ? only : { kind: "union", of: merged };
  }

  function nameOf(type: ts.Type, resource: string | undefined): string {
    const given = names.get(type);
    if (given !== undefined) return given;
    const name = `${type.symbol.name}#${names.size}`;
    names.set(type, name);
    const fields: Record<string, Field> = {};
    for (const property of checker.getPropertiesOfType(type)) {
      const of = checker.getTypeOfSymbol(property);
      const shape = shapeOf(of);
      // `deleted?: void` says that the field is never there.
      if (shape.kind === "union" && shape.of.length === 0) continue;
      fields[property.name] = { shape, optional: (property.flags & ts.SymbolFlags.Optional) !== 0 };
    }
    objects[name] = resource === undefined ? { fields } : { resource, fields };
    return name;
  }

  return { objects, shapeOf, know: (resource: string) => void known.add(resource) };
}

/** `string & Record<never, never>`. */
function isOtherString(checker: ts.TypeChecker, type: ts.Type): boolean {
  return type.isIntersection() && !checker.getPropertyOfType(type, "toFixed");
}

function resourceOf(checker: ts.TypeChecker, type: ts.Type): string | undefined {
  const property = checker.getPropertyOfType(type, "object");
  if (!property) return undefined;
  const value = checker.getTypeOfSymbol(property);
  return value.isStringLiteral() ? value.value : undefined;
}

/** Those the class itself declares, not its base. */
function ownMethods(type: ts.Type): ts.Symbol[] {
  return [...(type.symbol.members?.values() ?? [])].filter((each) => each.flags & ts.SymbolFlags.Method);
}

function paramsOf(checker: ts.TypeChecker, method: ts.Symbol): ts.Type | undefined {
  const [signature] = checker.getTypeOfSymbol(method).getCallSignatures();
  const parameter = signature?.parameters.find((each) => each.name === "params");
  return parameter && checker.getNonNullableType(checker.getTypeOfSymbol(parameter));
}

/** The SDK writes `invoiceitem.created` as `InvoiceItemCreatedEvent`: only the letters tell. */
function eventNamed(exported: readonly string[], type: string): string {
  const letters = `${type.replaceAll(/[._]/g, "")}event`;
  return exported.find((name) => name.toLowerCase() === letters) ?? type;
}
