import { sendLettersApi } from "../../lib/api/operations.ts";
import { db } from "../../lib/db/open.ts";
import { endpoint } from "../../lib/http/endpoint.ts";
import { sendLetters } from "../../lib/letters/send.ts";
import { mail } from "../../lib/mail/open.ts";

export default endpoint(
  sendLettersApi,
  { db, mail },
  {
    POST: async ({ app, note }) => {
      const report = await sendLetters(app);
      note(report);
      return { status: 200, body: report };
    },
  },
);
