/** Webhook endpoints; the secret is answered once, when an endpoint is created. */
import type { Stripe } from "stripe";
import { invalid, noSuch, unsupported } from "../protocol/errors.ts";
import { page } from "../protocol/list.ts";
import { mergeMetadata, type MetadataParam } from "../protocol/metadata.ts";
import { route } from "../protocol/route.ts";
import type { StoredEndpoint, World } from "../world.ts";

const MAX_ENDPOINTS = 16;

type NewEndpoint = {
  url: string;
  enabled_events: string[];
  api_version?: string | null;
  description?: string | null;
  metadata?: MetadataParam;
  /** Chosen by Stripe unless a test says it. */
  secret?: string;
};

export function createEndpoint(world: World, params: NewEndpoint): StoredEndpoint {
  const id = world.id("we_1", 23);
  const endpoint: Stripe.WebhookEndpoint = {
    id,
    object: "webhook_endpoint",
    api_version: params.api_version ?? null,
    application: null,
    created: world.seconds(),
    description: params.description ?? null,
    enabled_events: params.enabled_events,
    livemode: false,
    metadata: mergeMetadata(null, params.metadata),
    status: "enabled",
    url: address(params.url),
  };
  const secret = params.secret ?? world.id("whsec_", 32);
  return world.endpoints.add({ id, created: endpoint.created, secret, endpoint });
}

/** Stripe reaches public addresses only; a stand-in on a loopback port has to reach its neighbours. */
function address(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol === "http:" || url?.protocol === "https:") return text;
  throw invalid("Invalid URL: An explicit scheme (such as https) must be provided.", {
    param: "url",
    code: "url_invalid",
  });
}

function someEvents(types: string[]): string[] {
  if (types.length === 0) throw invalid("Invalid array", { param: "enabled_events" });
  if (types.includes("*") && types.length > 1) {
    throw invalid("'*' cannot be combined with other event types.", { param: "enabled_events" });
  }
  return [...new Set(types)];
}

function found(world: World, id: string): StoredEndpoint {
  const stored = world.endpoints.get(id);
  if (!stored) throw noSuch("webhook endpoint", id);
  return stored;
}

export const webhookEndpoints = [
  route<Stripe.WebhookEndpointCreateParams>({
    verb: "POST",
    path: "/v1/webhook_endpoints",
    method: "WebhookEndpointResource.create",
    supports: ["api_version", "description", "enabled_events", "metadata", "url"],
    answers: "webhook_endpoint",
    run({ world, params }) {
      if (params.api_version !== undefined && params.api_version !== world.sdk.apiVersion) {
        throw unsupported(
          `events of API version ${params.api_version}; it speaks ${world.sdk.apiVersion}`,
          "api_version",
        );
      }
      if (world.endpoints.oldestFirst().length >= MAX_ENDPOINTS) {
        throw invalid(`You have reached the maximum of ${MAX_ENDPOINTS} test webhook endpoints.`);
      }
      const { endpoint, secret } = createEndpoint(world, {
        ...params,
        enabled_events: someEvents(params.enabled_events),
      });
      return { ...endpoint, secret };
    },
  }),
  route<Stripe.WebhookEndpointRetrieveParams>({
    verb: "GET",
    path: "/v1/webhook_endpoints/:id",
    method: "WebhookEndpointResource.retrieve",
    supports: [],
    answers: "webhook_endpoint",
    run: ({ world, id }) => found(world, id).endpoint,
  }),
  route<Stripe.WebhookEndpointUpdateParams>({
    verb: "POST",
    path: "/v1/webhook_endpoints/:id",
    method: "WebhookEndpointResource.update",
    supports: ["description", "disabled", "enabled_events", "metadata", "url"],
    answers: "webhook_endpoint",
    run({ world, id, params }) {
      const { endpoint } = found(world, id);
      const metadata = mergeMetadata(endpoint.metadata, params.metadata);
      const wanted = params.enabled_events && someEvents(params.enabled_events);
      if (params.url !== undefined) endpoint.url = address(params.url);
      if (wanted !== undefined) endpoint.enabled_events = wanted;
      if (params.disabled !== undefined) endpoint.status = params.disabled ? "disabled" : "enabled";
      if (params.description !== undefined) endpoint.description = params.description || null;
      endpoint.metadata = metadata;
      return endpoint;
    },
  }),
  route<Stripe.WebhookEndpointDeleteParams>({
    verb: "DELETE",
    path: "/v1/webhook_endpoints/:id",
    method: "WebhookEndpointResource.del",
    supports: [],
    answers: undefined,
    run({ world, id }) {
      world.endpoints.remove(found(world, id).id);
      const gone: Stripe.DeletedWebhookEndpoint = { id, object: "webhook_endpoint", deleted: true };
      return gone;
    },
  }),
  route<Stripe.WebhookEndpointListParams>({
    verb: "GET",
    path: "/v1/webhook_endpoints",
    method: "WebhookEndpointResource.list",
    supports: ["limit", "starting_after", "ending_before"],
    answers: "webhook_endpoint",
    run({ world, params }) {
      const all = world.endpoints.newestFirst().map(({ endpoint }) => endpoint);
      return page(all, params, "/v1/webhook_endpoints", "webhook endpoint");
    },
  }),
];
