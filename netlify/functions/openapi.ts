import { openapiDocument } from "../../lib/api/openapi.ts";
import { openapiApi } from "../../lib/api/operations.ts";
import { endpoint } from "../../lib/http/endpoint.ts";

export default endpoint(
  openapiApi,
  {},
  {
    GET: () => ({ status: 200, body: openapiDocument() }),
  },
);
