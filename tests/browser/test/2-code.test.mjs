// What people do with a code: mistype it, paste it, ask for it again, let it lie.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { withDemo } from "../src/demo.mjs";
import { PHONE, asVisitor, openBrowser } from "../src/visitor.mjs";

const fullWidth = (text) => text.replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)));
const notThis = (code) => (code === "000000" ? "000001" : "000000");

describe("the code", () => {
  let browser;
  before(async () => (browser = await openBrowser()));
  after(() => browser.close());
  const visit = (habits, journey) => withDemo((demo) => asVisitor(browser, demo, habits, journey));

  test("what is no code is said to be none, and costs no attempt", () =>
    visit({}, async (visitor) => {
      const { words, demo } = visitor;
      const { alice } = demo.users;
      await visitor.reachCode(alice);
      const code = await demo.code(alice);
      for (const [typed, complaint] of [
        ["", words.empty],
        [code.slice(1), words.malformed],
        [`${code}0`, words.malformed],
        ["abcdef", words.malformed],
        [`${code.slice(0, 5)}x`, words.malformed],
      ]) {
        assert.equal(await visitor.answer(typed), 303, typed);
        await visitor.expectProblem(complaint);
      }
      await visitor.answer(notThis(code));
      await visitor.expectProblem(words.wrong(4));
      assert.equal(await visitor.answer(code), 303);
      await visitor.expectInside(alice);
    }));

  for (const [name, spell] of [
    ["with a space", (code) => `${code.slice(0, 3)} ${code.slice(3)}`],
    ["in full-width digits", fullWidth],
    ["in full-width digits with a hyphen", (code) => fullWidth(`${code.slice(0, 3)}－${code.slice(3)}`)],
    ["with blanks around it", (code) => `\u3000${code}\t`],
    ["with the words around it", (code) => `認証コード：${code}`],
  ]) {
    test(`pasted ${name} it signs in`, () =>
      visit({ screen: PHONE }, async (visitor) => {
        const { alice } = visitor.demo.users;
        await visitor.reachCode(alice);
        const typed = spell(await visitor.demo.code(alice));
        await visitor.codeField().evaluate((field, pasted) => {
          field.focus();
          document.execCommand("insertText", false, pasted);
        }, typed);
        assert.equal(await visitor.codeField().inputValue(), typed, "the field takes all of it");
        assert.equal(await visitor.sending(() => visitor.button(visitor.words.confirm).click()), 303);
        await visitor.expectInside(alice);
      }));
  }

  for (const script of [true, false]) {
    test(`asked for again too early, the page says how long to wait (${script ? "script" : "plain"})`, () =>
      visit({ script, language: "en" }, async (visitor) => {
        const { words, demo } = visitor;
        const { bob } = demo.users;
        await visitor.reachCode(bob);
        // The button only looks as if it were not ready (`aria-disabled`): `force` presses it anyway.
        const press = () => visitor.button(words.resend).click({ force: true });
        assert.equal(await visitor.sending(press), 303);
        await visitor.expectProblem(words.tooEarly);
        await visitor.inspect("the page that asks for patience");
        await visitor.photograph("code-too-early");
        assert.equal((await demo.inbox(bob)).length, 1, "nothing was sent");
        assert.equal(await visitor.answer(await demo.code(bob)), 303);
        await visitor.expectInside(bob);
      }));
  }

  test("wrong five times it is spent; a new one works, and the old one does not", () =>
    visit({}, async (visitor) => {
      const { words, demo } = visitor;
      const { alice } = demo.users;
      await visitor.reachCode(alice);
      const first = await demo.code(alice);
      for (const left of [4, 3, 2, 1]) {
        await visitor.answer(notThis(first));
        await visitor.expectProblem(words.wrong(left));
      }
      await visitor.answer(notThis(first));
      await visitor.expectProblem(words.exhausted);
      await visitor.inspect("the page that offers a new code");
      await visitor.photograph("code-exhausted");
      await visitor.sending(() => visitor.button(words.newCode).click());
      const second = await demo.code(alice, 2);
      if (second !== first) {
        await visitor.answer(first);
        await visitor.expectProblem(words.wrong(4));
      }
      assert.equal(await visitor.answer(second), 303);
      await visitor.expectInside(alice);
    }));

  test("wrong ten times locks the code, says until when, and locks nobody else", () =>
    visit({}, async (visitor) => {
      const { words, demo } = visitor;
      const { alice, bob } = demo.users;
      await visitor.reachCode(alice);
      const first = await demo.code(alice);
      for (let attempt = 0; attempt < 5; attempt += 1) await visitor.answer(notThis(first));
      await visitor.sending(() => visitor.button(words.newCode).click());
      const second = await demo.code(alice, 2);
      for (let attempt = 0; attempt < 5; attempt += 1) await visitor.answer(notThis(second));
      await visitor.heading(words.locked).waitFor();
      assert.match(await visitor.text(), words.until);
      await visitor.inspect("the page of the lock");
      await visitor.photograph("locked");
      await visitor.context.clearCookies();
      await visitor.reachCode(bob);
      assert.equal(await visitor.answer(await demo.code(bob)), 303);
      await visitor.expectInside(bob);
    }));

  test("a text message that cannot be delivered shows on the open page", () =>
    visit({ language: "ja" }, async (visitor) => {
      const { words, demo, page } = visitor;
      const { alice } = demo.users;
      await demo.turn("/delivery", { mode: "out_of_range", sent_after_ms: 10, result_after_ms: 20 });
      await visitor.reachCode(alice);
      await page.getByRole("status").getByText(words.outOfRange).waitFor({ timeout: 30_000 });
      await visitor.inspect("the page with news of the message");
      await visitor.photograph("code-out-of-range");
    }));

  test("while the provider is down the page says so; tried again, it goes on", () =>
    visit({ language: "en", screen: PHONE, theme: "dark" }, async (visitor) => {
      const { words, demo } = visitor;
      const { alice } = demo.users;
      await demo.turn("/faults", { mode: "401" });
      await visitor.open("/");
      await visitor.signIn(alice);
      await visitor.heading(words.unavailable).waitFor();
      await visitor.inspect("the page of the outage");
      await visitor.photograph("unavailable");
      await demo.turn("/faults", { mode: "none" });
      await visitor.button(words.retry).click();
      await visitor.heading(words.codeTitle).waitFor();
      assert.equal(await visitor.answer(await demo.code(alice)), 303);
      await visitor.expectInside(alice);
    }));
});
