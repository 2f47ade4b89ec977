// Runs the script of the page as it stands in the file, without a browser: `node verify_page.js PAGE DIGEST FOLDER`, and with a fourth
// argument by way of what the page shows, in as much of a document as it uses.
"use strict";
const fs = require("fs"), path = require("path");
globalThis.crypto ??= require("crypto").webcrypto;
const [page, digest, folder, shown] = process.argv.slice(2);
const script = fs.readFileSync(page, "utf8").split("<script>")[1].split("</script>")[0];

class Element {
  constructor() { this.children = []; this.files = []; this.value = ""; this.textContent = ""; this.className = ""; this.heard = {}; }
  append(...those) { this.children.push(...those); }
  replaceChildren(...those) { this.children = those; this.changed?.(); }
  addEventListener(event, hear) { this.heard[event] = hear; }
  get text() { return this.textContent + this.children.map((child) => child.text).join(" "); }
}
const place = Object.fromEntries(["digest", "files", "folder", "result", "table"].map((id) => [id, new Element()]));
Object.assign(place.table, { hidden: true, caption: new Element(), tBodies: [new Element()] });
const fake = { getElementById: (id) => place[id], createElement: () => new Element() };

const holder = { exports: {} };
new Function("module", "crypto", "document", script)(holder, globalThis.crypto, shown === undefined ? undefined : fake);
const writ = holder.exports;
if (shown !== undefined) {
  place.files.files = fs.readdirSync(folder).map((name) => {
    const bytes = fs.readFileSync(path.join(folder, name));
    return { name, size: bytes.length, webkitRelativePath: "", arrayBuffer: async () => bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) };
  });
  place.digest.value = digest;
  place.result.changed = () => {
    if (place.result.className === "") return;
    const rows = place.table.tBodies[0].children.map((row) => row.children.map((cell) => cell.textContent));
    console.log(JSON.stringify({ quality: place.result.className, sentence: place.result.text, rows }));
  };
  place.files.heard.change();
} else if (folder === undefined) {
  const hashes = fs.readFileSync(0, "utf8").replace(/\n$/, "").split("\n").map((line) => writ.hex(writ.blake2b(Buffer.from(line, "hex"))));
  console.log(hashes.join("\n"));
} else {
  const files = new Map();
  const walk = (below) => {
    for (const entry of fs.readdirSync(path.join(folder, below), { withFileTypes: true })) {
      const file = path.join(below, entry.name);
      if (entry.isDirectory()) walk(file);
      if (entry.isFile()) files.set(file, new Uint8Array(fs.readFileSync(path.join(folder, file))));
    }
  };
  walk("");
  writ.judge(files, digest).then((result) => {
    const [quality, sentence] = writ.conclude(result);
    console.log(JSON.stringify({ quality, sentence, rows: result.rows }));
  });
}
