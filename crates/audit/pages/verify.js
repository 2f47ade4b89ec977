"use strict";
const writ = (() => {
  // The limits of the documents, in bytes.
  const MAX_DOCUMENT = 4 * 1024 * 1024, MAX_BUNDLE = 1024 * 1024, MAX_RECEIPT = 64 * 1024, MAX_SIGNATURE = 16 * 1024;
  const MAX_FILES = 50000, MAX_SIGNATURES = 64, MAX_DEPTH = 64, MAX_INTEGER = 2n ** 53n, MAX_PROOF = 64;

  const utf8 = new TextEncoder();
  const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
  const equal = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);
  const concat = (...parts) => {
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) { all.set(part, at); at += part.length; }
    return all;
  };
  class Refused extends Error {}
  // What is not of the shape that the code expects is refused as well, whatever trips over it.
  const reason = (error) => (error instanceof Refused ? error.message : "it is not of the shape that its schema asks for");
  const refuse = (why) => { throw new Refused(why); };

  const text = (bytes) => {
    try { return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes); } catch { return refuse("it is not UTF-8"); }
  };
  const base64 = (line, length) => {
    // One spelling only.
    if (typeof line !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(line) || line.length % 4) refuse("a base64 text is not one");
    const bytes = Uint8Array.from(atob(line), (c) => c.charCodeAt(0));
    if (btoa(String.fromCharCode(...bytes)) !== line) refuse("a base64 text is not in its one spelling");
    if (length !== undefined && bytes.length !== length) refuse(`${bytes.length} bytes where ${length} were expected`);
    return bytes;
  };

  // JSON as the documents are: no key twice, no floats, no integer beyond 2^53, no deep nesting. Objects have no prototype.
  const json = (source) => {
    let at = 0;
    const fail = (why) => refuse(`not JSON as documents are: ${why} at character ${at}`);
    const space = () => { while (at < source.length && " \t\n\r".includes(source[at])) at += 1; };
    const string = () => {
      const match = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
      match.lastIndex = at;
      const found = match.exec(source);
      if (!found) fail("a string was expected");
      at = match.lastIndex;
      const read = JSON.parse(found[0]);
      if (/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(read)) fail("half a character");
      return read;
    };
    const value = (depth) => {
      if (depth > MAX_DEPTH) fail("nesting too deep");
      space();
      const c = source[at];
      if (c === "{") {
        const object = Object.create(null);
        at += 1; space();
        if (source[at] === "}") { at += 1; return object; }
        for (;;) {
          space();
          const key = string();
          if (key in object) fail(`the key ${JSON.stringify(key)} a second time`);
          space();
          if (source[at] !== ":") fail("a colon was expected");
          at += 1;
          object[key] = value(depth + 1);
          space();
          if (source[at] === "}") { at += 1; return object; }
          if (source[at] !== ",") fail("a comma was expected");
          at += 1;
        }
      }
      if (c === "[") {
        const list = [];
        at += 1; space();
        if (source[at] === "]") { at += 1; return list; }
        for (;;) {
          list.push(value(depth + 1));
          space();
          if (source[at] === "]") { at += 1; return list; }
          if (source[at] !== ",") fail("a comma was expected");
          at += 1;
        }
      }
      if (c === "\"") return string();
      for (const [word, meaning] of [["true", true], ["false", false], ["null", null]]) {
        if (source.startsWith(word, at)) { at += word.length; return meaning; }
      }
      const number = /-?(?:0|[1-9][0-9]*)(?![0-9.eE])/y;
      number.lastIndex = at;
      const found = number.exec(source);
      if (!found) fail("a value was expected");
      if (found[0] === "-0" || BigInt(found[0]) > MAX_INTEGER || BigInt(found[0]) < -MAX_INTEGER) fail("an integer beyond 2^53");
      at = number.lastIndex;
      return Number(found[0]);
    };
    const all = value(0);
    space();
    if (at !== source.length) fail("something follows");
    return all;
  };

  // BLAKE2b-512 (RFC 7693), which minisign hashes documents with and WebCrypto lacks. Words of 64 bits are two of 32, low first.
  const IV = new Uint32Array([
    0xf3bcc908, 0x6a09e667, 0x84caa73b, 0xbb67ae85, 0xfe94f82b, 0x3c6ef372, 0x5f1d36f1, 0xa54ff53a,
    0xade682d1, 0x510e527f, 0x2b3e6c1f, 0x9b05688c, 0xfb41bd6b, 0x1f83d9ab, 0x137e2179, 0x5be0cd19,
  ]);
  const SIGMA = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4], [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13], [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11], [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5], [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
  ];
  const blake2b = (input) => {
    const h = new Uint32Array(IV), v = new Uint32Array(32), m = new Uint32Array(32);
    h[0] ^= 0x01010040;
    const add = (a, low, high) => {
      const sum = v[a] + low;
      v[a + 1] = v[a + 1] + high + (sum > 0xffffffff ? 1 : 0);
      v[a] = sum;
    };
    const turn = (a, b, bits) => {
      const low = v[a] ^ v[b], high = v[a + 1] ^ v[b + 1];
      if (bits === 32) { v[a] = high; v[a + 1] = low; return; }
      if (bits === 63) { v[a] = (low << 1) | (high >>> 31); v[a + 1] = (high << 1) | (low >>> 31); return; }
      v[a] = (low >>> bits) | (high << (32 - bits));
      v[a + 1] = (high >>> bits) | (low << (32 - bits));
    };
    const mix = (a, b, c, d, x, y) => {
      add(a, v[b], v[b + 1]); add(a, m[x], m[x + 1]); turn(d, a, 32);
      add(c, v[d], v[d + 1]); turn(b, c, 24);
      add(a, v[b], v[b + 1]); add(a, m[y], m[y + 1]); turn(d, a, 16);
      add(c, v[d], v[d + 1]); turn(b, c, 63);
    };
    const compress = (block, counted, last) => {
      const view = new DataView(block.buffer, block.byteOffset, 128);
      for (let i = 0; i < 32; i += 1) m[i] = view.getUint32(4 * i, true);
      v.set(h); v.set(IV, 16);
      v[24] ^= counted >>> 0; v[25] ^= Math.floor(counted / 2 ** 32);
      if (last) { v[28] = ~v[28]; v[29] = ~v[29]; }
      for (let round = 0; round < 12; round += 1) {
        const s = SIGMA[round % 10].map((word) => 2 * word);
        mix(0, 8, 16, 24, s[0], s[1]); mix(2, 10, 18, 26, s[2], s[3]); mix(4, 12, 20, 28, s[4], s[5]); mix(6, 14, 22, 30, s[6], s[7]);
        mix(0, 10, 20, 30, s[8], s[9]); mix(2, 12, 22, 24, s[10], s[11]); mix(4, 14, 16, 26, s[12], s[13]); mix(6, 8, 18, 28, s[14], s[15]);
      }
      for (let i = 0; i < 16; i += 1) h[i] ^= v[i] ^ v[i + 16];
    };
    let at = 0;
    for (; input.length - at > 128; at += 128) compress(input.subarray(at, at + 128), at + 128, false);
    const block = new Uint8Array(128);
    block.set(input.subarray(at));
    compress(block, input.length, true);
    const out = new Uint8Array(64), view = new DataView(out.buffer);
    h.forEach((word, i) => view.setUint32(4 * i, word, true));
    return out;
  };

  const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const digestOf = async (bytes) => `sha256:${hex(await sha256(bytes))}`;
  const holds = async (key, signature, message) => {
    try {
      const imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
      return await crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
    } catch {
      return false;
    }
  };
  // RFC 8032 §7.1, test 1: a browser that cannot check signatures must not look like evidence that does not hold.
  const bytesOf = (digits) => Uint8Array.from(digits.match(/../g), (pair) => parseInt(pair, 16));
  const able = async () => {
    const key = bytesOf("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    const good = bytesOf("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
    const bad = Uint8Array.from(good);
    bad[0] ^= 1;
    return await holds(key, good, new Uint8Array()) && !(await holds(key, bad, new Uint8Array()));
  };

  // minisign's public keys and signature files: prehashed signatures (`ED`) only.
  const publicKey = (line) => {
    const bytes = base64(line, 42);
    if (bytes[0] !== 0x45 || bytes[1] !== 0x64) refuse("it is not a minisign public key");
    return { id: hex(bytes.slice(2, 10)), key: bytes.slice(10) };
  };
  // The name by which a person's key speaks; minisign writes the id of a key the other way round.
  const speaker = (key) => `attest-${hex(bytesOf(key.id).reverse())}`;
  const signature = (bytes) => {
    if (bytes.length > MAX_SIGNATURE) refuse("the signature file is larger than any");
    const lines = text(bytes).replace(/\n$/, "").split("\n");
    if (lines.length !== 4 || !lines[0].startsWith("untrusted comment: ") || !lines[2].startsWith("trusted comment: ")) {
      refuse("it is not a signature file");
    }
    const packed = base64(lines[1], 74);
    if (packed[0] !== 0x45 || packed[1] !== 0x44) refuse("it is not a prehashed signature (ED)");
    return { id: hex(packed.slice(2, 10)), signature: packed.slice(10), comment: utf8.encode(lines[2].slice(17)), global: base64(lines[3], 64) };
  };
  const signedBy = async (key, bytes, file) => {
    const found = signature(file);
    if (found.id !== key.id) return false;
    const hash = blake2b(bytes);
    return await holds(key.key, found.signature, hash) && await holds(key.key, found.global, concat(found.signature, found.comment));
  };

  // Which keys of a trust root signed these bytes, each public key once. `fits` says which may count.
  const signers = async (root, bytes, files, fits) => {
    const counted = new Map();
    for (const file of files.slice(0, MAX_SIGNATURES)) {
      let id;
      try { id = signature(file).id; } catch { continue; }
      const entry = root.keys.find((key) => publicKey(key.public_key).id === id);
      if (!entry || !fits(entry)) continue;
      const key = publicKey(entry.public_key);
      if (await signedBy(key, bytes, file)) counted.set(hex(key.key), entry.name);
    }
    return counted;
  };
  const threshold = (root, role) => (root.thresholds[role] === undefined ? 1 : root.thresholds[role]);
  const serves = (key, role, site) =>
    key.roles.includes(role) && (site === undefined || key.sites.length === 0 || key.sites.includes(site));

  // Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint), and the trees that they sign (RFC 6962).
  const checkpoint = async (note, origins, keys) => {
    const bytes = utf8.encode(note);
    const cut = note.indexOf("\n\n");
    if (cut < 0 || bytes.length > MAX_SIGNATURE) refuse("its checkpoint is not a signed note");
    const body = note.slice(0, cut + 1);
    const [origin, size, root, ...more] = body.slice(0, -1).split("\n");
    if (more.length || !/^(0|[1-9][0-9]*)$/.test(size || "") || BigInt(size) > MAX_INTEGER) refuse("its checkpoint is not one");
    const found = { origin, size: Number(size), root: base64(root, 32) };
    if (!origins.includes(origin)) refuse(`its checkpoint is of a log that the trust root does not name for the site: ${origin}`);
    for (const line of note.slice(cut + 2).split("\n").slice(0, MAX_SIGNATURES)) {
      const parts = /^\u2014 (\S+) (\S+)$/.exec(line);
      if (!parts || parts[1] !== origin) continue;
      let packed;
      try { packed = base64(parts[2], 68); } catch { continue; }
      for (const key of keys) {
        const id = (await sha256(concat(utf8.encode(`${origin}\n`), [1], key))).slice(0, 4);
        if (equal(id, packed.slice(0, 4)) && await holds(key, packed.slice(4), utf8.encode(body))) return found;
      }
    }
    return refuse(`no log key of the trust root signed its checkpoint of ${size} entries`);
  };
  const included = async (entry, index, size, proof, root) => {
    if (!(Number.isInteger(index) && index >= 0 && index < size) || proof.length > MAX_PROOF) return false;
    const node = (left, right) => sha256(concat([1], left, right));
    let hash = await sha256(concat([0], entry)), place = index, last = size - 1;
    for (const sibling of proof) {
      if (last === 0) return false;
      if (place % 2 === 1 || place === last) {
        hash = await node(sibling, hash);
        while (place % 2 === 0 && place !== 0) { place /= 2; last = Math.floor(last / 2); }
      } else {
        hash = await node(hash, sibling);
      }
      place = Math.floor(place / 2); last = Math.floor(last / 2);
    }
    return last === 0 && equal(hash, root);
  };

  const BUNDLES = ["writ.bundle.v1", "writ.bundle.v2"];
  const LIMITS = new Map([["writ.trust.v1", MAX_DOCUMENT], ["writ.release.v1", MAX_DOCUMENT], ["writ.receipt.v1", MAX_RECEIPT],
    ...BUNDLES.map((schema) => [schema, MAX_BUNDLE])]);
  const WORDS = { "writ.trust.v1": "trust root", "writ.release.v1": "release", "writ.receipt.v1": "receipt", "writ.bundle.v1": "bundle",
    "writ.bundle.v2": "bundle" };

  // What this page reads of a document must be there as it must be; `writ` asks for more.
  const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  const isText = (value) => typeof value === "string";
  const isNumber = (value) => Number.isInteger(value) && value >= 0;
  const isTime = (value) => isText(value) && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value) && !Number.isNaN(Date.parse(value));
  const areTexts = (value) => Array.isArray(value) && value.every(isText);
  const isKey = (key) => isObject(key) && isText(key.public_key) && isText(key.name) && areTexts(key.roles) && areTexts(key.sites)
    && isTime(key.valid_from) && isTime(key.valid_until) && (key.revoked_at === null || isTime(key.revoked_at));
  const shape = {
    "writ.trust.v1": (d) => {
      const sound = isNumber(d.version) && isNumber(d.epoch) && Array.isArray(d.keys) && d.keys.every(isKey) && isObject(d.thresholds)
        && isObject(d.log_origins) && Object.values(d.log_origins).every(areTexts);
      if (!sound) return false;
      const keys = d.keys.map((key) => publicKey(key.public_key));
      const once = (list) => new Set(list).size === list.length;
      if (!once(keys.map((key) => key.id)) || !once(keys.map((key) => hex(key.key)))) refuse("one key, or the id of one, is listed twice");
      const needed = Object.entries(d.thresholds);
      if (!("trust" in d.thresholds) || !("release" in d.thresholds) || !needed.every(([, n]) => isNumber(n) && n > 0)) refuse("a threshold is missing, or asks for nobody");
      return true;
    },
    "writ.release.v1": (d) => isText(d.site) && isNumber(d.epoch) && isNumber(d.serial) && isNumber(d.trust_version) && isTime(d.issued_at)
      && isObject(d.generations) && Object.values(d.generations).every((g) => isObject(g) && isText(g.public_key))
      && Array.isArray(d.revoked_appliance_keys) && d.revoked_appliance_keys.every((key) => isObject(key) && isText(key.public_key)),
    "writ.receipt.v1": (d) => isText(d.entry) && isNumber(d.index) && areTexts(d.proof) && isText(d.checkpoint),
    ...Object.fromEntries(BUNDLES.map((schema) => [schema, (d) => /^EB-\d{8}-\d{4,16}$/.test(isText(d.bundle_id) ? d.bundle_id : "") && isText(d.client_id)
      && isText(d.appliance) && isText(d.public_key) && isText(d.kind) && isTime(d.generated_at) && isObject(d.chain) && isNumber(d.chain.sequence)
      && (d.chain.previous === null || isText(d.chain.previous))])),
  };

  // Whether a key may be the log of every site that it was the log of before.
  const servesLogAs = (now, old) => now.roles.includes("log")
    && (now.sites.length === 0 || (old.sites.length > 0 && old.sites.every((site) => now.sites.includes(site))));

  // What a root may not take back of the one before: epochs, keys, revocations, logs.
  const tookBack = (before, after) => {
    if (after.epoch < before.epoch) return "its epoch is lower than that of the root before";
    for (const old of before.keys) {
      const now = after.keys.find((key) => key.public_key === old.public_key);
      if (!now) return "it lists a key of the root before no longer";
      if (old.revoked_at !== null && (now.revoked_at === null || Date.parse(now.revoked_at) > Date.parse(old.revoked_at))) return "it undoes a revocation";
      if (old.roles.includes("log") && !servesLogAs(now, old)) return "it takes the role log, or a site, from a key of the root before";
    }
    for (const [site, origins] of Object.entries(before.log_origins)) {
      const now = after.log_origins[site] || [];
      if (!origins.every((origin, i) => now[i] === origin)) return `it takes back a log of ${site}`;
    }
    return null;
  };

  // Judges files, a map from path to bytes. `given` is the digest of the first trust root as it was given; `progress` is told how
  // many of how many bundles are done. Answers { pinned, rows: [{ path, what, verdict: good | bad | doubt | none, why }] }.
  const judge = async (files, given, progress = () => {}) => {
    if (!(await able())) refuse("this browser cannot check Ed25519 signatures (WebCrypto): use a newer one");
    const rows = [], documents = [];
    const row = (path, what, verdict, why) => rows.push({ path, what, verdict, why });
    const paths = [...files.keys()].sort();
    if (paths.length > MAX_FILES) refuse(`more than ${MAX_FILES} files: give fewer, or use writ audit verify`);
    const byDocument = new Map();
    for (const path of paths.filter((p) => p.endsWith(".minisig"))) {
      const document = path.replace(/(\.[0-9A-Fa-f]{16})?\.minisig$/, "");
      if (!byDocument.has(document)) byDocument.set(document, []);
      byDocument.get(document).push(path);
    }
    const signatures = (path) => (byDocument.get(path) || []).slice(0, MAX_SIGNATURES).map((other) => files.get(other)).filter((bytes) => bytes !== null);

    for (const path of paths.filter((p) => p.endsWith(".json"))) {
      const bytes = files.get(path);
      try {
        if (bytes === null || bytes.length > MAX_DOCUMENT) refuse("it is larger than any document");
        const document = json(text(bytes));
        const schema = document !== null && typeof document === "object" ? document.schema : undefined;
        if (!LIMITS.has(schema)) { row(path, "another document", "none", "this page does not judge it"); continue; }
        if (bytes.length > LIMITS.get(schema)) refuse("it is larger than its kind may be");
        if (!shape[schema](document)) refuse("it is not of the shape that its schema asks for");
        documents.push({ path, bytes, document, schema });
      } catch (error) {
        row(path, "a file", "bad", reason(error));
      }
    }
    const of = (...schemas) => documents.filter((d) => schemas.includes(d.schema));

    // Trust roots: the first is the one that was given, each later one is signed by the threshold of the one before and its own.
    const roots = of("writ.trust.v1").sort((a, b) => a.document.version - b.document.version);
    let newest = null, pinned = false;
    const known = new Set();
    const versions = new Map();
    for (const found of roots) {
      try {
        const root = found.document, digest = await digestOf(found.bytes);
        if (!newest) {
          const asked = given.trim();
          if (asked !== "" && digest !== asked) {
            row(found.path, "trust root", "none", `its digest is ${digest}: it is not the root that you were given, and came before it or is another's`);
            continue;
          }
          pinned = asked !== "";
          newest = root; versions.set(root.version, root); known.add(digest);
          row(found.path, "trust root", pinned ? "good" : "doubt", pinned ? "it is the root that you were given" : `nobody told this page which root to trust; this one's digest is ${digest}`);
          continue;
        }
        if (known.has(digest)) continue;
        if (versions.has(root.version)) refuse(`another root of version ${root.version} is here`);
        if (root.version !== newest.version + 1) refuse(`version ${root.version} does not follow root ${newest.version}: one is missing`);
        const files = signatures(found.path);
        const fits = (key) => serves(key, "trust") && key.revoked_at === null;
        for (const [by, name] of [[newest, "the root before"], [root, "itself"]]) {
          const count = (await signers(by, found.bytes, files, fits)).size, needed = threshold(by, "trust");
          if (count < needed) refuse(`signed by ${count} of the ${needed} trust keys that ${name} asks for`);
        }
        const back = tookBack(newest, root);
        if (back) refuse(back);
        newest = root; versions.set(root.version, root); known.add(digest);
        row(found.path, "trust root", "good", `it follows root ${root.version - 1}`);
      } catch (error) {
        row(found.path, "trust root", "bad", reason(error));
      }
    }
    if (!newest) {
      const asked = given.trim() !== "";
      row("(none)", "trust root", "bad", asked ? "no file has the digest that you were given: nothing can be judged" : "no trust root is here: nothing can be judged");
      return { pinned: false, rows };
    }
    const revoked = new Set([...versions.values()].flatMap((root) => root.keys).filter((key) => key.revoked_at !== null).map((key) => key.public_key));

    // Releases: signed by the threshold of release keys that counted when they were made and were never revoked.
    const owners = [], gone = new Set();
    for (const found of of("writ.release.v1")) {
      try {
        const release = found.document, root = versions.get(release.trust_version);
        if (!root) refuse(`it was made under trust root ${release.trust_version}, which is not here`);
        const counts = async (by) => {
          const fits = (key) => serves(key, "release", release.site) && !revoked.has(key.public_key)
            && Date.parse(key.valid_from) <= Date.parse(release.issued_at) && Date.parse(release.issued_at) < Date.parse(key.valid_until);
          const who = await signers(by, found.bytes, signatures(found.path), fits);
          return who.size >= threshold(by, "release") ? [...who.values()].sort() : null;
        };
        let who = null;
        for (const [version, by] of versions) if (version >= root.version && by.epoch === release.epoch && !who) who = await counts(by);
        if (!who) refuse("not enough release keys that count signed it, under no root of its epoch");
        for (const [appliance, generation] of Object.entries(release.generations)) {
          owners.push({ site: release.site, appliance, key: publicKey(generation.public_key), line: generation.public_key, release: `${release.epoch}-${release.serial}` });
        }
        release.revoked_appliance_keys.forEach((key) => gone.add(`${release.site} ${key.public_key}`));
        row(found.path, "release", "good", `signed by ${who.join(", ")}`);
      } catch (error) {
        row(found.path, "release", "bad", reason(error));
      }
    }

    const receipts = new Map(of("writ.receipt.v1").map((found) => [found.path, found]));
    const logKeys = (site) => newest.keys.filter((key) => serves(key, "log", site) && key.revoked_at === null).map((key) => publicKey(key.public_key).key);
    const heads = new Map();
    // The number of the entry that a receipt proves to be in a site's log; `says` is what the entry must say.
    const inLog = async (site, bytes, receipt, says) => {
      const head = await checkpoint(receipt.checkpoint, newest.log_origins[site] || [], logKeys(site));
      const entry = base64(receipt.entry);
      if (!Array.isArray(receipt.proof)) refuse("its proof is not a list");
      const proof = receipt.proof.map((hash) => base64(hash, 32));
      if (!await included(entry, receipt.index, head.size, proof, head.root)) refuse(`entry ${receipt.index} is not proven to be in the log of ${head.size} entries`);
      const said = json(text(entry)), expected = { ...says, schema: "writ.log-entry.v1", site, digest: await digestOf(bytes) };
      if (Object.keys(expected).some((key) => said[key] !== expected[key])) refuse(`entry ${receipt.index} of the log is of other bytes`);
      const seen = heads.get(`${head.origin} ${head.size}`);
      if (seen && !equal(seen, head.root)) refuse(`the log was shown with two roots at ${head.size} entries: somebody was lied to`);
      heads.set(`${head.origin} ${head.size}`, head.root);
      return receipt.index;
    };
    const besides = (path) => [`${path.replace(/\.json$/, "")}.receipt.json`, `${path}.receipt.json`].find((p) => receipts.has(p));
    for (const found of of("writ.release.v1")) {
      const { path, bytes, document } = found, beside = besides(path);
      if (!beside) continue;
      const { site, epoch, serial } = document;
      try {
        const index = await inLog(site, bytes, receipts.get(beside).document, { type: "release", epoch, serial });
        row(beside, "receipt", "good", `the release is entry ${index} of the log`);
      } catch (error) {
        row(beside, "receipt", "bad", reason(error));
      }
      receipts.delete(beside);
    }

    // Statements of people are signed by keys to which the newest root gives the role `attest`.
    const attestor = (document) => {
      const key = newest.keys.find((k) => k.public_key === document.public_key && serves(k, "attest", document.client_id));
      if (!key) return null;
      if (key.revoked_at !== null) refuse("the key of its author was revoked: nothing proves that it is older");
      const at = Date.parse(document.generated_at);
      if (at < Date.parse(key.valid_from) || at >= Date.parse(key.valid_until)) refuse("it is of a time for which its author's key does not count");
      const found = publicKey(key.public_key);
      if (document.appliance !== speaker(found)) refuse(`it speaks for ${document.appliance}, and the key of a person speaks for nobody but ${speaker(found)}`);
      return { key: found, name: key.name };
    };

    const bundles = of(...BUNDLES);
    const places = new Map();
    let done = 0;
    for (const found of bundles) {
      const { path, bytes, document } = found, what = `bundle ${document.bundle_id}`;
      const beside = besides(path);
      try {
        const person = document.kind === "attestation" ? attestor(document) : null;
        const owner = person || owners.find((o) => o.line === document.public_key && o.site === document.client_id && o.appliance === document.appliance);
        if (!owner) refuse("no signed release here names its key for this appliance, nor a trust root for people: anybody could have written it");
        if (gone.has(`${document.client_id} ${document.public_key}`)) refuse("its key was revoked: whether it is older, writ audit verify says");
        const files = signatures(path);
        if (files.length === 0) refuse("its signature is not here");
        let signed = false;
        for (const file of files) signed = signed || await signedBy(owner.key, bytes, file);
        if (!signed) refuse("the signature does not fit these bytes: one of the two was altered");
        const place = `${document.public_key} ${document.chain.sequence}`, digest = hex(await sha256(bytes));
        if (places.has(place) && places.get(place) !== digest) refuse(`another bundle has its place ${document.chain.sequence} in the chain`);
        places.set(place, digest);
        if (person) {
          row(path, what, "good", `attested by ${person.name}; no log holds attestations, so whether later ones were withheld cannot be seen`);
        } else if (!beside) {
          row(path, what, "doubt", `signed by ${document.appliance} (release ${owner.release}); no receipt is here, so not shown to be in the log`);
        } else {
          const { client_id: site, bundle_id: id, appliance, public_key, chain: { sequence } } = document;
          const says = { type: "evidence", id, appliance, public_key, sequence };
          const index = await inLog(site, bytes, receipts.get(beside).document, says);
          row(path, what, "good", `signed by ${document.appliance} (release ${owner.release}), entry ${index} of the log`);
        }
      } catch (error) {
        row(path, what, "bad", reason(error));
      }
      if (beside) receipts.delete(beside);
      done += 1;
      if (done % 50 === 0) progress(done, bundles.length);
    }
    for (const path of receipts.keys()) row(path, WORDS["writ.receipt.v1"], "bad", "what it is a receipt of is not here");
    for (const path of byDocument.keys()) {
      if (!files.has(path)) row(path, "a document", "bad", "its signature is here, and it is not");
    }
    return { pinned, rows };
  };

  // One sentence, and how good it is. Nothing judged is never good.
  const conclude = ({ pinned, rows }) => {
    const count = (verdict) => rows.filter((row) => row.verdict === verdict).length;
    const bundles = rows.filter((row) => row.what.startsWith("bundle ") && row.verdict === "good" && !row.why.startsWith("attested ")).length;
    const several = (n, one, more) => (n === 1 ? `One ${one}` : `${n} ${more}`);
    if (count("bad") > 0) return ["bad", `${several(count("bad"), "thing does", "things do")} not hold. ${several(bundles, "bundle is", "bundles are")} signed and in the log.`];
    if (bundles === 0 && count("doubt") === 0) return ["doubt", "No bundle was given: nothing was shown."];
    if (!pinned) return ["doubt", `${several(bundles, "bundle is", "bundles are")} signed and in the log, if the trust root is the right one: give the digest that you were given.`];
    if (count("doubt") > 0) return ["doubt", `${several(bundles, "bundle is", "bundles are")} signed and in the log; ${several(count("doubt"), "thing", "things").toLowerCase()} could not be shown fully.`];
    return ["good", `${several(bundles, "bundle is", "bundles are")} signed by the appliance that it names, and in the site's log.`];
  };

  return { base64, blake2b, checkpoint, conclude, hex, included, json, judge, publicKey, signature, Refused, MAX_DOCUMENT, MAX_FILES };
})();

