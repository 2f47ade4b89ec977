// axe-core over pages, in jsdom: what somebody who does not see them, or uses no mouse, would stumble over.
//
// node axe.js AXE FOLDER: prints one line for each violation, as page, rule and element, and at the end how many pages were looked at.
// Contrast needs a browser that draws: a test of the style sheet computes it.
"use strict";

const fs = require("fs");
const path = require("path");
const { JSDOM } = require("jsdom");

const [axe, folder] = process.argv.slice(2);
const source = fs.readFileSync(axe, "utf8");

async function look(file) {
  const dom = new JSDOM(fs.readFileSync(path.join(folder, file), "utf8"), { runScripts: "outside-only", pretendToBeVisual: true });
  dom.window.eval(source);
  const found = await dom.window.axe.run(dom.window.document, {
    resultTypes: ["violations"],
    rules: { "color-contrast": { enabled: false } },
  });
  for (const { id, nodes } of found.violations) {
    for (const { target, failureSummary } of nodes) {
      console.log(`${file}: ${id}: ${target.join(" ")}: ${failureSummary.replace(/\s+/g, " ")}`);
    }
  }
  if (found.passes !== undefined && found.passes.length === 0) {
    throw new Error(`${file}: nothing was looked at`);
  }
  dom.window.close();
}

(async () => {
  const files = fs.readdirSync(folder).filter((name) => name.endsWith(".html")).sort();
  for (const file of files) {
    await look(file);
  }
  console.log(`looked at ${files.length} pages`);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
