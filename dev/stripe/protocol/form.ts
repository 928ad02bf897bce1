/** Decodes the form encoding of requests, with nesting: `a[b][0][c]=value`. */
import { invalid } from "./errors.ts";

/** A decoded parameter: text, or what was in brackets by its name (for arrays: by its position). */
export type FormNode = string | FormMap;
export type FormMap = Map<string, FormNode>;

const MAX_DEPTH = 32;

/** @throws Refusal when a name is not well formed or is used both as a value and as a hash. */
export function decodeForm(text: string): FormMap {
  const root: FormMap = new Map();
  for (const [name, value] of new URLSearchParams(text)) put(root, name, value);
  return root;
}

function put(root: FormMap, name: string, value: string): void {
  const segments = segmentsOf(name);
  let level = root;
  segments.forEach((segment, depth) => {
    const key = segment === "" ? String(level.size) : segment;
    if (depth === segments.length - 1) {
      if (level.get(key) instanceof Map) throw conflicting(name);
      level.set(key, value);
      return;
    }
    const next = level.get(key) ?? new Map<string, FormNode>();
    if (typeof next === "string") throw conflicting(name);
    level.set(key, next);
    level = next;
  });
}

function segmentsOf(name: string): string[] {
  const match = /^([^[\]]+)((?:\[[^[\]]*\])*)$/.exec(name);
  if (!match) throw invalid(`Invalid parameter name: ${name}`, { param: name });
  const [, head = "", tail = ""] = match;
  const inner = tail === "" ? [] : tail.slice(1, -1).split("][");
  if (inner.length > MAX_DEPTH) throw invalid(`Parameter nested too deeply: ${name}`, { param: name });
  return [head, ...inner];
}

function conflicting(name: string): Error {
  return invalid(`Invalid hash: '${name}' is given both as a value and as a hash`, { param: name });
}
