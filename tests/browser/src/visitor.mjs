// A person with a browser: language, screen, theme, with or without script.

import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

import { codeIn } from "./demo.mjs";
import { WORDS } from "./words.mjs";

const PICTURES = resolve(
  process.env.MFA_BROWSER_ARTIFACTS ?? join(import.meta.dirname, "../../../artifacts/browser"),
);

const CANDIDATES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

function program() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const folders = (process.env.PATH ?? "").split(":");
  const found = CANDIDATES.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);
  if (!found) throw new Error("no Chromium found; install it or name it in CHROMIUM");
  return found;
}

export function openBrowser() {
  return chromium.launch({
    executablePath: program(),
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
    ],
  });
}

export const PHONE = { width: 320, height: 700 };
export const DESKTOP = { width: 1280, height: 800 };

/** Runs `visit` as a person of these habits, and then insists that the browser had no complaint. */
export async function asVisitor(browser, demo, habits, visit) {
  const { language = "ja", script = true, screen = DESKTOP, theme = "light", ...more } = habits;
  const context = await browser.newContext({
    viewport: screen,
    colorScheme: theme,
    javaScriptEnabled: script,
    locale: language === "ja" ? "ja-JP" : "en-GB",
    timezoneId: "Asia/Tokyo",
    reducedMotion: "reduce",
    ...more,
  });
  context.setDefaultTimeout(20_000);
  const visitor = new Visitor(context, demo, { language, script, screen, theme });
  try {
    visitor.page = await visitor.tab();
    await visit(visitor);
    assert.deepEqual(visitor.complaints, []);
  } catch (error) {
    await visitor.page?.screenshot({ path: picture("failed"), fullPage: true }).catch(() => {});
    throw error;
  } finally {
    await context.close();
  }
}

function picture(name) {
  mkdirSync(PICTURES, { recursive: true });
  return join(PICTURES, `${name}.png`);
}

class Visitor {
  complaints = [];

  constructor(context, demo, habits) {
    this.context = context;
    this.demo = demo;
    this.habits = habits;
    this.words = WORDS[habits.language];
  }

  /** A new tab that reports what the browser refuses and what is asked of other hosts. */
  async tab() {
    const page = await this.context.newPage();
    const ours = [this.demo.url, this.demo.inboxUrl].map((url) => new URL(url).host);
    page.on("console", (message) => {
      // A page with an error status is reported as a failed resource; those are looked at on purpose.
      const isStatus = message.text().startsWith("Failed to load resource: the server responded");
      if (message.type() === "error" && !isStatus) this.complaints.push(message.text());
    });
    page.on("pageerror", (error) => this.complaints.push(error.message));
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (url.protocol.startsWith("http") && !ours.includes(url.host)) {
        this.complaints.push(`asked ${url.host}`);
      }
    });
    return page;
  }

  /** A picture of the page as it is now, under `artifacts/browser/`. */
  async photograph(name, page = this.page) {
    const { language, script, screen, theme } = this.habits;
    const traits = [name, language, theme, screen.width, script ? "script" : "plain"];
    await page.screenshot({ path: picture(traits.join("-")), fullPage: true });
  }

  /** Nothing sticks out sideways, every target is big enough, and axe finds nothing. */
  async inspect(name, page = this.page) {
    const sizes = await page.evaluate(() => ({
      content: document.documentElement.scrollWidth,
      window: document.documentElement.clientWidth,
      small: [...document.querySelectorAll("a, button, summary, input:not([type=hidden])")]
        .filter((element) => {
          const box = element.getBoundingClientRect();
          const isInText = getComputedStyle(element).display === "inline";
          const isOut = box.bottom < 0 || box.height === 0;
          return !isInText && !isOut && (box.height < 44 || box.width < 44);
        })
        .map((element) => element.outerHTML.slice(0, 80)),
    }));
    assert.ok(sizes.content <= sizes.window, `${name} scrolls sideways`);
    assert.deepEqual(sizes.small, [], `${name} has targets below 44 px`);
    if (!this.habits.script) return;
    const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target)}`);
    assert.deepEqual(found, [], `axe on ${name}`);
  }

  /** Opens a path of the gateway; gives the status of the page one ends up on. */
  async open(path, page = this.page) {
    const response = await page.goto(this.demo.url + path);
    return response.status();
  }

  /** Types name and password and sends them. */
  async signIn(user, page = this.page) {
    await page.getByLabel(this.words.username, { exact: true }).fill(user.username);
    await page.getByLabel(this.words.password, { exact: true }).fill(user.password);
    await page.getByRole("button", { name: this.words.next, exact: true }).click();
  }

  /** What is written in a part of the page, without the marks of places where a line may break. */
  async text(part = this.page.locator("main")) {
    return (await part.innerText()).replaceAll("\u200b", "");
  }

  codeField(page = this.page) {
    return page.getByLabel(this.words.code, { exact: true });
  }

  button(name, page = this.page) {
    return page.getByRole("button", { name, exact: true });
  }

  heading(name, page = this.page) {
    return page.getByRole("heading", { level: 1, name, exact: true });
  }

  /** Types a code and sends it; gives the status of the answer. */
  async answer(code, page = this.page) {
    await this.codeField(page).fill(code);
    return this.sending(() => this.button(this.words.confirm, page).click(), page);
  }

  /** The status that the form sent by `act` is answered with, once the page that follows is there. */
  async sending(act, page = this.page) {
    const [landed] = await Promise.all([page.waitForNavigation(), act()]);
    let request = landed.request();
    while (request.redirectedFrom()) request = request.redirectedFrom();
    assert.equal(request.method(), "POST");
    return (await request.response()).status();
  }

  /** Signs in as far as the code. */
  async reachCode(user, path = "/", page = this.page) {
    await this.open(path, page);
    await this.signIn(user, page);
    await this.heading(this.words.codeTitle, page).waitFor();
  }

  /** Reads the code on the simulated phone, in a tab of its own, as a person would. */
  async readPhone(user) {
    const phone = await this.tab();
    await phone.goto(`${this.demo.inboxUrl}/?to=${user.phone}`);
    const message = phone.getByTestId("message-body").last();
    await message.waitFor();
    const code = codeIn(await message.innerText());
    return { phone, code };
  }

  /** The application knows the user and both factors. */
  async expectInside(user, page = this.page) {
    await page.getByTestId("user").waitFor();
    assert.equal(await page.getByTestId("user").innerText(), user.username);
    const methods = await page.getByTestId("methods").locator(".tag").allInnerTexts();
    assert.deepEqual(methods, this.words.methods);
  }

  /** The summary of what is wrong: it holds these words, has the focus, and the title says so. */
  async expectProblem(words, page = this.page) {
    const summary = page.getByRole("alert");
    await summary.getByText(words).waitFor();
    assert.ok((await page.title()).startsWith(this.words.error), await page.title());
    const isFocused = await summary.evaluate((element) => element === document.activeElement);
    assert.ok(isFocused, "the summary has the focus");
  }
}
