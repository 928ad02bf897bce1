import { countProof } from "../../lib/account/attempts.ts";
import { offerPasskeySignIn, signInByPasskey } from "../../lib/account/passkey-sign-in.ts";
import { passkeyLoginApi } from "../../lib/api/sign-in.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { refusalByLimits } from "../../lib/http/limits.ts";
import { problem } from "../../lib/http/problem.ts";
import { signedInReply } from "../../lib/http/signed-in.ts";
import { limiter } from "../../lib/redis/open.ts";

export default endpoint(
  passkeyLoginApi,
  { db, limiter },
  {
    POST: async ({ app, request, address, body, origin }) => {
      const refusal = refusalByLimits(await countProof(app.limiter, address), app.clock());
      if (refusal) return refusal;
      if (body.kind === "ask") {
        const { challenge, options } = await offerPasskeySignIn(app);
        return { status: 201, body: { challenge, options: { ...options } } };
      }
      const outcome = await signInByPasskey(app, body.challenge, body.credential);
      return outcome.kind === "signed_in"
        ? await signedInReply(app, outcome, { request, origin, bearer: body.bearer })
        : problem("invalid_proof");
    },
  },
);
