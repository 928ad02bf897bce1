/** Stripe's webhook signature: HMAC-SHA256 over `<seconds>.<body>`, in the header `Stripe-Signature`. */
import { createHmac } from "node:crypto";

export function signatureHeader(body: string, secret: string, seconds: number): string {
  const signature = createHmac("sha256", secret).update(`${seconds}.${body}`, "utf8").digest("hex");
  return `t=${seconds},v1=${signature}`;
}
