import { countProof } from "../../lib/account/attempts.ts";
import { offerVeniceSignIn, signInByVenice } from "../../lib/account/venice-sign-in.ts";
import { veniceLoginApi } from "../../lib/api/sign-in.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { refusalByLimits } from "../../lib/http/limits.ts";
import { problem } from "../../lib/http/problem.ts";
import { signedInReply } from "../../lib/http/signed-in.ts";
import { limiter } from "../../lib/redis/open.ts";

export default endpoint(
  veniceLoginApi,
  { db, limiter },
  {
    POST: async ({ app, request, address, body, origin }) => {
      const refusal = refusalByLimits(await countProof(app.limiter, address), app.clock());
      if (refusal) return refusal;
      if (body.kind === "ask") return { status: 201, body: await offerVeniceSignIn(app, body.citizen) };
      const outcome = await signInByVenice(app, body.challenge, body.signature);
      return outcome.kind === "signed_in"
        ? await signedInReply(app, outcome, { request, origin, bearer: body.bearer })
        : problem("invalid_proof");
    },
  },
);
