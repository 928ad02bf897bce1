/** Reads a request's body within its bound and by its declared form; every fault is a clear refusal. */
import * as z from "zod";
import { defaultMaxBytes, type Route } from "./declare.ts";
import { problem, type Problem } from "./problem.ts";

export type Body =
  | { readonly kind: "read"; readonly value: unknown; readonly raw: string }
  | { readonly kind: "refused"; readonly problem: Problem };

export async function readBody(request: Request, route: Route, form: boolean): Promise<Body> {
  const refused = (given: Problem): Body => ({ kind: "refused", problem: given });
  if (!route.body && !route.raw) return { kind: "read", value: undefined, raw: "" };
  if (request.headers.has("content-encoding")) return refused(problem("unsupported_media_type"));
  const maxBytes = route.maxBytes ?? defaultMaxBytes;
  const tooLarge = () =>
    refused(problem("body_too_large", { detail: `Send at most ${maxBytes} bytes at once.` }));
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) return tooLarge();
  const bytes = await request.arrayBuffer();
  if (bytes.byteLength > maxBytes) return tooLarge();
  const raw = new TextDecoder().decode(bytes);
  if (!route.body) return { kind: "read", value: undefined, raw };

  if (form && !route.form) return refused(problem("unsupported_media_type"));
  if (!form && mediaType(request) !== "application/json") return refused(problem("unsupported_media_type"));
  const given = form ? formObject(raw) : parseJson(raw);
  if (given === undefined) return refused(problem("invalid_json"));
  const parsed = route.body.safeParse(given);
  if (!parsed.success) return refused(invalidField(parsed.error));
  return { kind: "read", value: parsed.data, raw };
}

/** The content type without its parameters. */
export function mediaType(request: Request): string | undefined {
  return request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
}

/** Names the first field at fault and what it must be. */
export function invalidField(error: z.ZodError): Problem {
  const [issue] = error.issues;
  if (!issue) return problem("invalid_field");
  const extra = issue.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
  const field = [...issue.path, ...extra].join(".");
  return problem("invalid_field", { field, detail: field ? `${field}: ${issue.message}` : issue.message });
}

function parseJson(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return undefined;
  }
}

/** A form has text only: empty fields count as not sent, and whole numbers become numbers where they are named so. */
function formObject(raw: string): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of new URLSearchParams(raw)) {
    if (value === "") continue;
    fields[name] = name.endsWith("Cents") && /^\d{1,15}$/.test(value) ? Number(value) : value;
  }
  return fields;
}
