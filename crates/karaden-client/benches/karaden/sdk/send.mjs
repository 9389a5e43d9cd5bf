// Sends through the vendor's Node SDK for some seconds and prints what it took.
// Arguments: a node_modules folder with karaden-prg-node, the simulator's URL, concurrency, seconds, seconds of warm-up.
import { createRequire } from "node:module";
import path from "node:path";

const [, , modules, url, concurrency, seconds, warmUp] = process.argv;
const sdk = createRequire(path.join(path.resolve(modules), "x.js"))("karaden-prg-node");
sdk.Config.apiBase = `${url}/api`;
sdk.Config.apiKey = "demo-token";
sdk.Config.tenantId = "159bfd33-b9b7-f424-4755-c119b324591d";

let sent = 0;
async function sender(until) {
  while (performance.now() < until) {
    const params = sdk.MessageCreateParams.newBuilder()
      .withServiceId(1).withTo("09012345678").withBody("認証コード 123456").withTags([`t-${sent}`]).build();
    await sdk.Message.create(params);
    sent += 1;
  }
}

async function phase(length) {
  sent = 0;
  const before = process.cpuUsage();
  const began = performance.now();
  await Promise.all(Array.from({ length: Number(concurrency) }, () => sender(began + length * 1000)));
  const cpu = process.cpuUsage(before);
  const wall = (performance.now() - began) / 1000;
  return { sent, seconds: wall, cpu_seconds: (cpu.user + cpu.system) / 1e6 };
}

await phase(Number(warmUp));
console.log(JSON.stringify(await phase(Number(seconds))));
process.exit(0);
