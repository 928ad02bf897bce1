import { countSignIn } from "../../lib/account/attempts.ts";
import { signIn } from "../../lib/account/sign-in.ts";
import { loginApi } from "../../lib/api/account.ts";
import { db } from "../../lib/db/open.ts";
import { sessionCookie } from "../../lib/http/cookies.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { limitHeaders, refusalByLimits } from "../../lib/http/limits.ts";
import { problem } from "../../lib/http/problem.ts";
import { limiter } from "../../lib/redis/open.ts";

export default endpoint(
  loginApi,
  { db, limiter },
  {
    POST: async ({ app, address, body, form, origin }) => {
      const verdicts = await countSignIn(app.limiter, body.email, address);
      const refusal = refusalByLimits(verdicts, app.clock());
      if (refusal) return refusal;
      const headers = limitHeaders(verdicts, app.clock());
      const signedIn = await signIn(app, body.email, body.password);
      if (signedIn.kind === "invalid_credentials") return problem("invalid_credentials", { headers });
      const { session, account } = signedIn;
      const cookies = [sessionCookie(session, origin)];
      return form
        ? { status: 303, cookies, headers: { ...headers, location: "/account/" } }
        : {
            status: 200,
            cookies,
            headers,
            body: { token: session.token, expiresAt: session.expiresAt.toISOString(), account },
          };
    },
  },
);
