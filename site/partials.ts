/** Puts the shared pieces of HTML (head, header, footer) into each page: `<!-- partial: header -->`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

export function partials(folder: string): Plugin {
  const expand = (html: string): string =>
    html.replace(/<!-- partial: ([a-z]+) -->/g, (_, name: string) =>
      expand(readFileSync(join(folder, `${name}.html`), "utf8").trim()),
    );
  return {
    name: "cascade-partials",
    transformIndexHtml: {
      order: "pre",
      handler: (html, { path }) => {
        const here = `<a data-nav href="${path.replace(/index\.html$/, "")}"`;
        return expand(html).replaceAll(here, `${here} aria-current="page"`);
      },
    },
    configureServer(server) {
      server.watcher.add(folder);
      server.watcher.on("change", (file) => {
        if (file.startsWith(folder)) server.ws.send({ type: "full-reload" });
      });
    },
  };
}
