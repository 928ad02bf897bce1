/** Events, as far back as thirty days. */
import type { Stripe } from "stripe";
import { invalid, noSuch, onlyOneOf } from "../protocol/errors.ts";
import { createdWithin, page } from "../protocol/list.ts";
import { route } from "../protocol/route.ts";
import type { World } from "../world.ts";

const KEPT_SECONDS = 30 * 24 * 60 * 60;
const MAX_TYPES = 20;

/** By the time it was recorded: an event of a test clock may bear any date. */
function recent(world: World): (event: { id: string; created: number }) => boolean {
  const oldest = world.seconds() - KEPT_SECONDS;
  return ({ id, created }) => (world.recorded.get(id) ?? created) >= oldest;
}

/** `*` stands for any ending: `charge.*`. */
function named(type: string): (event: { type: string }) => boolean {
  return type.endsWith("*")
    ? (event) => event.type.startsWith(type.slice(0, -1))
    : (event) => event.type === type;
}

export const events = [
  route<Stripe.EventRetrieveParams>({
    verb: "GET",
    path: "/v1/events/:id",
    method: "EventResource.retrieve",
    supports: [],
    answers: undefined,
    run({ world, id }) {
      const event = world.events.get(id);
      if (!event || !recent(world)(event)) throw noSuch("event", id);
      return event;
    },
  }),
  route<Stripe.EventListParams>({
    verb: "GET",
    path: "/v1/events",
    method: "EventResource.list",
    supports: ["created", "delivery_success", "type", "types", "limit", "starting_after", "ending_before"],
    answers: undefined,
    run({ world, params }) {
      const { type, types, delivery_success: delivered } = params;
      if (type !== undefined && types !== undefined) throw onlyOneOf("type", "types");
      if (types && types.length > MAX_TYPES) {
        throw invalid(`You may specify at most ${MAX_TYPES} types.`, { param: "types" });
      }
      const all = world.events
        .newestFirst()
        .filter(recent(world))
        .filter(createdWithin(params.created))
        .filter((event) => type === undefined || named(type)(event))
        .filter((event) => types?.includes(event.type) ?? true)
        .filter((event) => delivered === undefined || (event.pending_webhooks === 0) === delivered);
      return page(all, params, "/v1/events", "event");
    },
  }),
];
