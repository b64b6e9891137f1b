// What report.html does in a browser. LASTCALL_PAGE names one that lastcall wrote of failures of several kinds,
// LASTCALL_SHOTS a folder for pictures, which people look at. Run by viewer_test.py.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { largePage } from "./large_page.mjs";

const viewer = fileURLToPath(new URL("../../reports/viewer/", import.meta.url));
const { chromium } = createRequire(viewer)("playwright-core");
const file = process.env.LASTCALL_PAGE;
const shots = process.env.LASTCALL_SHOTS;
let browser;
const wrong = [];  // what no page may do, over all tests

async function open(hash = "", options = {}, page_file = file, prepare = async () => {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const url = pathToFileURL(page_file).href;
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) wrong.push(message.text()); });
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("dialog", (dialog) => { wrong.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => { if (request.url().split("#")[0] !== url) wrong.push(`request: ${request.url()}`); });
  await prepare(page);
  await page.goto(url + hash);
  await page.waitForSelector("html[data-ready]");
  return page;
}

const shot = (page, name) => page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
const campaign = (page) => page.evaluate(() => JSON.parse(document.getElementById("campaign").textContent));
const told = (page) => page.evaluate(() => [...document.querySelectorAll("script[id^=trial-]")].map((script) => script.id));

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
});
after(async () => {
  await browser.close();
  assert.deepEqual([...new Set(wrong)], []);
});

test("the first screen says whether to ship, and has a row a property with its bound", async () => {
  const page = await open();
  assert.equal(await page.locator("h1").innerText(), "Do not ship");
  const data = await campaign(page);
  for (const scenario of data.scenarios) {
    const section = page.locator("section.scenario", { has: page.getByRole("heading", { name: scenario.scenario, exact: true }) });
    const shown = scenario.properties.filter((property) => !property.beside);
    assert.equal(await section.locator("table.properties tbody tr").count(), shown.length);
    for (const property of shown.filter((one) => one.fail > 0)) {
      const row = section.locator(`tr[data-name="${property.name}"]`);
      assert.match(await row.innerText(), /fail[\s\S]*(P\(failure\) ≤|idle|held)/);
    }
    assert.equal(await section.locator(".finding").count(), scenario.findings.length);
  }
  assert.equal(await page.locator("table.scenarios tbody tr").count(), data.scenarios.length);
  assert.equal(await page.locator("table.scenarios tbody td:nth-child(2) .chip.fail").count(), data.scenarios.length);
  await shot(page, "overview");
  await page.getByRole("link", { name: data.scenarios[2].scenario, exact: true }).click();
  await page.waitForFunction(() => Math.abs(document.getElementById("scenario-3").getBoundingClientRect().top) < 50);
  await page.context().close();
});

test("the first screen has the gate, and of each property what it says and the trend", async () => {
  const page = await open();
  const data = await campaign(page);
  assert.match(await page.locator(".decision").innerText(), /^Do not ship\s+By the gate of \S*gate\.toml: failed, \d+ checks? failed/);
  const gate = page.locator("section.gate");
  assert.equal(await gate.locator("h2 .chip").innerText(), "failed");
  const checks = (word) => data.gate.findings.filter((one) => one.standing === word);
  assert.equal(await gate.locator("> ul > li").count(), checks("failed").length);
  assert.equal(await gate.locator("> ul > li").first().locator(".chip").innerText(), "failed");
  const fold = gate.locator("details", { hasText: "not settled" });
  assert.equal(await fold.locator("summary").innerText(), `${checks("not-settled").length} checks not settled`);
  await fold.locator("summary").click();
  assert.match(await fold.innerText(), /\d+ more clean trials would settle it/);
  assert.match(await gate.innerText(), /hang\.toml, deadline in 2 trials, passes until 9999-12-31, https:\/\/bugs\/<b>7<\/b>/);
  for (const scenario of data.scenarios) {
    const section = page.locator("section.scenario", { has: page.getByRole("heading", { name: scenario.scenario, exact: true }) });
    const rows = section.locator("table.properties tbody tr");
    assert.equal(await rows.locator("td:nth-last-child(2)").filter({ hasText: /^(passed|failed|not settled|not asked)(\s*[\d,]+ more)?$/ }).count(), await rows.count());
    for (const property of scenario.properties.filter((one) => one.trend?.[0])) {
      const cell = section.locator(`tr[data-name="${property.name}"] td`).last();
      const known = property.pass + property.fail;
      assert.equal(await cell.locator("svg circle").count(), known > 0 ? 2 : 1);
      assert.match(await cell.locator("svg").getAttribute("aria-label"), /^Failures of \S+ over 2 campaigns, the last one is this: \d of 1, /);
      if (known > 0) assert.equal(await cell.innerText(), `${property.fail} of ${known}, ${property.trend[0][0]} of 1 before`);
    }
  }
  assert.ok((await page.locator("table.properties svg.trend").count()) > 10);
  await page.context().close();
});

