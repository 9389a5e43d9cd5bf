// What browsers do: tabs, history, cookies, keyboards, and what script adds.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { withDemo } from "../src/demo.mjs";
import { PHONE, asVisitor, openBrowser } from "../src/visitor.mjs";

describe("the browser", () => {
  let browser;
  before(async () => (browser = await openBrowser()));
  after(() => browser.close());
  const visit = (habits, journey) => withDemo((demo) => asVisitor(browser, demo, habits, journey));

  for (const language of ["ja", "en"]) {
    test(`a lost cookie gets a clear page and a way on (${language})`, () =>
      visit({ language }, async (visitor) => {
        const { words, demo, page } = visitor;
        await visitor.reachCode(demo.users.alice);
        const code = await demo.code(demo.users.alice);
        await visitor.context.clearCookies();
        await visitor.answer(code);
        await visitor.heading(words.sessionLost).waitFor();
        await visitor.inspect("the page of the lost login");
        await visitor.photograph("session-lost");
        await page.getByRole("link", { name: words.toLogin, exact: true }).click();
        await visitor.heading(words.loginTitle).waitFor();
      }));
  }

  test("two tabs share one login: the second completes it, the first goes on by itself", () =>
    visit({}, async (visitor) => {
      const { demo, page } = visitor;
      const { alice } = demo.users;
      await visitor.reachCode(alice);
      const second = await visitor.tab();
      await visitor.open("/_mfa/factor", second);
      await visitor.heading(visitor.words.codeTitle, second).waitFor();
      const code = await demo.code(alice);
      assert.equal((await demo.inbox(alice)).length, 1, "the second tab sent nothing");
      assert.equal(await visitor.answer(code, second), 303);
      await visitor.expectInside(alice, second);
      // The open page is told, and loads itself again.
      await visitor.expectInside(alice, page);
    }));

  test("the back button is harmless before and after the code", () =>
    visit({}, async (visitor) => {
      const { demo, page, words } = visitor;
      const { alice } = demo.users;
      await visitor.reachCode(alice);
      await page.goBack();
      await visitor.heading(words.loginTitle).waitFor();
      await page.goForward();
      await visitor.heading(words.codeTitle).waitFor();
      await page.reload();
      assert.equal((await demo.inbox(alice)).length, 1, "neither step sent a message");
      await visitor.answer(await demo.code(alice));
      await visitor.expectInside(alice);
      await page.goBack();
      await page.goForward();
      await visitor.expectInside(alice);
      await visitor.open("/_mfa/factor");
      await visitor.expectInside(alice);
    }));

  test("after logging out, the back button shows nothing of the application", () =>
    visit({}, async (visitor) => {
      const { demo, page, words } = visitor;
      const { alice } = demo.users;
      await visitor.reachCode(alice);
      await visitor.answer(await demo.code(alice));
      await visitor.expectInside(alice);
      await visitor.open("/_mfa/logout");
      await visitor.button(words.logout).click();
      await page.getByText(words.loggedOut, { exact: true }).waitFor();
      for (let step = 0; step < 2; step += 1) {
        await page.goBack();
        assert.equal(await page.getByTestId("user").count(), 0);
      }
    }));

  test("on a small phone the field is in sight, also after a wrong code", () =>
    visit({ screen: { width: 320, height: 640 } }, async (visitor) => {
      const { demo, words } = visitor;
      const { alice } = demo.users;
      const isInSight = async () => {
        const box = await visitor.codeField().boundingBox();
        assert.ok(box.y >= 0 && box.y + box.height <= 640, `the field ends at ${box.y + box.height}`);
      };
      await visitor.reachCode(alice);
      await isInSight();
      const code = await demo.code(alice);
      await visitor.answer(code === "000000" ? "000001" : "000000");
      await visitor.expectProblem(words.wrong(4));
      await isInSight();
      await visitor.inspect("the page after a wrong code");
    }));

  test("an impatient second click sends nothing more", () =>
    visit({}, async (visitor) => {
      const { demo, page } = visitor;
      await visitor.reachCode(demo.users.alice);
      const stopped = await page.evaluate(() => {
        const stopped = [];
        addEventListener("submit", (event) => {
          stopped.push(event.defaultPrevented);
          event.preventDefault();
        });
        const button = document.querySelector("#answer button");
        button.click();
        button.click();
        return stopped;
      });
      assert.deepEqual(stopped, [false, true]);
    }));

  test("everything works by keyboard, in the order of the page", () =>
    visit({ language: "en" }, async (visitor) => {
      const { demo, page, words } = visitor;
      const { alice } = demo.users;
      const focused = () =>
        page.evaluate(() => {
          const { activeElement: at } = document;
          return at.name || at.textContent.trim();
        });
      await visitor.open("/");
      assert.equal(await focused(), "username");
      await page.keyboard.type(alice.username);
      await page.keyboard.press("Tab");
      assert.equal(await focused(), "password");
      await page.keyboard.type("not this one");
      await visitor.sending(() => page.keyboard.press("Enter"));
      await visitor.expectProblem(words.loginFailed);
      // From the summary, its link leads back to the field.
      await page.keyboard.press("Tab");
      assert.equal(await focused(), words.loginFailed);
      await page.keyboard.press("Enter");
      assert.equal(await focused(), "username");
      assert.equal(await page.locator("#username").inputValue(), alice.username, "the name is kept");
      assert.equal(await page.locator("#password").inputValue(), "", "the password is not");
      await page.keyboard.press("Tab");
      await page.keyboard.type(alice.password);
      await page.keyboard.press("Enter");
      await visitor.heading(words.codeTitle).waitFor();
      assert.equal(await focused(), "code");
      const order = [];
      for (let step = 0; step < 4; step += 1) {
        await page.keyboard.press("Tab");
        order.push(await focused());
      }
      assert.deepEqual(order, [words.confirm, "action", words.help, words.cancel]);
      for (let step = 0; step < 4; step += 1) await page.keyboard.press("Shift+Tab");
      await page.keyboard.type(await demo.code(alice));
      await page.keyboard.press("Enter");
      await visitor.expectInside(alice);
    }));

  test("the first Tab offers to skip to the content", () =>
    visit({}, async (visitor) => {
      const { page } = visitor;
      await visitor.open("/_mfa/no-such-page");
      await page.keyboard.press("Tab");
      const skip = page.locator(".skip");
      assert.ok(await skip.evaluate((link) => link === document.activeElement));
      const box = await skip.boundingBox();
      assert.ok(box.y >= 0, "and shows itself");
      await page.keyboard.press("Enter");
      assert.equal(await page.evaluate(() => document.activeElement.id), "main");
    }));

  test("the language switch keeps the page and the way back", () =>
    visit({ language: "ja" }, async (visitor) => {
      const { demo, page } = visitor;
      const { alice } = demo.users;
      await visitor.open("/admin/");
      await page.getByRole("link", { name: "English", exact: true }).click();
      await page.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
      await page.getByLabel("User ID", { exact: true }).fill(alice.username);
      await page.getByLabel("Password", { exact: true }).fill(alice.password);
      await page.getByRole("button", { name: "Continue", exact: true }).click();
      await page.getByRole("heading", { name: "Enter the verification code", exact: true }).waitFor();
      await page.getByRole("link", { name: "日本語", exact: true }).click();
      await visitor.heading(visitor.words.codeTitle).waitFor();
      assert.equal((await demo.inbox(alice)).length, 1, "switching sent nothing");
      await visitor.answer(await demo.code(alice));
      await visitor.expectInside(alice);
      assert.equal(new URL(page.url()).pathname, "/admin/");
    }));

  test("an unknown user is told the same as a wrong password, and what is missing is named", () =>
    visit({ language: "en" }, async (visitor) => {
      const { words, page } = visitor;
      await visitor.open("/");
      const seen = [];
      for (const username of ["alice", "nobody-by-this-name"]) {
        const status = await visitor.sending(() => visitor.signIn({ username, password: "not this one" }));
        await visitor.expectProblem(words.loginFailed);
        seen.push([status, (await page.locator("main").innerText()).replaceAll(username, "…")]);
      }
      assert.deepEqual(seen[0], seen[1]);
      await visitor.sending(() => visitor.signIn({ username: "", password: "" }));
      await visitor.expectProblem(words.usernameMissing);
      await visitor.expectProblem(words.passwordMissing);
      await visitor.inspect("the login page with two problems");
    }));

  test("cancelling ends the login", () =>
    visit({ script: false }, async (visitor) => {
      const { words, page, demo } = visitor;
      await visitor.reachCode(demo.users.alice);
      await visitor.button(words.cancel).click();
      await page.getByText(words.cancelled, { exact: true }).waitFor();
      await visitor.open("/_mfa/factor");
      await visitor.heading(words.sessionLost).waitFor();
    }));

  test("the password can be shown, and goes back to hidden when it is sent", () =>
    visit({ screen: PHONE }, async (visitor) => {
      const { words, page } = visitor;
      await visitor.open("/");
      const field = page.getByLabel(words.password, { exact: true });
      await field.fill("secret words");
      await visitor.button(words.show).click();
      assert.equal(await field.getAttribute("type"), "text");
      await visitor.inspect("the login page with the password shown");
      await visitor.button(words.hide).click();
      assert.equal(await field.getAttribute("type"), "password");
      await visitor.button(words.show).click();
      await page.evaluate(() => {
        addEventListener("submit", (event) => {
          event.preventDefault();
          document.title = document.getElementById("password").type;
        });
      });
      await visitor.button(words.next).click();
      assert.equal(await page.title(), "password");
    }));

  test("Caps Lock is noticed", () =>
    visit({}, async (visitor) => {
      const { words, page } = visitor;
      await visitor.open("/");
      await page.getByLabel(words.password, { exact: true }).evaluate((field) => {
        field.dispatchEvent(new KeyboardEvent("keydown", { key: "A", modifierCapsLock: true }));
      });
      await page.getByRole("status").getByText(words.capsLock).waitFor();
    }));

  test("script counts down to the resend and says once that it is over", () =>
    visit({}, async (visitor) => {
      const { words, page, demo } = visitor;
      // Live status would set the page's clock right again.
      await page.route("**/factor/events", (route) => route.abort());
      await page.clock.install();
      await visitor.reachCode(demo.users.alice);
      const resend = visitor.button(words.resend);
      const wait = page.locator(".wait");
      // The script sets it once the page is parsed; the heading shows before.
      await resend.and(page.locator('[aria-disabled="true"]')).waitFor();
      assert.ok(await resend.evaluate((button) => !button.disabled), "it works all the same");
      const before = await visitor.text(wait);
      await page.clock.runFor(5_000);
      assert.match(await visitor.text(wait), words.wait);
      assert.notEqual(await visitor.text(wait), before);
      await page.clock.runFor(60_000);
      assert.equal(await wait.innerText(), "");
      assert.equal(await resend.getAttribute("aria-disabled"), null);
      await page.locator("#announce").getByText(words.ready).waitFor({ state: "attached" });
      // At the end of the code the page loads itself again, and the gateway says what is due.
      const reloaded = page.waitForEvent("domcontentloaded");
      await page.clock.fastForward(300_000);
      await reloaded;
      await visitor.heading(words.codeTitle).waitFor();
      visitor.complaints = visitor.complaints.filter((text) => !text.includes("ERR_FAILED"));
    }));

  test("a browser that reads the text message fills the code in and sends it", () =>
    visit({ screen: PHONE }, async (visitor) => {
      const { demo, page } = visitor;
      const { alice } = demo.users;
      // Chromium on a desktop has no radio: the test stands in for it.
      await page.exposeFunction("readTextMessage", () => demo.code(alice));
      await page.addInitScript(() => {
        globalThis.OTPCredential = class {};
        navigator.credentials.get = async ({ otp, signal }) => {
          if (otp.transport[0] !== "sms" || signal.aborted) throw new Error("asked in a wrong way");
          return { code: await globalThis.readTextMessage() };
        };
      });
      await visitor.open("/");
      await visitor.signIn(alice);
      await visitor.expectInside(alice);
    }));

  test("listening for the text message ends when the user types the code", () =>
    visit({ screen: PHONE }, async (visitor) => {
      const { demo, page } = visitor;
      const { alice } = demo.users;
      const ended = [];
      await page.exposeFunction("listeningEnded", () => ended.push(true));
      await page.addInitScript(() => {
        globalThis.OTPCredential = class {};
        navigator.credentials.get = ({ signal }) =>
          new Promise((_, reject) => {
            signal.addEventListener("abort", () => {
              globalThis.listeningEnded();
              reject(signal.reason);
            });
          });
      });
      await visitor.reachCode(alice);
      await visitor.answer(await demo.code(alice));
      await visitor.expectInside(alice);
      assert.equal(ended.length, 1);
    }));

  test("forced colours and zoomed text keep the pages whole", () =>
    visit({ forcedColors: "active", screen: { width: 320, height: 256 } }, async (visitor) => {
      const { demo } = visitor;
      await visitor.open("/");
      await visitor.inspect("the login page at 400 %");
      await visitor.photograph("forced-colours-login");
      await visitor.signIn(demo.users.alice);
      await visitor.heading(visitor.words.codeTitle).waitFor();
      await visitor.inspect("the page of the code at 400 %");
      await visitor.photograph("forced-colours-code");
    }));
});
