/** A mail server on a loopback port: asks for a password where one is set, keeps every message as it came, fails on demand. */
import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { text } from "node:stream/consumers";
import { SMTPServer } from "smtp-server";

export type MailServerOptions = {
  /** Without it nobody is asked who they are. */
  readonly login?: { readonly user: string; readonly password: string };
  /** TLS from the first byte, by a certificate that nobody trusts. */
  readonly untrustedTls?: boolean;
};

/**
 * `silent` takes connections and says nothing; `cut` ends the connection when it has the message, before it says so;
 * the others answer with the reply code that follows them.
 */
export type MailServerFault =
  "silent" | "cut" | { readonly at: "sender" | "recipient" | "message"; readonly code: number };

export type KeptMessage = { readonly from: string; readonly to: readonly string[]; readonly raw: string };

export type MailServer = {
  /** `smtp://user:password@127.0.0.1:<port>`, or `smtps://…`. */
  readonly url: string;
  readonly port: number;
  /** Oldest first. */
  readonly messages: readonly KeptMessage[];
  /** How many logins were tried, right or wrong. */
  readonly logins: () => number;
  /** Until told otherwise; undefined works again. */
  fail(fault: MailServerFault | undefined): void;
  close(): Promise<void>;
};

type Answer = (error?: Error) => void;

/** @throws the listener's error. */
export async function startMailServer(options: MailServerOptions = {}): Promise<MailServer> {
  const { login, untrustedTls: secure = false } = options;
  const messages: KeptMessage[] = [];
  const sockets = new Set<Socket>();
  let fault: MailServerFault | undefined;
  let logins = 0;

  function answerAt(place: "sender" | "recipient" | "message", answer: Answer): void {
    const fails = typeof fault === "object" && fault.at === place ? fault.code : undefined;
    answer(fails === undefined ? undefined : reply(fails, `The ${place} is refused`));
  }

  const server = new SMTPServer({
    secure,
    // The stand-in's own certificate is what `untrustedTls` asks for; where there is no TLS, passwords come in the clear.
    disabledCommands: secure ? [] : ["STARTTLS"],
    allowInsecureAuth: true,
    authOptional: login === undefined,
    disableReverseLookup: true,
    logger: false,
    onConnect: (_session, answer) => {
      if (fault !== "silent") answer();
    },
    onAuth: ({ username, password }, _session, answer) => {
      logins += 1;
      if (login && username === login.user && password === login.password) answer(null, { user: username });
      else answer(reply(535, "Authentication failed"));
    },
    onMailFrom: (_address, _session, answer) => {
      answerAt("sender", answer);
    },
    onRcptTo: (_address, _session, answer) => {
      answerAt("recipient", answer);
    },
    onData: (stream, { envelope }, answer) => {
      void text(stream).then((raw) => {
        answerAt("message", (error) => {
          if (error) {
            answer(error);
            return;
          }
          const from = envelope.mailFrom === false ? "" : envelope.mailFrom.address;
          messages.push({ from, to: envelope.rcptTo.map(({ address }) => address), raw });
          if (fault === "cut") cut();
          else answer();
        });
      });
    },
  });
  // A cut connection is an error to the server, and no news to us.
  server.on("error", () => undefined);

  function cut(): void {
    for (const socket of sockets) socket.destroy();
  }

  const listener = server.listen(0, "127.0.0.1");
  listener.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  const user = login ? `${encodeURIComponent(login.user)}:${encodeURIComponent(login.password)}@` : "";
  return {
    url: `${secure ? "smtps" : "smtp"}://${user}127.0.0.1:${port}`,
    port,
    messages,
    logins: () => logins,
    fail: (next) => void (fault = next),
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        cut();
      }),
  };
}

function reply(code: number, words: string): Error {
  return Object.assign(new Error(words), { responseCode: code });
}