test("a filter leaves the rows that fit, and says how many", async () => {
  const page = await open();
  const section = page.locator("section.scenario").first();
  const rows = section.locator("table.properties tbody tr:visible");
  const all = await rows.count();
  await section.getByRole("searchbox").fill("deadl");
  assert.equal(await rows.count(), 1);
  assert.match(await section.getByRole("status").innerText(), /^1 property shown/);
  await section.getByRole("searchbox").fill("");
  assert.equal(await rows.count(), all);
  await page.context().close();
});

test("the campaign view has a mark a stop, a curve, and bars by property and by cause", async () => {
  const page = await open("#campaign-1");
  const data = (await campaign(page)).scenarios[0];
  assert.equal(await page.locator(".figures > figure").count(), 4);
  const stops = data.trials.filter((trial) => trial.after !== undefined).length;
  assert.ok(stops > 0);
  assert.equal(await page.locator("figure").first().locator('svg g[aria-label="dot"] path').count(), stops);
  for (const picture of await page.locator("figure [role=img]").all()) assert.notEqual(await picture.getAttribute("aria-label"), "");
  await shot(page, "campaign");
  await page.locator("figure").first().locator('svg a').first().click();
  assert.match(await page.locator("h1").innerText(), /^Trial \d/);
  await page.context().close();
});

test("each failure is told: words, reasons, evidence, timeline, events, the line to run it again", async () => {
  const page = await open();
  const ids = await told(page);
  assert.ok(ids.length >= 6, `${ids.length} stories`);
  for (const id of ids) {
    await page.goto(`${pathToFileURL(file).href}#${id}`);
    await page.waitForFunction((title) => document.querySelector("h1").textContent.startsWith(title), id.replace("trial-", "Trial "));
    assert.ok((await page.locator(".story p").count()) >= 3, id);
    assert.ok((await page.locator(".finding").count()) >= 1, id);
    assert.match(await page.locator(".line code").first().innerText(), /^lastcall replay /);
    assert.ok((await page.locator(".event").count()) > 0, id);
    const colours = await page.locator("canvas").evaluate((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    });
    assert.ok(colours > 5, `${id}: ${colours} colours on the timeline`);
    await shot(page, id);
  }
  await page.context().close();
});

test("a deadlock is shown as a graph, with the stacks", async () => {
  const page = await open();
  const id = await page.evaluate(() => [...document.querySelectorAll("script[id^=trial-]")].find((script) =>
    JSON.parse(script.textContent).stuck.some((one) => one.deadlock))?.id);
  assert.ok(id, "no trial with a deadlock");
  await page.goto(`${pathToFileURL(file).href}#${id}`);
  await page.waitForSelector("svg.graph");
  assert.ok((await page.locator("svg.graph rect.thread.stuck").count()) >= 2);
  assert.ok((await page.locator("svg.graph rect.lock.stuck").count()) >= 2);
  assert.match(await page.locator("svg.graph").getAttribute("aria-label"), /is held by/);
  assert.ok((await page.locator("details pre").first().innerText()).length > 100);
  await page.locator("details:has(pre) button").first().click();
  assert.match(await page.locator(".detail").innerText(), /stack/);
  await page.context().close();
});

