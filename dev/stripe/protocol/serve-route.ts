/** The way of every request of the API: key, version, idempotency, parameters, work, expansion, answer. */
import type { Context } from "hono";
import { copy, type Cause, type World } from "../world.ts";
import { authenticate } from "./auth.ts";
import { envelope, invalid, Refusal, unsupported } from "./errors.ts";
import { expand, type Expander } from "./expand.ts";
import { decodeForm, type FormMap, type FormNode } from "./form.ts";
import type { Answer, Claim, Idempotency } from "./idempotency.ts";
import { readParams } from "./params.ts";
import type { Route } from "./route.ts";

export type Protocol = {
  readonly world: World;
  readonly apiKey: string;
  readonly idempotency: Idempotency;
  readonly expander: Expander;
  /** Resolves at once, unless a test has stopped the work to look at requests that come meanwhile. */
  turn(): Promise<void>;
  /** Before anything is looked at: what has become due by the clock. */
  sweep(): void;
};

export async function serveRoute(protocol: Protocol, route: Route, context: Context): Promise<Response> {
  const requestId = protocol.world.id("req_", 14);
  const key = route.verb === "POST" ? context.req.header("idempotency-key") : undefined;
  let claim: Claim | undefined;
  try {
    authenticate(context, protocol.apiKey);
    refuseOtherVersion(context, protocol.world.sdk.apiVersion);
    if (context.req.header("stripe-account") !== undefined) throw unsupported("connected accounts");
    const form = decodeForm(await textOf(context, route));
    const given = JSON.stringify(inOrder(form));
    claim = key ? protocol.idempotency.claim(key, `${route.verb} ${context.req.path}`, given) : undefined;
    if (claim?.kind === "replay") return replay(protocol, claim.answer, key, requestId);
    if (route.verb === "POST") await protocol.turn();
    const cause: Cause = { requestId, idempotencyKey: key ?? null };
    const answer: Answer = { status: 200, body: work(protocol, route, context, form, cause), requestId };
    claim?.keep(answer);
    return respond(protocol, answer, key);
  } catch (error) {
    const refusal = asRefusal(error);
    const answer: Answer = {
      status: refusal.status,
      body: JSON.stringify(envelope(refusal, requestId), null, 2),
      requestId,
    };
    if (claim?.kind === "first") {
      // What was refused before the work began is not kept: the caller may correct it under the same key.
      if (error instanceof BeforeWork) claim.release();
      else claim.keep(answer);
    }
    return respond(protocol, answer, key);
  }
}

/** An answer in the API's own envelope where no route is concerned. */
export function refuse(protocol: Protocol, refusal: Refusal): Response {
  const requestId = protocol.world.id("req_", 14);
  const body = JSON.stringify(envelope(refusal, requestId), null, 2);
  return respond(protocol, { status: refusal.status, body, requestId }, undefined);
}

/** A refusal of the parameters as such; Stripe keeps no answer for it under the idempotency key. */
class BeforeWork extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

function work(protocol: Protocol, route: Route, context: Context, form: FormMap, cause: Cause): string {
  const { world } = protocol;
  protocol.sweep();
  const params = checked(() => readParams(world.sdk.shapes, route, form));
  const paths = Array.isArray(params["expand"]) ? params["expand"].map(String) : [];
  if (paths.length > 0) {
    // Refused before the work is done: a session must not be made by a request that is then answered with an error.
    checked(() => {
      expand(protocol.expander, route.answers, isList(route) ? { object: "list", data: [] } : {}, paths);
    });
  }
  const answer = copy(route.run({ world, id: context.req.param("id") ?? "", params, cause }));
  expand(protocol.expander, route.answers, answer, paths);
  return JSON.stringify(answer, null, 2);
}

function isList(route: Route): boolean {
  return /\.list/.test(route.method);
}

function checked<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof Refusal ? new BeforeWork(error) : error;
  }
}

/** The same parameters in another order are the same parameters. */
function inOrder(node: FormNode): unknown {
  if (typeof node === "string") return node;
  return [...node]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, each]) => [key, inOrder(each)]);
}

async function textOf(context: Context, route: Route): Promise<string> {
  const query = new URL(context.req.url).search.slice(1);
  const body = await context.req.text();
  if (route.verb !== "POST") {
    if (body !== "")
      throw invalid(`A ${route.verb} request takes its parameters in the address, not in a body.`);
    return query;
  }
  const type = context.req.header("content-type") ?? "";
  if (body !== "" && !type.startsWith("application/x-www-form-urlencoded")) {
    throw invalid(
      "Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you have any " +
        "questions, we can help at https://support.stripe.com/.",
    );
  }
  return [query, body].filter((each) => each !== "").join("&");
}

function refuseOtherVersion(context: Context, apiVersion: string): void {
  const asked = context.req.header("stripe-version");
  if (asked === undefined || asked === apiVersion) return;
  throw invalid(
    `Invalid Stripe API version: ${asked}. This stand-in speaks ${apiVersion}, the version of the installed SDK, and no other.`,
  );
}

function replay(protocol: Protocol, answer: Answer, key: string | undefined, requestId: string): Response {
  const response = respond(protocol, { ...answer, requestId }, key);
  response.headers.set("idempotent-replayed", "true");
  response.headers.set("original-request", answer.requestId);
  return response;
}

function respond(protocol: Protocol, answer: Answer, key: string | undefined): Response {
  return new Response(answer.body, {
    status: answer.status,
    headers: {
      "content-type": "application/json",
      "request-id": answer.requestId,
      "stripe-version": protocol.world.sdk.apiVersion,
      ...(key === undefined ? {} : { "idempotency-key": key }),
      ...(answer.status === 401 ? { "www-authenticate": 'Bearer realm="Stripe"' } : {}),
    },
  });
}

function asRefusal(error: unknown): Refusal {
  if (error instanceof BeforeWork) return error.refusal;
  if (error instanceof Refusal) return error;
  // A fault of the stand-in itself is shown whole: it runs on the developer's own machine.
  const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new Refusal("api_error", `The stand-in failed: ${told}`, { status: 500 });
}
