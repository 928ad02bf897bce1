import { countSignIn } from "../../lib/account/attempts.ts";
import { knownDevice } from "../../lib/account/device.ts";
import { signIn } from "../../lib/account/sign-in.ts";
import { loginApi } from "../../lib/api/sign-in.ts";
import { db } from "../../lib/db/open.ts";
import { readCookie } from "../../lib/http/cookies.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { limitHeaders, refusalByLimits, secondsUntil } from "../../lib/http/limits.ts";
import { problem } from "../../lib/http/problem.ts";
import { signedInReply } from "../../lib/http/signed-in.ts";
import { limiter } from "../../lib/redis/open.ts";

export default endpoint(
  loginApi,
  { db, limiter },
  {
    POST: async ({ app, request, address, body, form, origin }) => {
      const { email, password, bearer } = body;
      const device = await knownDevice(app, readCookie(request, "device"), email);
      const verdicts = await countSignIn(app.limiter, email, address, device);
      const refusal = refusalByLimits(verdicts, app.clock());
      if (refusal) return refusal;
      const headers = limitHeaders(verdicts, app.clock());
      const outcome = await signIn(app, { email, password, device });
      switch (outcome.kind) {
        case "invalid_credentials":
          return problem("invalid_credentials", { headers });
        case "locked":
          return problem("rate_limited", {
            detail: "Too many wrong passwords. Wait for the seconds of Retry-After, or reset the password.",
            headers: { ...headers, "retry-after": String(secondsUntil(outcome.until, app.clock())) },
          });
        case "signed_in": {
          const { cookies, ...reply } = await signedInReply(app, outcome, { request, origin, bearer });
          return form
            ? { status: 303, cookies: cookies ?? [], headers: { ...headers, location: "/account/" } }
            : { ...reply, headers, ...(cookies && { cookies }) };
        }
      }
    },
  },
);