test("all of it works with keys alone, and a link to a view shows the same again", async () => {
  const page = await open();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  const id = (await told(page))[0];
  await page.goto(`${pathToFileURL(file).href}#${id}`);
  await page.waitForSelector("canvas");
  await page.locator("canvas").focus();
  const view = async () => {
    await page.waitForTimeout(300);  // the address follows the view a moment later
    return new URLSearchParams(page.url().split("?")[1]);
  };
  await page.keyboard.press("0");
  const whole = await view();
  await page.keyboard.press("+");
  const near = await view();
  assert.ok(near.get("to") - near.get("from") < whole.get("to") - whole.get("from"));
  await page.keyboard.press("ArrowRight");
  assert.ok(Number((await view()).get("from")) > Number(near.get("from")));
  await page.keyboard.press("n");
  const proof = await view();
  assert.match(await page.locator(".detail").innerText(), /proves /);
  await page.locator(".events").focus();
  await page.keyboard.press("ArrowDown");
  const link = page.url();
  const next = await view();
  assert.ok(Number(next.get("event")) > Number(proof.get("event")));
  assert.equal(await page.locator('.event[aria-selected="true"]').count(), 1);
  const detail = await page.locator(".detail").innerText();
  await page.context().close();

  const again = await open(`#${link.split("#")[1].split("?")[0]}?${next}`);
  assert.equal(await again.locator(".detail").innerText(), detail);
  assert.equal((await again.evaluate(() => document.querySelector(".events").scrollTop >= 0)), true);
  await again.context().close();
});

test("events are found by word and by client", async () => {
  const page = await open(`#${(await told(await open()))[0]}`);
  await page.getByRole("button", { name: "Show the whole trial" }).click();
  const count = async () => Number(/^[\d,]+/.exec(await page.locator(".tools [role=status]").innerText())[0].replaceAll(",", ""));
  const all = await count();
  await page.getByRole("searchbox", { name: /Find in events/ }).fill("SIG");
  const found = await count();
  assert.ok(found >= 1 && found < all, `${found} of ${all}`);
  for (const row of await page.locator(".event").all()) assert.match(await row.innerText(), /SIG/i);
  await page.context().close();
});

test("what a target, a client's name or a file name says is shown as text", async () => {
  const page = await open();
  const data = await campaign(page);
  const scenario = data.scenarios.find((one) => one.scenario.includes("<img"));
  assert.ok(scenario, "no scenario with a hostile name");
  assert.ok(await page.getByRole("heading", { name: scenario.scenario }).isVisible());
  await page.goto(`${pathToFileURL(file).href}#trial-${scenario.trials.find((trial) => trial.failed).n}`);
  await page.waitForSelector("canvas");
  await page.getByRole("button", { name: "Show the whole trial" }).click();
  await page.getByRole("searchbox", { name: /Find in events/ }).fill("hostile");
  assert.match(await page.locator(".event").first().innerText(), /<\/script><script>window\.hostile=1<\/script><!--/);
  await page.getByRole("searchbox", { name: /Find in events/ }).fill("<b>");
  assert.match(await page.locator(".event").first().innerText(), /clients "<b>x<\/b>"/);
  assert.equal(await page.evaluate(() => window.hostile), undefined);
  assert.equal(await page.locator("main img, main b, main script, header img").count(), 0);
  await page.context().close();
});

