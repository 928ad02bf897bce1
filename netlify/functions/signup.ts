import { countSignUp } from "../../lib/account/attempts.ts";
import { signUp } from "../../lib/account/sign-up.ts";
import { signupApi } from "../../lib/api/sign-in.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { limitHeaders, refusalByLimits } from "../../lib/http/limits.ts";
import { problem } from "../../lib/http/problem.ts";
import { sendLetters } from "../../lib/letters/send.ts";
import { mail } from "../../lib/mail/open.ts";
import { limiter } from "../../lib/redis/open.ts";
import { venice } from "../../lib/venice/open.ts";

export default endpoint(
  signupApi,
  { db, limiter, venice, mail },
  {
    POST: async ({ app, address, body, form, afterwards }) => {
      const verdicts = await countSignUp(app.limiter, address);
      const refusal = refusalByLimits(verdicts, app.clock());
      if (refusal) return refusal;
      const headers = limitHeaders(verdicts, app.clock());
      const signedUp = await signUp(app, body);
      switch (signedUp.kind) {
        case "email_taken":
          return problem("email_taken", { field: "email", headers });
        case "unknown_citizen":
          return problem("unknown_citizen", { field: "citizen", headers });
        case "created":
          afterwards(sendLetters(app));
          return form
            ? { status: 303, headers: { ...headers, location: "/sign-in/?created=1" } }
            : { status: 201, headers, body: { account: signedUp.account } };
      }
    },
  },
);
