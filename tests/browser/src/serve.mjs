// The gateway as an operator runs it: `serve` with a configuration file of its own, in front of a
// demo's application and simulator, with codes that live for a minute only.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { binary, withDemo } from "./demo.mjs";

/** Runs `visit` with a gateway whose codes live 60 seconds and may be sent again after 30. */
export function withShortCodes(visit) {
  return withDemo(async (demo) => {
    const folder = await mkdtemp(join(tmpdir(), "mfa-browser-"));
    try {
      await serving(demo, folder, visit);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

async function serving(demo, folder, visit) {
  const [port, opsPort] = [await freePort(), await freePort()];
  const url = `http://localhost:${port}`;
  const file = join(folder, "gateway.toml");
  await writeFile(file, configuration(demo, url, port, opsPort), { mode: 0o600 });
  const { alice } = demo.users;
  const add = ["user", "add", "--config", file, alice.username, "--phone", alice.phone];
  await run(add, alice.password);
  const log = [];
  const gateway = spawn(binary(), ["serve", "--config", file], { stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [gateway.stdout, gateway.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => log.push(text));
  }
  try {
    await ready(url, gateway, log);
    // The same phones and switches, another gateway.
    const shape = { url: { value: url }, users: { value: { alice } } };
    await visit(Object.create(demo, shape));
  } finally {
    gateway.kill("SIGTERM");
    if (gateway.exitCode === null) await once(gateway, "exit");
  }
}

async function ready(url, gateway, log) {
  for (const patience = Date.now() + 60_000; Date.now() < patience; ) {
    if (gateway.exitCode !== null) break;
    const answer = await fetch(`${url}/_mfa/login`).catch(() => null);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the gateway did not become ready\n${log.join("")}`);
}

function run(args, input) {
  return new Promise((resolve, reject) => {
    const child = execFile(binary(), args, (error, stdout, stderr) =>
      error ? reject(new Error(`${args[0]} ${args[1]}: ${stderr}`)) : resolve(stdout),
    );
    child.stdin.end(`${input}\n`);
  });
}

/** A port that was free a moment ago: the public address has to be known before the start. */
async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

function configuration(demo, url, port, opsPort) {
  // The credentials are the ones that every simulator starts with.
  return `[gateway]
public_url = "${url}"
insecure_http = true
listen = "127.0.0.1:${port}"
ops_listen = "127.0.0.1:${opsPort}"
data_dir = "data"
service_name = "Minato"
secret = "only the browser tests know this, and it is long enough"

[application]
url = "${demo.applicationUrl}"

[otp]
lifetime = "60s"
resend_cooldowns = ["30s"]

[[otp.key]]
id = 1
secret = "codes of the browser tests are derived from these bytes"

[sms]
product_name = "Minato"
host = "localhost"
insecure_http = true

[sms.karaden_sms]
base_url = "${demo.inboxUrl}/api"
tenant_id = "159bfd33-b9b7-f424-4755-c119b324591d"
token = "demo-token"
service_id = 1
`;
}
