import { signOut } from "../../lib/account/sessions.ts";
import { logoutApi } from "../../lib/api/sign-in.ts";
import { db } from "../../lib/db/open.ts";
import { endedCookies, readCookie } from "../../lib/http/cookies.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { problem } from "../../lib/http/problem.ts";
import { sessionIn } from "../../lib/http/identify.ts";

export default endpoint(
  logoutApi,
  { db },
  {
    POST: async ({ app, request, form, origin }) => {
      const session = await sessionIn(request, app);
      // A program whose token is over is not signed out by it: it refreshes first, or lets the session end itself.
      if (!session && request.headers.has("authorization")) return problem("unauthenticated");
      await signOut(app, session?.sessionId ?? null, readCookie(request, "refresh") ?? null);
      const cookies = endedCookies(origin);
      return form ? { status: 303, cookies, headers: { location: "/" } } : { status: 204, cookies };
    },
  },
);
