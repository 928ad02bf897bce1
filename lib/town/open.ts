/** The town port over Airtable's SDK, within our share of the base's requests. */
import * as z from "zod";
import type { Core } from "../app.ts";
import { Unavailable } from "../errors.ts";
import { airtable } from "../venice/airtable.ts";
import { formulaText } from "../venice/row.ts";
import type { Citizen, Notice, Town } from "./port.ts";

const pageBody = z.object({
  records: z.array(z.object({ fields: z.record(z.string(), z.unknown()) })),
  offset: z.string().optional(),
});

export function town(core: Core): Town {
  const request = airtable(core);
  return {
    async citizens(page) {
      const qs = {
        pageSize: 100,
        fields: ["Username", "InVenice", "SocialClass"],
        ...(page !== null && { offset: page }),
      };
      // The SDK's own listing keeps the offset to itself.
      const answer = await request("none", (base) => base.makeRequest({ path: "/CITIZENS", qs }));
      const body = pageBody.safeParse(answer.body);
      if (!body.success)
        throw new Unavailable("venice", { effect: "none", message: "Airtable answered no page of citizens" });
      const { records, offset } = body.data;
      return { citizens: records.flatMap(({ fields }) => citizenOf(fields)), next: offset ?? null };
    },
    async findNotices(ids) {
      const filterByFormula = `OR(${ids.map((id) => `{Notes}=${formulaText(id)}`).join(",")})`;
      const found = await request("none", (base) =>
        base("NOTIFICATIONS")
          .select({ filterByFormula, fields: ["Notes"], pageSize: 100 })
          .firstPage(),
      );
      const notes = new Set(found.map((record) => record.get("Notes")));
      return new Set(ids.filter((id) => notes.has(id)));
    },
    async writeNotices(notices) {
      const records = notices.map((notice) => ({ fields: fieldsOf(notice) }));
      await request("unknown", (base) => base("NOTIFICATIONS").create(records));
    },
  };
}

/** The fields that the game's own code writes and reads: one unknown name refuses them all. */
function fieldsOf(notice: Notice) {
  return {
    Citizen: notice.citizen,
    Type: notice.type,
    Content: notice.content,
    Details: JSON.stringify(notice.details),
    Asset: notice.asset,
    AssetType: notice.assetType,
    Notes: notice.id,
    Status: "unread",
    CreatedAt: notice.createdAt,
  };
}

function citizenOf(fields: Readonly<Record<string, unknown>>): Citizen[] {
  const { Username: username, InVenice: inVenice, SocialClass: socialClass } = fields;
  if (typeof username !== "string" || username === "") return [];
  return [
    {
      username,
      // An empty checkbox is left out of the answer.
      inVenice: inVenice === true,
      socialClass: typeof socialClass === "string" ? socialClass : null,
    },
  ];
}