test("dark mode follows the system and a button, and stays readable", async () => {
  const page = await open("", { colorScheme: "dark" });
  const contrast = () => page.evaluate(() => {
    const style = getComputedStyle(document.documentElement);
    const light = (name) => {
      const [r, g, b] = style.getPropertyValue(name).trim().match(/\w\w/g).map((hex) => parseInt(hex, 16) / 255)
        .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    return ["--text", "--quiet", "--accent", "--pass", "--fail", "--unknown"].map((name) => {
      const [one, other] = [light(name), light("--panel")].sort((a, b) => b - a);
      return [name, (one + 0.05) / (other + 0.05)];
    });
  });
  const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await back();
  for (const [name, ratio] of await contrast()) assert.ok(ratio >= 4, `dark ${name}: ${ratio}`);
  await shot(page, "overview-dark");
  await page.getByRole("button", { name: "Use light colours" }).click();
  assert.notEqual(await back(), dark);
  for (const [name, ratio] of await contrast()) assert.ok(ratio >= 4, `light ${name}: ${ratio}`);
  await page.getByRole("button", { name: "Use dark colours" }).click();
  assert.equal(await back(), dark);
  const id = (await told(page))[0];
  await page.goto(`${pathToFileURL(file).href}#${id}`);
  await page.waitForSelector("canvas");
  await shot(page, "trial-dark");
  await page.context().close();
});

test("everything that can be used has a name for screen readers", async () => {
  const page = await open();
  for (const hash of ["", "#campaign-1", `#${(await told(page))[0]}`]) {
    await page.goto(pathToFileURL(file).href + hash);
    await page.waitForSelector("main h1");
    const nameless = await page.evaluate(() => [...document.querySelectorAll("button, input, select, canvas, svg[role=img], [tabindex='0']:not(pre)")]
      .filter((one) => !(one.getAttribute("aria-label") ?? one.textContent).trim()).map((one) => one.outerHTML.slice(0, 80)));
    assert.deepEqual(nameless, []);
    assert.equal(await page.locator("h1").count(), 1);
  }
  await page.context().close();
});

test("a narrow window needs no sideways scrolling", async () => {
  const page = await open("", { viewport: { width: 420, height: 800 } });
  for (const hash of ["", "#campaign-1", `#${(await told(page))[0]}`]) {
    await page.goto(pathToFileURL(file).href + hash);
    await page.waitForSelector("main h1");
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), hash);
  }
  await page.context().close();
});

test("20,000 connections and 500,000 events are read in 2 s, and move fluently", async (context) => {
  const large = `${shots}/large.html`;
  writeFileSync(large, largePage(readFileSync(file, "utf8"), 500_000, 20_000));
  let cdp;
  const page = await open("#trial-1", {}, large, async (its) => {
    cdp = await its.context().newCDPSession(its);
    await cdp.send("Performance.enable");
  });
  await page.locator("canvas").focus();
  await page.keyboard.press("+");
  const opened = await page.evaluate(() => performance.now());
  // The main thread's own time: on a busy machine the clock also counts what others do.
  const ready = (await cdp.send("Performance.getMetrics")).metrics.find(({ name }) => name === "ThreadTime").value;
  assert.ok(ready > 0);
  context.diagnostic(`interactive after ${ready.toFixed(2)} s of the main thread, ${(opened / 1e3).toFixed(2)} s of the clock; ` +
    `${(readFileSync(large).length / 1e6).toFixed(1)} MB`);
  assert.ok(ready < 2, `${ready} s`);
  await page.keyboard.press("0");
  const frames = await page.evaluate(async () => {
    const canvas = document.querySelector("canvas");
    const times = [];
    for (let i = 0; i < 20; ++i) {
      const begin = performance.now();
      canvas.dispatchEvent(new KeyboardEvent("keydown", { key: i % 2 ? "-" : "+" }));
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      times.push(performance.now() - begin);
    }
    return times.sort((a, b) => a - b);
  });
  context.diagnostic(`a step takes ${frames[10].toFixed(0)} ms in the middle, two frames included`);
  assert.ok(frames[10] < 250, `${frames[10]} ms`);
  await shot(page, "large");
  await page.context().close();
});
