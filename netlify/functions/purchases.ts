import { touchKey } from "../../lib/account/keys.ts";
import { purchasesApi } from "../../lib/api/purchases.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { problem } from "../../lib/http/problem.ts";
import { listPurchases, readPurchase } from "../../lib/purchase/list.ts";

export default endpoint(
  purchasesApi,
  { db },
  {
    GET: async ({ app, caller, query, afterwards }) => {
      const listed = await listPurchases(app, caller, query.before);
      switch (listed.kind) {
        case "read":
          afterwards(touchKey(app, caller, listed.keySeenLongAgo));
          return { status: 200, body: { purchases: listed.purchases } };
        case "unauthorised":
          return problem("unauthenticated");
        case "forbidden":
          return problem("insufficient_scope");
      }
    },
    "GET /{id}": async ({ app, caller, id, afterwards }) => {
      const read = await readPurchase(app, caller, id);
      switch (read.kind) {
        case "read": {
          const { purchase, paymentPages, delivery, timeline } = read;
          afterwards(touchKey(app, caller, read.keySeenLongAgo));
          return { status: 200, body: { purchase, paymentPages, delivery, timeline } };
        }
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
