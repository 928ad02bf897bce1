import { countLink, countLinkUse } from "../../lib/account/attempts.ts";
import { askForVerification, verifyEmail } from "../../lib/account/verify-email.ts";
import { emailVerificationApi } from "../../lib/api/account.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { refusalByLimits } from "../../lib/http/limits.ts";
import { problem } from "../../lib/http/problem.ts";
import { sendLetters } from "../../lib/letters/send.ts";
import { mail } from "../../lib/mail/open.ts";
import { limiter } from "../../lib/redis/open.ts";

export default endpoint(
  emailVerificationApi,
  { db, limiter, mail },
  {
    POST: async ({ app, address, body, afterwards }) => {
      if (body.kind === "ask") {
        const refusal = refusalByLimits(await countLink(app.limiter, body.email, address), app.clock());
        if (refusal) return refusal;
        await askForVerification(app, body.email);
        afterwards(sendLetters(app));
        return { status: 202 };
      }
      const refusal = refusalByLimits(await countLinkUse(app.limiter, address), app.clock());
      if (refusal) return refusal;
      return (await verifyEmail(app, body.token)) === "verified"
        ? { status: 204 }
        : problem("invalid_link", { field: "token" });
    },
  },
);
