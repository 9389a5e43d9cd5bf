// Drives the vendor's Node SDK against the simulator at argv[3]; any surprise ends it with an error.
// Run by tests/vendor_sdks.rs; argv[2] is a node_modules folder that has `karaden-prg-node`.
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";

const [, , modules, url] = process.argv;
const sdk = createRequire(path.join(path.resolve(modules), "x.js"))("karaden-prg-node");

const TENANT = "159bfd33-b9b7-f424-4755-c119b324591d";
const NUMBER = "09012345678";
sdk.Config.apiBase = `${url}/api`;
sdk.Config.apiKey = "demo-token";
sdk.Config.tenantId = TENANT;

async function put(where, body) {
  const answer = await fetch(url + where, { method: "PUT", body: JSON.stringify(body) });
  assert.equal(answer.status, 200);
}

function create({ to = NUMBER, tags, scheduledAt, limitedAt } = {}, options) {
  const params = sdk.MessageCreateParams.newBuilder();
  params.withServiceId(1).withTo(to).withBody("認証コード 123456");
  if (tags) params.withTags(tags);
  if (scheduledAt) params.withScheduledAt(scheduledAt);
  if (limitedAt) params.withLimitedAt(limitedAt);
  return sdk.Message.create(params.build(), options);
}

function detail(id) {
  return sdk.Message.detail(sdk.MessageDetailParams.newBuilder().withId(id).build());
}

async function raises(exception, call) {
  try {
    await call();
  } catch (caught) {
    assert.equal(caught.constructor, exception, `${exception.name}, not ${caught}`);
    return caught;
  }
  return assert.fail(`${exception.name} was not raised`);
}

function options(change) {
  return change(sdk.RequestOptions.newBuilder()).build();
}

