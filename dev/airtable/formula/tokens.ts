/** Splits an Airtable formula into tokens. */
import { invalidFormula } from "../refusal.ts";

export type Token =
  | { readonly kind: "text" | "field" | "name" | "operator"; readonly value: string }
  | { readonly kind: "number"; readonly value: number };

const OPERATORS = ["!=", "<=", ">=", "=", "<", ">", "&", "+", "-", "*", "/", "(", ")", ","];
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };

/** Airtable words every error of syntax the same. */
export const syntaxError = () => invalidFormula("Invalid formula. Please check your formula text.");

/** Reads up to the closing mark; a backslash takes the next character as it is, n, t and r excepted. */
function readQuoted(source: string, start: number, close: string): { value: string; end: number } {
  let value = "";
  for (let index = start; index < source.length; index += 1) {
    const character = source.charAt(index);
    if (character === close) return { value, end: index + 1 };
    if (character === "\\") {
      index += 1;
      if (index >= source.length) break;
      const escaped = source.charAt(index);
      value += ESCAPES[escaped] ?? escaped;
    } else {
      value += character;
    }
  }
  throw syntaxError();
}

/** @throws Refusal INVALID_FILTER_BY_FORMULA. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let index = 0;
  while (index < source.length) {
    const character = source.charAt(index);
    if (/\s/.test(character)) {
      index += 1;
      continue;
    }
    if (character === "'" || character === '"' || character === "{") {
      const { value, end } = readQuoted(source, index + 1, character === "{" ? "}" : character);
      tokens.push({ kind: character === "{" ? "field" : "text", value });
      index = end;
      continue;
    }
    const rest = source.slice(index);
    const number = /^(\d+(\.\d*)?|\.\d+)/.exec(rest)?.[0];
    if (number !== undefined) {
      tokens.push({ kind: "number", value: Number(number) });
      index += number.length;
      continue;
    }
    const name = /^[\p{L}_][\p{L}\p{N}_]*/u.exec(rest)?.[0];
    if (name !== undefined) {
      tokens.push({ kind: "name", value: name });
      index += name.length;
      continue;
    }
    const operator = OPERATORS.find((each) => rest.startsWith(each));
    if (operator === undefined) throw syntaxError();
    tokens.push({ kind: "operator", value: operator });
    index += operator.length;
  }
  return tokens;
}
