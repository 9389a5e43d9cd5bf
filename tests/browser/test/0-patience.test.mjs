// What takes real time: a code sent again when its wait is over, and a code that has run out. This
// file mostly waits, beside the others.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { withShortCodes } from "../src/serve.mjs";
import { asVisitor, openBrowser } from "../src/visitor.mjs";

describe("time passes", () => {
  let browser;
  before(async () => (browser = await openBrowser()));
  after(() => browser.close());

  test("a code is sent again after its wait, runs out on the open page, and a new one signs in", () =>
    withShortCodes((demo) =>
      asVisitor(browser, demo, { language: "ja" }, async (visitor) => {
        const { words, page } = visitor;
        const { alice } = demo.users;
        await visitor.reachCode(alice);
        const code = await demo.code(alice);

        const resend = visitor.button(words.resend);
        // The script sets it once the page is parsed; the heading shows before.
        await resend.and(page.locator('[aria-disabled="true"]')).waitFor();
        await page.locator("#announce").getByText(words.ready).waitFor({ state: "attached", timeout: 40_000 });
        assert.equal(await resend.getAttribute("aria-disabled"), null);
        assert.equal(await visitor.sending(() => resend.click()), 303);
        await page.getByRole("status").getByText(words.resent).waitFor();
        await visitor.inspect("the page after a resend");
        await visitor.photograph("code-resent");
        assert.equal(await demo.code(alice, 2), code, "a resend carries the same code");

        // The open page gives way to the one that offers a new code.
        await visitor.heading(words.newCodeTitle).waitFor({ timeout: 60_000 });
        await visitor.expectProblem(words.expired);
        await visitor.inspect("the page that asks for a new code");
        await visitor.photograph("code-expired");

        await visitor.sending(() => visitor.button(words.newCode).click());
        const fresh = await demo.code(alice, 3);
        assert.equal(await visitor.answer(fresh), 303);
        await visitor.expectInside(alice);
      }),
    ));
});
