// Opens pages in headless Chromium and says, as JSON on stdout, what a reader would meet.
// stdin: {modules, chromium, pages: [{path, shots: [{width, scheme, file, height}]}], widths, schemes}
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const job = JSON.parse(readFileSync(0, "utf-8"));
const require = createRequire(pathToFileURL(`${job.modules}/package.json`));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf-8");

// Runs in the page: sizes of letters in charts, labels that touch, what is wider than the page.
function measure() {
  const texts = [...document.querySelectorAll("svg text, .axis span, .ends span, .legend li")];
  const boxes = texts
    .map((node) => ({ node, box: node.getBoundingClientRect() }))
    .filter(({ box }) => box.width > 0 && box.height > 0);
  const overlaps = [];
  boxes.forEach(({ node, box }, at) => {
    for (const other of boxes.slice(at + 1)) {
      const b = other.box;
      const wide = Math.min(box.right, b.right) - Math.max(box.left, b.left);
      const high = Math.min(box.bottom, b.bottom) - Math.max(box.top, b.top);
      if (wide > 0.5 && high > 0.5) overlaps.push([node.textContent, other.node.textContent]);
    }
  });
  const root = document.documentElement;
  const outside = boxes.filter(({ box }) => box.left < 0 || box.right > root.clientWidth);
  // Words of the tables that are broken apart, as a column is too narrow for them.
  const broken = [...document.querySelectorAll(".state, table:has(.state) thead .number")]
    .filter((node) => node.getClientRects().length > 0)
    .flatMap((node) => {
      const text = node.firstChild;
      return [...text.data.matchAll(/\S+/g)].filter((word) => {
        const range = document.createRange();
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        return new Set([...range.getClientRects()].map((box) => box.top)).size > 1;
      });
    })
    .map((word) => word[0]);
  return {
    broken,
    scrollWidth: Math.max(root.scrollWidth, document.body.scrollWidth),
    clientWidth: root.clientWidth,
    labels: boxes.length,
    smallest: boxes.length === 0 ? null : Math.min(...boxes.map(({ node }) => parseFloat(getComputedStyle(node).fontSize))),
    overlaps,
    outside: outside.map(({ node }) => node.textContent),
    ran: window.ran ?? null,
    scripts: document.scripts.length,
    paper: getComputedStyle(document.body).backgroundColor,
    text: document.body.innerText.length,
  };
}

const browser = await chromium.launch({ executablePath: job.chromium, args: ["--no-sandbox", "--disable-gpu"] });
const found = [];
try {
  for (const page of job.pages) {
    for (const scheme of job.schemes ?? ["light"]) {
      for (const width of job.widths ?? [1400]) {
        const context = await browser.newContext({
          viewport: { width, height: 900 }, colorScheme: scheme, bypassCSP: job.axe !== false,
        });
        const tab = await context.newPage();
        const told = [], requests = [], dialogs = [];
        tab.on("console", (message) => told.push(`${message.type()}: ${message.text()}`));
        tab.on("pageerror", (error) => told.push(`error: ${error.message}`));
        tab.on("request", (request) => requests.push(request.url()));
        tab.on("dialog", async (dialog) => { dialogs.push(dialog.message()); await dialog.dismiss(); });
        await tab.goto(pathToFileURL(page.path).href, { waitUntil: "load" });
        if (job.open) await tab.evaluate(() => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
        await tab.waitForTimeout(50);
        const seen = await tab.evaluate(measure);
        let violations = [];
        if (job.axe !== false) {
          await tab.evaluate(axe);
          const result = await tab.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
          violations = result.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 200))}`);
        }
        found.push({ path: page.path, scheme, width, told, requests, dialogs, violations, ...seen });
        await context.close();
      }
    }
    for (const shot of page.shots ?? []) {
      const context = await browser.newContext({
        viewport: { width: shot.width, height: shot.height ?? 900 }, colorScheme: shot.scheme, reducedMotion: "reduce",
      });
      const tab = await context.newPage();
      await tab.goto(pathToFileURL(page.path).href, { waitUntil: "load" });
      if (shot.at) await tab.evaluate((at) => document.querySelector(at).scrollIntoView(), shot.at);
      await tab.screenshot({ path: shot.file, fullPage: shot.full ?? false });
      await context.close();
    }
  }
} finally {
  await browser.close();
}
process.stdout.write(JSON.stringify(found));
