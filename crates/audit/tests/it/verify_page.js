// Runs the script of the page as it stands in the file, without a browser: `node verify_page.js PAGE DIGEST FOLDER`.
"use strict";
const fs = require("fs"), path = require("path");
globalThis.crypto ??= require("crypto").webcrypto;
const [page, digest, folder] = process.argv.slice(2);
const script = fs.readFileSync(page, "utf8").split("<script>")[1].split("</script>")[0];
const holder = { exports: {} };
new Function("module", "crypto", script)(holder, globalThis.crypto);
const writ = holder.exports;
if (folder === undefined) {
  const hashes = fs.readFileSync(0, "utf8").trim().split("\n").map((line) => writ.hex(writ.blake2b(Buffer.from(line, "hex"))));
  console.log(hashes.join("\n"));
} else {
  const files = new Map();
  for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath ?? entry.path, entry.name);
    files.set(path.relative(folder, file), new Uint8Array(fs.readFileSync(file)));
  }
  writ.judge(files, digest).then((result) => {
    const [quality, sentence] = writ.conclude(result);
    console.log(JSON.stringify({ quality, sentence, rows: result.rows }));
  });
}
