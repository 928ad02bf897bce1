/** Sign-in and security: each part loads on its own, and holds up no other. */
import { goSignIn } from "../return-path.ts";
import { citizenSection } from "../security/citizen.ts";
import { devicesSection } from "../security/devices.ts";
import { emailSection } from "../security/email.ts";
import { logSection } from "../security/log.ts";
import { passkeysSection } from "../security/passkeys.ts";
import { passwordSection } from "../security/password.ts";
import { showSession, whoIsThis } from "../session.ts";

void start();

async function start(): Promise<void> {
  void showSession();
  if ((await whoIsThis()).kind === "signed_out") {
    goSignIn(location.pathname);
    return;
  }
  void emailSection();
  void citizenSection();
  void passkeysSection();
  passwordSection(devicesSection());
  void logSection();
}