if (typeof document !== "undefined") {
  const SHOWN = 500;
  const place = (id) => document.getElementById(id);
  const say = (quality, sentence) => {
    place("result").className = quality;
    place("result").replaceChildren(Object.assign(document.createElement("p"), { textContent: sentence }));
  };
  const MARKS = { good: "holds", bad: "does not hold", doubt: "not shown fully", none: "not judged" };
  const show = (rows) => {
    const order = ["bad", "doubt", "good", "none"];
    const sorted = [...rows].sort((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict));
    place("table").hidden = false;
    place("table").tBodies[0].replaceChildren(...sorted.slice(0, SHOWN).map(({ path, what, verdict, why }) => {
      const line = document.createElement("tr");
      for (const cell of [path, what, MARKS[verdict], why]) line.append(Object.assign(document.createElement("td"), { textContent: cell }));
      line.children[2].className = verdict;
      return line;
    }));
    place("table").caption.textContent = rows.length > SHOWN ? `What was checked: the first ${SHOWN} of ${rows.length}, worst first` : "What was checked";
  };
  let turn = 0;
  const run = async () => {
    turn += 1;
    const mine = turn, chosen = [...place("files").files, ...place("folder").files];
    if (chosen.length === 0) return;
    try {
      const wanted = chosen.filter((file) => file.name.endsWith(".json") || file.name.endsWith(".minisig"));
      if (wanted.length > writ.MAX_FILES) throw new Error(`more than ${writ.MAX_FILES} files: give fewer, or use writ audit verify`);
      say("", `Reading ${wanted.length} files.`);
      const files = new Map();
      for (const file of wanted) {
        // What is larger than any document is not read, and said to be so.
        const bytes = file.size <= writ.MAX_DOCUMENT ? new Uint8Array(await file.arrayBuffer()) : null;
        files.set(file.webkitRelativePath || file.name, bytes);
      }
      const result = await writ.judge(files, place("digest").value, (done, all) => { if (mine === turn) say("", `${done} of ${all} bundles.`); });
      if (mine !== turn) return;
      show(result.rows);
      say(...writ.conclude(result));
    } catch (error) {
      say("bad", `Nothing was judged: ${error.message}`);
    }
  };
  for (const id of ["files", "folder", "digest"]) place(id).addEventListener("change", run);
}
if (typeof module !== "undefined") module.exports = writ;
