// The system under test: `mfa-gateway demo` on ports of its own, one for every test that counts
// text messages or failures, so that no test eats another's limits.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const START_TIMEOUT = 60_000;
const STOP_TIMEOUT = 20_000;

export function binary() {
  const path = process.env.MFA_GATEWAY_BIN;
  if (!path) {
    throw new Error("MFA_GATEWAY_BIN has to name the mfa-gateway program; `cargo xtask test` sets it");
  }
  return path;
}

/** Starts a demo, runs `visit` with it, and stops it whatever happens. */
export async function withDemo(visit, flags = []) {
  const demo = await Demo.start(flags);
  try {
    return await visit(demo);
  } finally {
    await demo.stop();
  }
}

class Demo {
  #process;
  #log = [];

  static async start(flags) {
    const demo = new Demo();
    const loopback = "127.0.0.1:0";
    const listeners = ["--listen", loopback, "--sim-listen", loopback, "--ops-listen", loopback];
    demo.#process = spawn(binary(), ["demo", "--json", ...listeners, ...flags], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    demo.#process.stderr.setEncoding("utf8").on("data", (text) => demo.#log.push(text));
    const line = await demo.#firstLine();
    const facts = JSON.parse(line);
    demo.url = trimmed(facts.gateway_url);
    demo.inboxUrl = trimmed(facts.simulator_url);
    demo.applicationUrl = trimmed(facts.application_url);
    demo.users = Object.fromEntries(facts.users.map((user) => [user.username, user]));
    return demo;
  }

  #firstLine() {
    return new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`${why}\n${this.#log.join("")}`));
      const timer = setTimeout(() => fail("the demo was not ready in time"), START_TIMEOUT);
      this.#process.once("error", (error) => fail(`the demo did not start: ${error.message}`));
      this.#process.once("exit", (code) => fail(`the demo ended with ${code} before it was ready`));
      const lines = createInterface({ input: this.#process.stdout });
      lines.once("line", (line) => {
        clearTimeout(timer);
        resolve(line);
      });
    });
  }

  /** The messages on a user's phone, the newest first. */
  async inbox(user) {
    const answer = await fetch(`${this.inboxUrl}/inbox.json?to=${user.phone}`);
    return answer.json();
  }

  /** Waits until the phone of `user` holds `count` messages, and gives the newest one's code. */
  async code(user, count = 1) {
    for (const patience = Date.now() + 15_000; Date.now() < patience; ) {
      const messages = await this.inbox(user);
      if (messages.length >= count) return codeIn(messages[0].body);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`no ${count} messages arrived`);
  }

  /** Turns one of the simulator's switches, such as `/faults`. */
  async turn(path, setting) {
    const answer = await fetch(this.inboxUrl + path, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(setting),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  }

  async stop() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) {
      throw new Error(`the demo ended by itself\n${this.#log.join("")}`);
    }
    const exit = once(this.#process, "exit");
    this.#process.kill("SIGINT");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), STOP_TIMEOUT);
    const [code, signal] = await exit;
    clearTimeout(timer);
    if (code !== 0) {
      throw new Error(`the demo stopped with ${code ?? signal}\n${this.#log.join("")}`);
    }
  }
}

function trimmed(url) {
  return url.replace(/\/$/, "");
}

/** The code in the text of a message: its first run of six digits. */
export function codeIn(text) {
  const found = /(?<!\d)\d{6}(?!\d)/.exec(text);
  if (!found) throw new Error("a message without a code");
  return found[0];
}
