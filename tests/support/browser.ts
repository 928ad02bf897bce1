/** A real Chromium from npm, on machines that have none; CHROMIUM_PATH names an installed one. */
import { chromium, type Browser } from "playwright-core";

export async function openBrowser(): Promise<Browser> {
  const given = process.env["CHROMIUM_PATH"];
  return await chromium.launch({
    executablePath: given ?? (await unpackedChromium()),
    // The package's own list of switches turns web security off: these suffice.
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
}

async function unpackedChromium(): Promise<string> {
  // Read at its import: it then unpacks the system libraries that a bare machine lacks, too.
  process.env["AWS_EXECUTION_ENV"] = "AWS_Lambda_nodejs24.x";
  const { default: packed } = await import("@sparticuz/chromium");
  return await packed.executablePath();
}
