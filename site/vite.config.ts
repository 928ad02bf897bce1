/** How the static site is built and served: one HTML file per page, no script or style inside the HTML. */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { partials } from "./partials.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here("."),
  appType: "mpa",
  plugins: [partials(here("partials"))],
  // Found only when a page asks for them, they would make that page reload under whoever is filling in its form.
  optimizeDeps: { include: ["@scure/base", "@simplewebauthn/browser"] },
  build: {
    outDir: here("dist"),
    emptyOutDir: true,
    // Everything stays a file, so that a policy of 'self' without data: and without inline code holds.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: [
        here("index.html"),
        here("sign-in/index.html"),
        here("sign-up/index.html"),
        here("purchase/index.html"),
        here("forgot/index.html"),
        here("reset/index.html"),
        here("verify/index.html"),
        here("account/index.html"),
        here("account/security/index.html"),
        here("404.html"),
      ],
    },
  },
});
