/** Evaluates a parsed formula for one record. */
import { parseDate } from "../cells.ts";
import type { FunctionName } from "./functions.ts";
import type { BinaryOperator, Expression } from "./parse.ts";

/** null is Airtable's BLANK(). */
export type Value = string | number | boolean | Date | null;

export type Row = {
  readonly id: string;
  readonly createdAt: Date;
  readonly modifiedAt: Date;
  readonly now: Date;
  field(name: string): Value;
};

/** Airtable's `#ERROR!`: the record is left out, the request goes on. */
class ValueError extends Error {}

function toText(value: Value): string {
  if (value === null) return "";
  if (value instanceof Date) return value.toISOString();
  if (typeof value === "boolean") return value ? "1" : "0";
  return String(value);
}

function toNumber(value: Value): number {
  if (value === null) return 0;
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  throw new ValueError("not a number");
}

function toDate(value: Value): Date {
  if (value instanceof Date) return value;
  const date = typeof value === "string" ? parseDate(value) : undefined;
  if (date === undefined) throw new ValueError("not a date");
  return date;
}

function isTrue(value: Value): boolean {
  if (typeof value === "number") return value !== 0 && !Number.isNaN(value);
  return value !== null && value !== "" && value !== false;
}

/** Brings two values to one type, or says that they have none in common. */
function comparable(left: Value, right: Value): [number, number] | [string, string] | undefined {
  if (left instanceof Date || right instanceof Date) {
    if (left === null || right === null || left === "" || right === "") return undefined;
    return [toDate(left).getTime(), toDate(right).getTime()];
  }
  if (typeof left === "string" || typeof right === "string") {
    const bothText =
      (typeof left === "string" || left === null) && (typeof right === "string" || right === null);
    return bothText ? [toText(left), toText(right)] : undefined;
  }
  return [toNumber(left), toNumber(right)];
}

function isEqual(left: Value, right: Value): boolean {
  const pair = comparable(left, right);
  return pair !== undefined && pair[0] === pair[1];
}

function binary(operator: BinaryOperator, left: Value, right: Value): Value {
  switch (operator) {
    case "=":
      return isEqual(left, right);
    case "!=":
      return !isEqual(left, right);
    case "<":
    case "<=":
    case ">":
    case ">=": {
      const pair = comparable(left, right);
      if (pair === undefined) return false;
      const [a, b] = pair;
      if (a === b) return operator.endsWith("=");
      return operator.startsWith("<") ? a < b : a > b;
    }
    case "&":
      return toText(left) + toText(right);
    case "+":
      return toNumber(left) + toNumber(right);
    case "-":
      return toNumber(left) - toNumber(right);
    case "*":
      return toNumber(left) * toNumber(right);
    case "/": {
      const divisor = toNumber(right);
      if (divisor === 0) throw new ValueError("division by zero");
      return toNumber(left) / divisor;
    }
  }
}

function call(name: FunctionName, args: readonly Value[], row: Row): Value {
  const [first = null, second = null, third = null] = args;
  switch (name) {
    case "AND":
      return args.every(isTrue);
    case "OR":
      return args.some(isTrue);
    case "NOT":
      return !isTrue(first);
    case "TRUE":
      return true;
    case "FALSE":
      return false;
    case "BLANK":
      return null;
    case "RECORD_ID":
      return row.id;
    case "CREATED_TIME":
      return row.createdAt;
    case "LAST_MODIFIED_TIME":
      return row.modifiedAt;
    case "NOW":
      return row.now;
    case "LOWER":
      return toText(first).toLowerCase();
    case "FIND":
      // Counts from 1; 0 says that it is not there.
      return toText(second).indexOf(toText(first), third === null ? 0 : toNumber(third) - 1) + 1;
    case "IS_AFTER":
      return first !== null && second !== null && toDate(first).getTime() > toDate(second).getTime();
    case "IS_BEFORE":
      return first !== null && second !== null && toDate(first).getTime() < toDate(second).getTime();
    case "DATETIME_PARSE":
      return toDate(first);
  }
}

function evaluate(expression: Expression, row: Row): Value {
  switch (expression.kind) {
    case "literal":
      return expression.value;
    case "field":
      return row.field(expression.name);
    case "negate":
      return -toNumber(evaluate(expression.operand, row));
    case "binary":
      return binary(expression.operator, evaluate(expression.left, row), evaluate(expression.right, row));
    case "call": {
      const args = expression.args.map((each) => evaluate(each, row));
      return call(expression.name, args, row);
    }
  }
}

/** Whether the record passes the filter. */
export function matches(expression: Expression, row: Row): boolean {
  try {
    return isTrue(evaluate(expression, row));
  } catch (error) {
    if (error instanceof ValueError) return false;
    throw error;
  }
}
