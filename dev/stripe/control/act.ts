/** How a control route reads what it is given, JSON or a form, does it, and answers. */
import type { Context } from "hono";
import { z } from "zod";

/** Reads the body, does the thing, and answers JSON, or sends a person back to the page the form was on. */
export async function act<T>(
  context: Context,
  schema: z.ZodType<T>,
  run: (given: T) => object,
): Promise<Response> {
  const fromPage =
    context.req.header("content-type")?.startsWith("application/x-www-form-urlencoded") ?? false;
  const parsed = schema.safeParse(fromPage ? await formIn(context) : await jsonIn(context));
  if (!parsed.success) return context.json({ error: z.prettifyError(parsed.error) }, 400);
  try {
    const result = run(parsed.data);
    return fromPage ? context.redirect("/_control", 303) : context.json(result);
  } catch (error) {
    return context.json({ error: error instanceof Error ? error.message : String(error) }, 409);
  }
}

export const nothing = z.strictObject({});

export function idIn(context: Context): string {
  return context.req.param("id") ?? "";
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the keys that hold undefined, which optional properties here do not admit. */
export function defined<T extends object>(given: T): Defined<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Defined<T>;
}

async function jsonIn(context: Context): Promise<unknown> {
  const text = await context.req.text();
  if (text === "") return {};
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** A form says `true` and `3` in words, and an empty field says nothing. */
async function formIn(context: Context): Promise<Record<string, unknown>> {
  const form = await context.req.parseBody();
  const read = (value: unknown): unknown => {
    if (value === "true" || value === "false") return value === "true";
    return typeof value === "string" && /^\d{1,8}$/.test(value) ? Number(value) : value;
  };
  return Object.fromEntries(
    Object.entries(form)
      .filter(([, value]) => value !== "")
      .map(([name, value]): [string, unknown] => [name, read(value)]),
  );
}
