/** Disputes through the API: read, answered with evidence, or given up. */
import type { Stripe } from "stripe";
import { decide } from "../disputes/decide.ts";
import { TEXT_FIELDS, verdictOf } from "../disputes/evidence.ts";
import { escalate } from "../disputes/open.ts";
import { isClosed, isInquiry } from "../disputes/standing.ts";
import { invalid, noSuch, unsupported } from "../protocol/errors.ts";
import { createdWithin, page } from "../protocol/list.ts";
import { mergeMetadata } from "../protocol/metadata.ts";
import { route } from "../protocol/route.ts";
import { copy, type Cause, type World } from "../world.ts";
import { idOf } from "../reference.ts";

const MAX_EVIDENCE_LENGTH = 150_000;

function found(world: World, id: string): Stripe.Dispute {
  const dispute = world.disputes.get(id);
  if (!dispute) throw noSuch("dispute", id, "dispute");
  return dispute;
}

function chargeOf(world: World, dispute: Stripe.Dispute): Stripe.Charge {
  const charge = world.charges.get(idOf(dispute.charge));
  if (!charge) throw new Error(`The charge of ${dispute.id} is gone`);
  return charge;
}

function refuseClosed(dispute: Stripe.Dispute): void {
  if (isClosed(dispute)) throw invalid("This dispute is already closed");
}

function update(
  world: World,
  cause: Cause,
  dispute: Stripe.Dispute,
  params: Stripe.DisputeUpdateParams,
): void {
  refuseClosed(dispute);
  const metadata = mergeMetadata(dispute.metadata, params.metadata);
  const length = Object.values(params.evidence ?? {}).join("").length;
  if (length > MAX_EVIDENCE_LENGTH) {
    throw invalid(
      `The combined length of the evidence is ${length} characters; at most ${MAX_EVIDENCE_LENGTH} are allowed.`,
      { param: "evidence" },
    );
  }
  const before = copy(dispute);
  dispute.metadata = metadata;
  if (params.evidence) {
    for (const field of TEXT_FIELDS) {
      const text = params.evidence[field];
      if (text !== undefined) dispute.evidence[field] = text;
    }
    dispute.evidence_details.has_evidence = true;
  }
  const submits = dispute.evidence_details.has_evidence && (params.submit ?? params.evidence !== undefined);
  if (!submits) {
    world.emit(cause, "charge.dispute.updated", dispute, before);
    return;
  }
  dispute.status = isInquiry(dispute) ? "warning_under_review" : "under_review";
  dispute.evidence_details.submission_count += 1;
  dispute.evidence_details.submission_method = "manual";
  const due = dispute.evidence_details.due_by;
  dispute.evidence_details.past_due = due !== null && world.seconds() > due;
  world.emit(cause, "charge.dispute.updated", dispute, before);
  world.emit(cause, "charge.updated", chargeOf(world, dispute));
  judge(world, cause, dispute);
}

function judge(world: World, cause: Cause, dispute: Stripe.Dispute): void {
  const verdict = verdictOf(dispute.evidence);
  if (verdict === "none") return;
  if (!isInquiry(dispute)) {
    if (verdict !== "escalated") decide(world, cause, dispute, verdict);
  } else if (verdict === "escalated" && !chargeOf(world, dispute).refunded) {
    escalate(world, cause, dispute, chargeOf(world, dispute));
  } else decide(world, cause, dispute, "warning_closed");
}

export const disputes = [
  route<Stripe.DisputeRetrieveParams>({
    verb: "GET",
    path: "/v1/disputes/:id",
    method: "DisputeResource.retrieve",
    supports: [],
    answers: "dispute",
    run: ({ world, id }) => found(world, id),
  }),
  route<Stripe.DisputeUpdateParams>({
    verb: "POST",
    path: "/v1/disputes/:id",
    method: "DisputeResource.update",
    supports: ["metadata", "submit", ...TEXT_FIELDS.map((field) => `evidence.${field}`)],
    answers: "dispute",
    run({ world, id, cause, params }) {
      const dispute = found(world, id);
      update(world, cause, dispute, params);
      return dispute;
    },
  }),
  route<Stripe.DisputeCloseParams>({
    verb: "POST",
    path: "/v1/disputes/:id/close",
    method: "DisputeResource.close",
    supports: [],
    answers: "dispute",
    run({ world, id, cause }) {
      const dispute = found(world, id);
      refuseClosed(dispute);
      if (isInquiry(dispute)) throw unsupported("closing an inquiry");
      decide(world, cause, dispute, "lost");
      world.emit(cause, "charge.updated", chargeOf(world, dispute));
      return dispute;
    },
  }),
  route<Stripe.DisputeListParams>({
    verb: "GET",
    path: "/v1/disputes",
    method: "DisputeResource.list",
    supports: ["charge", "created", "payment_intent", "limit", "starting_after", "ending_before"],
    answers: "dispute",
    run({ world, params }) {
      const all = world.disputes
        .newestFirst()
        .filter(createdWithin(params.created))
        .filter(({ charge }) => params.charge === undefined || charge === params.charge)
        .filter(
          ({ payment_intent: intent }) =>
            params.payment_intent === undefined || intent === params.payment_intent,
        );
      return page(all, params, "/v1/disputes", "dispute");
    },
  }),
];
