/** Parses an Airtable formula by recursive descent; every field and function is checked here, used or not. */
import { invalidFormula } from "../refusal.ts";
import { FUNCTIONS } from "./functions.ts";
import type { FunctionName } from "./functions.ts";
import { syntaxError, tokenize } from "./tokens.ts";

export type BinaryOperator = "=" | "!=" | "<" | "<=" | ">" | ">=" | "&" | "+" | "-" | "*" | "/";

export type Expression =
  | { readonly kind: "literal"; readonly value: string | number }
  | { readonly kind: "field"; readonly name: string }
  | { readonly kind: "negate"; readonly operand: Expression }
  | {
      readonly kind: "binary";
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: "call"; readonly name: FunctionName; readonly args: readonly Expression[] };

/** Loosest first. */
const LEVELS: readonly (readonly BinaryOperator[])[] = [
  ["=", "!=", "<", "<=", ">", ">="],
  ["&"],
  ["+", "-"],
  ["*", "/"],
];

const MAX_LENGTH = 16_000;
/** Deeper than anyone writes, and shallow enough for the stack. */
const MAX_DEPTH = 200;

function isFunction(name: string): name is FunctionName {
  return Object.hasOwn(FUNCTIONS, name);
}

/** @throws Refusal INVALID_FILTER_BY_FORMULA. */
export function parseFormula(source: string, fields: ReadonlySet<string>): Expression {
  if (source.length > MAX_LENGTH) throw invalidFormula("the formula is too long.");
  const tokens = tokenize(source);
  const unknown = new Set<string>();
  let position = 0;
  let depth = 0;

  function isOperator(value: string): boolean {
    const token = tokens[position];
    return token?.kind === "operator" && token.value === value;
  }

  function expect(operator: string): void {
    if (!isOperator(operator)) throw syntaxError();
    position += 1;
  }

  function binary(level: number): Expression {
    const operators = LEVELS[level];
    if (operators === undefined) return unary();
    let left = binary(level + 1);
    for (;;) {
      const operator = operators.find(isOperator);
      if (operator === undefined) return left;
      position += 1;
      left = { kind: "binary", operator, left, right: binary(level + 1) };
    }
  }

  function unary(): Expression {
    if (!isOperator("-")) return primary();
    position += 1;
    return { kind: "negate", operand: deeper(unary) };
  }

  function deeper<T>(work: () => T): T {
    depth += 1;
    if (depth > MAX_DEPTH) throw syntaxError();
    const result = work();
    depth -= 1;
    return result;
  }

  function field(name: string): Expression {
    if (!fields.has(name)) unknown.add(name);
    return { kind: "field", name };
  }

  function primary(): Expression {
    const token = tokens[position];
    if (token === undefined) throw syntaxError();
    position += 1;
    switch (token.kind) {
      case "text":
      case "number":
        return { kind: "literal", value: token.value };
      case "field":
        return field(token.value);
      case "name":
        return isOperator("(") ? call(token.value) : field(token.value);
      case "operator": {
        if (token.value !== "(") throw syntaxError();
        const inner = deeper(() => binary(0));
        expect(")");
        return inner;
      }
    }
  }

  function call(written: string): Expression {
    const name = written.toUpperCase();
    if (!isFunction(name)) throw invalidFormula(`Unknown function name: ${written}`);
    expect("(");
    const args: Expression[] = [];
    if (!isOperator(")")) {
      do {
        args.push(deeper(() => binary(0)));
      } while (isOperator(",") && ++position > 0);
    }
    expect(")");
    const { least, most } = FUNCTIONS[name];
    if (args.length < least || args.length > most) throw syntaxError();
    return { kind: "call", name, args };
  }

  const expression = binary(0);
  if (position !== tokens.length) throw syntaxError();
  if (unknown.size > 0) {
    throw invalidFormula(`Unknown field names: ${[...unknown].map((each) => each.toLowerCase()).join(", ")}`);
  }
  return expression;
}