const steps = {
  async createAndDetail() {
    const limitedAt = new Date(Date.now() + 300_000);
    const sent = await create({ tags: ["node", "login"], limitedAt });
    assert.equal(sent.object, "message");
    assert.equal(sent.status, "waiting");
    assert.deepEqual(sent.tags, ["node", "login"]);
    assert.equal(+sent.limitedAt, Math.floor(+limitedAt / 1000) * 1000);
    const found = await detail(sent.id);
    assert.equal(found.body, "認証コード 123456");
    assert.equal(found.sentResult, "received");
    assert.equal((await detail((await create({ to: "09000000003" })).id)).sentResult, "error");
  },

  async listWithPaging() {
    const sent = new Set();
    for (let i = 0; i < 25; i += 1) sent.add((await create({ tags: ["paging-node"] })).id);
    const seen = [];
    let page = 1;
    for (;;) {
      const params = sdk.MessageListParams.newBuilder()
        .withServiceId(1)
        .withTo(NUMBER)
        .withTag("paging-node")
        .withStatus("done")
        .withStartAt(new Date(Date.now() - 3_600_000))
        .withEndAt(new Date(Date.now() + 3_600_000))
        .withPage(page)
        .withPerPage(10)
        .build();
      const answer = await sdk.Message.list(params);
      seen.push(...answer.data.map((message) => message.id));
      if (!answer.hasMore) break;
      page += 1;
    }
    assert.equal(page, 3);
    assert.deepEqual(new Set(seen), sent);
    assert.equal(seen.length, 25);
  },

  async cancel() {
    const sent = await create({ scheduledAt: new Date(Date.now() + 3_600_000) });
    const params = sdk.MessageCancelParams.newBuilder().withId(sent.id).build();
    assert.equal((await sdk.Message.cancel(params)).status, "canceled");
    const error = await raises(sdk.BadRequestException, () => sdk.Message.cancel(params));
    assert.equal(error.error.code, "can_not_cancel_message");
  },

  async everyErrorClass() {
    await raises(sdk.InvalidParamsException, () => create({ to: "" }));
    sdk.Config.apiKey = "";
    await raises(sdk.InvalidRequestOptionsException, () => create());
    sdk.Config.apiKey = "demo-token";
    const wrongKey = options((builder) => builder.withApiKey("wrong"));
    await raises(sdk.UnauthorizedException, () => create({}, wrongKey));
    const wrongTenant = options((builder) => builder.withTenantId(`${TENANT.slice(0, -1)}e`));
    const error = await raises(sdk.BadRequestException, () => create({}, wrongTenant));
    assert.equal(error.error.code, "invalid_tenant");
    const wrongVersion = options((builder) => builder.withApiVersion("2022-01-01"));
    const version = await raises(sdk.BadRequestException, () => create({}, wrongVersion));
    assert.equal(version.error.code, "invalid_version");
    await raises(sdk.NotFoundException, () => detail(TENANT));
    const invalid = await raises(sdk.UnprocessableEntityException, () => create({ to: "090" }));
    assert.ok(invalid.error.errors.getProperty("to"));
    for (const [status, exception] of [
      [403, sdk.ForbiddenException],
      [429, sdk.TooManyRequestsException],
      [500, sdk.UnknownErrorException],
      [409, sdk.UnknownErrorException],
    ]) {
      await put("/faults", { mode: String(status), count: 1 });
      await raises(exception, () => create());
    }
    for (const mode of ["html", "empty", "malformed"]) {
      await put("/faults", { mode, count: 1 });
      await raises(sdk.UnexpectedValueException, () => create());
    }
    await put("/quirks", { error_without_object: true });
    await raises(sdk.UnexpectedValueException, () => create({ to: "090" }));
    await put("/quirks", {});
  },

  async bulkRoundTrip() {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "karaden-sim-"));
    try {
      const source = path.join(folder, "in.csv");
      fs.writeFileSync(source, "service_id,to,body\r\n1,09012345678,一\r\n1,bad,二\r\n");
      const bulk = await sdk.BulkMessageService.create(source);
      assert.equal(bulk.status, "waiting");
      const download = sdk.BulkMessageDownloadParams.newBuilder()
        .withId(bulk.id)
        .withDirectoryPath(folder)
        .build();
      assert.equal(await sdk.BulkMessageService.download(download), true);
      const [result] = fs.readdirSync(folder).filter((name) => name.startsWith("messages_bulk-"));
      const rows = JSON.parse(fs.readFileSync(path.join(folder, result), "utf8"));
      assert.deepEqual(
        rows.map((row) => row.status),
        ["done", "processing_error"],
      );
      const file = await sdk.BulkFile.create();
      const params = sdk.BulkMessageCreateParams.newBuilder().withBulkFileId(file.id).build();
      download.id = (await sdk.BulkMessage.create(params)).id;
      const failed = () => sdk.BulkMessageService.download(download);
      await raises(sdk.BulkMessageCreateFailedException, failed);
      await raises(sdk.UnknownErrorException, () => sdk.BulkMessage.create(params));
      await put("/quirks", { upload_expired: true });
      const create = () => sdk.BulkMessageService.create(source);
      await raises(sdk.FileUploadFailedException, create);
      await put("/quirks", {});
      const missing = () => sdk.BulkMessageService.create(path.join(folder, "missing.csv"));
      await raises(sdk.FileNotFoundException, missing);

      const endsIn = async (exception) => {
        const again = sdk.BulkMessageDownloadParams.newBuilder()
          .withId((await sdk.BulkMessageService.create(source)).id)
          .withDirectoryPath(folder)
          .withMaxRetries(1)
          .withRetryInterval(10)
          .build();
        await raises(exception, () => sdk.BulkMessageService.download(again));
      };
      await put("/faults", { mode: "drop", operation: "download", count: 1 });
      await endsIn(sdk.FileDownloadFailedException);
      await put("/quirks", { bulk_never_ready: true });
      await endsIn(sdk.BulkMessageListMessageRetryLimitExceedException);
      await put("/quirks", {});
      await put("/delivery", { mode: "normal", bulk_after_ms: 600_000 });
      await endsIn(sdk.BulkMessageShowRetryLimitExceedException);
      await put("/delivery", { mode: "normal", bulk_after_ms: 0 });
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  },
};

for (const [name, step] of Object.entries(steps)) {
  await step();
  console.log(`ok: ${name}`);
}
