// The whole way, as people with different languages, screens, themes and browsers go it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { withDemo } from "../src/demo.mjs";
import { DESKTOP, PHONE, asVisitor, openBrowser } from "../src/visitor.mjs";

const HABITS = [
  { language: "ja", script: true, screen: PHONE, theme: "light" },
  { language: "ja", script: false, screen: DESKTOP, theme: "dark" },
  { language: "en", script: true, screen: DESKTOP, theme: "light" },
  { language: "en", script: false, screen: PHONE, theme: "light" },
  { language: "ja", script: true, screen: DESKTOP, theme: "dark" },
  { language: "en", script: true, screen: PHONE, theme: "dark" },
];

describe("a person logs in with a password and a text message", () => {
  let browser;
  before(async () => (browser = await openBrowser()));
  after(() => browser.close());

  for (const habits of HABITS) {
    const { language, script, screen, theme } = habits;
    const name = `${language}, ${script ? "with" : "without"} script, ${screen.width} px, ${theme}`;
    test(name, () => withDemo((demo) => asVisitor(browser, demo, habits, journey)));
  }
});

async function journey(visitor) {
  const { demo, page, words } = visitor;
  const { alice } = demo.users;

  assert.equal(await visitor.open("/public/"), 200);
  await visitor.heading(words.about).waitFor();
  await visitor.inspect("the public page");

  // A protected page leads to the login, and back to itself in the end.
  await visitor.open("/admin/");
  await visitor.heading(words.loginTitle).waitFor();
  assert.ok(new URL(page.url()).pathname.endsWith("/login"));
  assert.equal(await page.locator("html").getAttribute("lang"), visitor.habits.language);
  await visitor.inspect("the login page");
  await visitor.photograph("1-login");

  const wrong = { username: "alice", password: "not this one" };
  assert.equal(await visitor.sending(() => visitor.signIn(wrong)), 303);
  await visitor.expectProblem(words.loginFailed);
  await visitor.inspect("the login page with a problem");
  await visitor.photograph("2-login-failed");

  await visitor.signIn(alice);
  await visitor.heading(words.codeTitle).waitFor();
  const text = await page.locator("main").innerText();
  assert.ok(text.includes("5678"), "the last digits of the number are shown");
  assert.ok(!text.includes(alice.phone), "the whole number is not");
  await visitor.inspect("the page of the code");
  await visitor.photograph("3-code");

  const { phone, code } = await visitor.readPhone(alice);
  assert.ok(!(await page.content()).includes(code), "the page does not hold the code");
  await visitor.inspect("the inbox", phone);
  await visitor.photograph("3-inbox", phone);
  await phone.close();

  const other = code === "000000" ? "000001" : "000000";
  assert.equal(await visitor.answer(other), 303);
  await visitor.expectProblem(words.wrong(4));
  // A reload posts nothing again, so it spends no attempt, and the page still says what was wrong.
  await page.reload();
  await visitor.expectProblem(words.wrong(4));
  await visitor.inspect("the page of the code with a problem");
  await visitor.photograph("4-code-wrong");

  await page.getByText(words.help, { exact: true }).click();
  await page.getByText(words.helpText).waitFor();

  assert.equal(await visitor.answer(code), 303);
  await visitor.expectInside(alice);
  assert.equal(new URL(page.url()).pathname, "/admin/");
  await visitor.heading(words.admin).waitFor();
  await visitor.open("/");
  await visitor.heading(words.welcome).waitFor();
  await visitor.expectInside(alice);
  await visitor.inspect("the application");
  await visitor.photograph("5-application");

  await visitor.open("/_mfa/account");
  await visitor.heading(words.account).waitFor();
  assert.ok(!(await page.content()).includes(alice.phone));
  await visitor.inspect("the account page");
  await visitor.photograph("6-account");

  assert.equal(await visitor.open("/_mfa/no-such-page"), 404);
  await visitor.heading(words.notFound).waitFor();
  await visitor.inspect("the page that is not there");

  await visitor.open("/_mfa/logout");
  await visitor.heading(words.logoutTitle).waitFor();
  await visitor.inspect("the question before logging out");
  await visitor.button(words.logout).click();
  await page.getByText(words.loggedOut, { exact: true }).waitFor();
  await visitor.open("/");
  await visitor.heading(words.loginTitle).waitFor();
}
