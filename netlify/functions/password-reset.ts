import { countLink, countLinkUse } from "../../lib/account/attempts.ts";
import { issueDevice } from "../../lib/account/device.ts";
import { askForReset, resetPassword } from "../../lib/account/reset-password.ts";
import { passwordResetApi } from "../../lib/api/account.ts";
import { db } from "../../lib/db/open.ts";
import { deviceCookie, endedCookies } from "../../lib/http/cookies.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { refusalByLimits } from "../../lib/http/limits.ts";
import { problem } from "../../lib/http/problem.ts";
import { sendLetters } from "../../lib/letters/send.ts";
import { mail } from "../../lib/mail/open.ts";
import { limiter } from "../../lib/redis/open.ts";

export default endpoint(
  passwordResetApi,
  { db, limiter, mail },
  {
    POST: async ({ app, address, body, form, origin, afterwards }) => {
      if (body.kind === "ask") {
        const refusal = refusalByLimits(await countLink(app.limiter, body.email, address), app.clock());
        if (refusal) return refusal;
        await askForReset(app, body.email);
        afterwards(sendLetters(app));
        return form ? { status: 303, headers: { location: "/forgot/?asked=1" } } : { status: 202 };
      }
      const refusal = refusalByLimits(await countLinkUse(app.limiter, address), app.clock());
      if (refusal) return refusal;
      const outcome = await resetPassword(app, body.token, body.password);
      if (outcome.kind === "invalid_link") return problem("invalid_link", { field: "token" });
      afterwards(sendLetters(app));
      // Who reads the mailbox may sign in here, whatever strangers have tried elsewhere.
      const device = deviceCookie(await issueDevice(app, outcome.email), origin);
      const cookies = [...endedCookies(origin), device];
      return form
        ? { status: 303, cookies, headers: { location: "/sign-in/?reset=1" } }
        : { status: 204, cookies };
    },
  },
);
