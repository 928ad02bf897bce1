import { countPasswordChange } from "../../lib/account/attempts.ts";
import { changePassword } from "../../lib/account/change-password.ts";
import { passwordApi } from "../../lib/api/account.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { refusalByLimits } from "../../lib/http/limits.ts";
import { problem } from "../../lib/http/problem.ts";
import { limiter } from "../../lib/redis/open.ts";

export default endpoint(
  passwordApi,
  { db, limiter },
  {
    POST: async ({ app, caller, body }) => {
      const verdicts = await countPasswordChange(app.limiter, caller.sessionId);
      const refusal = refusalByLimits(verdicts, app.clock());
      if (refusal) return refusal;
      switch (await changePassword(app, caller.sessionId, body.currentPassword, body.newPassword)) {
        case "changed":
          return { status: 204 };
        case "wrong_password":
          return problem("wrong_password", { field: "currentPassword" });
        case "unauthorised":
          return problem("unauthenticated");
      }
    },
  },
);
