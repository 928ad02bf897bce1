/** Starts and stops one stand-in on a loopback port. */
import { serve as listen } from "@hono/node-server";
import type { Hono } from "hono";
import type { AddressInfo } from "node:net";
import { Server } from "node:http";

export type Served = {
  /** `http://127.0.0.1:<port>`, without a trailing slash. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
};

/**
 * Serves `app` on 127.0.0.1. Port 0 takes any free one.
 * @throws the listener's error (EADDRINUSE and the like).
 */
export function serve(app: Hono, port = 0): Promise<Served> {
  return new Promise((resolve, reject) => {
    const server = listen({ fetch: app.fetch, hostname: "127.0.0.1", port }, (address: AddressInfo) => {
      server.off("error", reject);
      resolve({
        url: `http://127.0.0.1:${address.port}`,
        port: address.port,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            if (server instanceof Server) server.closeAllConnections();
          }),
      });
    });
    server.once("error", reject);
  });
}
