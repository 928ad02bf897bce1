/** An invoice as a PDF of one page: small, and valid to whoever reads it. */
import type { Stripe } from "stripe";
import { shown } from "../objects/money.ts";

export function invoicePdf(invoice: Stripe.Invoice): Uint8Array<ArrayBuffer> {
  const lines = [
    `Invoice ${invoice.number ?? ""}`,
    ...invoice.lines.data.map((line) => `${line.description ?? ""}  ${shown(line.amount, line.currency)}`),
    `Total ${shown(invoice.total, invoice.currency)}`,
    `Amount due ${shown(invoice.amount_due, invoice.currency)}`,
  ];
  const shownLines = lines.map((line, index) => `1 0 0 1 56 ${780 - index * 18} Tm (${escaped(line)}) Tj`);
  const text = `BT /F1 11 Tf ${shownLines.join(" ")} ET`;
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
    `<< /Length ${text.length} >>\nstream\n${text}\nendstream`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
  ];
  let file = "%PDF-1.4\n";
  const offsets = objects.map((object, index) => {
    const offset = file.length;
    file += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return offset;
  });
  const table = offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("");
  const start = file.length;
  file += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}`;
  file += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`;
  return Uint8Array.from(file, (letter) => letter.charCodeAt(0));
}

/** What the font's encoding has; brackets and backslashes stand for themselves. */
function escaped(line: string): string {
  return line.replaceAll(/[^\x20-\xff]/g, "?").replaceAll(/[\\()]/g, "\\$&");
}
