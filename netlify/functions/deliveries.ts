import { touchKey } from "../../lib/account/keys.ts";
import { deliveriesApi } from "../../lib/api/deliveries.ts";
import { db } from "../../lib/db/open.ts";
import { listDeliveries, readDelivery } from "../../lib/delivery/list.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { problem } from "../../lib/http/problem.ts";

export default endpoint(
  deliveriesApi,
  { db },
  {
    GET: async ({ app, caller, query, afterwards }) => {
      const listed = await listDeliveries(app, caller, query.before);
      switch (listed.kind) {
        case "read":
          afterwards(touchKey(app, caller, listed.keySeenLongAgo));
          return { status: 200, body: { deliveries: listed.deliveries } };
        case "unauthorised":
          return problem("unauthenticated");
        case "forbidden":
          return problem("insufficient_scope");
      }
    },
    "GET /{id}": async ({ app, caller, id, afterwards }) => {
      const read = await readDelivery(app, caller, id);
      switch (read.kind) {
        case "read":
          afterwards(touchKey(app, caller, read.keySeenLongAgo));
          return { status: 200, body: { delivery: read.delivery, steps: read.steps } };
        case "not_found":
          return problem("not_found");
        case "unauthorised":
          return problem("unauthenticated");
        case "forbidden":
          return problem("insufficient_scope");
      }
    },
  },
);
