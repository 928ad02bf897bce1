import { logoutApi } from "../../lib/api/account.ts";
import { endedCookie } from "../../lib/http/cookies.ts";
import { endpoint } from "../../lib/http/endpoint.ts";

export default endpoint(
  logoutApi,
  {},
  {
    POST: ({ form, origin }) => {
      const cookies = [endedCookie(origin)];
      return form ? { status: 303, cookies, headers: { location: "/" } } : { status: 204, cookies };
    },
  },
);
