//! `writ report`, and what it makes read by the programs that a client has: sha256sum, minisign, poppler and qpdf for PDF, another
//! parser of HTML.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use writ_trust::digest::Digest;
use writ_trust::json as strict;
use writ_trust::minisign::signature_file_name;

use crate::export_schema::judge::judged;
use crate::export_schema::reports::held;
use crate::packet_world::{evening, eventful, half_known};
use crate::world::{World, policy_json, signer};

/// A folder to audit, and a place to write to.
struct Desk {
    world: World,
    to: tempfile::TempDir,
}

struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Desk {
    fn new() -> Self {
        Self::of(eventful())
    }

    fn of(world: World) -> Self {
        let desk = Self { world, to: tempfile::tempdir().unwrap() };
        fs::write(desk.path("root.json"), strict::canonical(&desk.world.root)).unwrap();
        fs::write(desk.path("key"), signer().to_open_file().as_bytes()).unwrap();
        fs::write(desk.path("key.pub"), signer().public_key().to_file()).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.to.path().join(name)
    }

    fn report(&self, arguments: &[&str]) -> Said {
        let mut writ = Command::new(env!("CARGO_BIN_EXE_writ"));
        writ.current_dir(self.to.path()).arg("report").arg(arguments[0]).arg(self.world.path());
        writ.args(["--trust", "root.json", "--now", &evening().to_string()]).args(&arguments[1..]);
        let output = writ.stdin(Stdio::null()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    fn made(&self, arguments: &[&str]) -> String {
        let said = self.report(arguments);
        assert_eq!(said.code, Some(0), "{arguments:?}: {}{}", said.stdout, said.stderr);
        said.stdout
    }
}

/// What a program says of a folder; it must succeed.
fn says(program: &str, folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).current_dir(folder).args(arguments).output();
    let output = output.unwrap_or_else(|e| panic!("{program}: {e}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {text}");
    text
}

/// Every file below a folder, by its path there.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

/// Words without the white space between them: lines of a PDF break where they must.
fn run_together(text: &str) -> String {
    text.split_whitespace().collect()
}

const MONTH: [&str; 5] = ["monthly", "--month", "2026-11", "--site", "clinic-001"];

#[test]
fn a_packet_is_signed_the_same_every_time_and_read_by_others() {
    let desk = Desk::new();
    let made = |to: &str| desk.made(&[&MONTH[..], &["--pdf", "--sign", "key", "--out", to]].concat());
    made("first");
    made("second");
    let first = desk.path("first");
    let all = files(&first);
    assert_eq!(all, files(&desk.path("second")), "the same bytes");
    let name = "clinic-001-2026-11";
    for file in ["html", "pdf", "json"].map(|ending| format!("{name}.{ending}")) {
        assert!(all.contains_key(&file), "{file}");
    }
    // RP-05: the list names every file, and whoever has sha256sum and minisign can judge it.
    let sums = says("sha256sum", &first, &["--strict", "-c", "SHA256SUMS"]);
    assert_eq!(sums.lines().filter(|line| line.ends_with(": OK")).count(), all.len() - 2, "{sums}");
    says("minisign", &first, &["-Vm", "SHA256SUMS", "-p", desk.path("key.pub").to_str().unwrap()]);

    let packet: Value = serde_json::from_slice(&all[&format!("{name}.json")]).unwrap();
    read_as_pdf(&first.join(format!("{name}.pdf")), &packet);
    read_as_html(&first.join(format!("{name}.html")), &packet);
    let csv = String::from_utf8(all["tables/figures.csv"].clone()).unwrap();
    for figure in packet["figures"].as_array().unwrap() {
        let value = figure["value"].as_u64().map(|n| n.to_string()).unwrap_or_default();
        let word = |name: &str| figure[name].as_str().unwrap();
        let label = if word("label").contains(',') { figure["label"].to_string() } else { word("label").to_owned() };
        let line = format!("{},{label},{value},{},", word("id"), word("unit"));
        assert!(csv.contains(&line), "{line}\n{csv}");
    }
}

/// The PDF is whole, tagged, says what the packet says, and drops nothing silently.
fn read_as_pdf(file: &Path, packet: &Value) {
    let (folder, name) = (file.parent().unwrap(), file.file_name().unwrap().to_str().unwrap());
    let checked = says("qpdf", folder, &["--check", name]);
    assert!(checked.contains("No syntax or stream encoding errors"), "{checked}");
    let info = says("pdfinfo", folder, &["-isodates", name]);
    for line in
        ["Tagged:          yes", "Page size:       841.89 x 595.28 pts (A4)", "CreationDate:    2026-11-25T07:00:00Z"]
    {
        assert!(info.contains(line), "{line}\n{info}");
    }
    assert!(info.contains("Title:           Monthly compliance packet, 2026-11: "), "{info}");
    let structure = says("pdfinfo", folder, &["-struct", name]);
    for element in ["H1", "H2", "Table", "TH", "TD", "Figure", "Link", "L", "Caption"] {
        assert!(structure.lines().any(|line| line.trim().starts_with(element)), "no {element}:\n{structure:.3000}");
    }
    let fonts = says("pdffonts", folder, &[name]);
    let embedded = fonts.lines().skip(2).filter(|line| line.contains("yes yes yes")).count();
    assert_eq!(embedded, fonts.lines().count() - 2, "embedded, a subset, with characters: {fonts}");
    let text = run_together(&says("pdftotext", folder, &["-layout", name, "-"]));
    for section in packet["sections"].as_array().unwrap() {
        assert!(text.contains(&run_together(section["title"].as_str().unwrap())), "{section:.200}");
    }
    for figure in packet["figures"].as_array().unwrap() {
        assert!(text.contains(&run_together(figure["shown"].as_str().unwrap())), "{figure}");
    }
    for bundle in packet["bundles"].as_array().unwrap() {
        assert!(text.contains(bundle["bundle_id"].as_str().unwrap()), "{bundle}");
    }
    assert!(text.contains("<script>alert(1)</script>"), "what it was is seen, and nothing more");
}

/// Judged by a parser that is not ours.
const PARSE: &str = r##"
import sys, html.parser
void = {"meta", "link", "br", "hr", "img", "input"}
class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids, self.links, self.open, self.words, self.levels, self.wrong = [], [], [], [], [], []
    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if "id" in given: self.ids.append(given["id"])
        if "href" in given: self.links.append(given["href"])
        if tag in ("script", "iframe", "object", "embed", "img", "link", "form"): self.wrong.append(tag)
        if any(name.startswith("on") or name == "style" for name in given): self.wrong.append(str(given))
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit(): self.levels.append(int(tag[1]))
        if tag == "th" and "scope" not in given: self.wrong.append("th without scope")
        if tag == "svg" and given.get("role") != "img": self.wrong.append("svg")
        if tag == "table": self.captioned = False
        if tag == "caption": self.captioned = True
        if tag == "tbody" and not self.captioned: self.wrong.append("table without caption")
        if tag not in void: self.open.append(tag)
    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag: self.wrong.append("</" + tag + ">")
    def handle_data(self, data): self.words.append(data)
page = Page()
page.feed(open(sys.argv[1], encoding="utf-8").read())
page.close()
wrong = page.wrong + ["not closed: " + tag for tag in page.open]
wrong += ["leads nowhere: " + l for l in page.links if l.startswith("#") and l[1:] not in set(page.ids)]
wrong += ["leads elsewhere: " + l for l in page.links if ":" in l or l.startswith("/")]
wrong += ["twice: " + i for i in set(page.ids) if page.ids.count(i) > 1]
wrong += ["levels: " + str(page.levels)] * any(b > a + 1 for a, b in zip([0] + page.levels, page.levels))
print("\n".join(wrong)) if wrong else print("".join(page.words))
sys.exit(1 if wrong else 0)
"##;

fn read_as_html(file: &Path, packet: &Value) {
    let text = says("python3", file.parent().unwrap(), &["-c", PARSE, file.to_str().unwrap()]);
    for figure in packet["figures"].as_array().unwrap() {
        assert!(text.contains(figure["shown"].as_str().unwrap()), "{figure}");
    }
    assert!(text.contains("<script>alert(1)</script> \\u{202e}gnp \\u{7}"), "as it was, and harmless");
}

/// As a timer runs it: the last whole month, which is made once, and again only where it is gone.
#[test]
fn the_last_month_is_made_once() {
    let desk = Desk::new();
    let run = |now: &str, arguments: &[&str]| {
        let mut writ = Command::new(env!("CARGO_BIN_EXE_writ"));
        writ.current_dir(desk.to.path()).args(["report", "monthly"]).arg(desk.world.path());
        writ.args(["--trust", "root.json", "--last", "--site", "clinic-001", "--now", now]).args(arguments);
        let output = writ.stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code(), text)
    };
    let into = ["--into", "packets/clinic-001", "--sign", "key"];
    let (code, said) = run("2026-12-01T04:30:00Z", &into);
    assert_eq!(code, Some(0), "{said}");
    let place = desk.path("packets/clinic-001/clinic-001-2026-11");
    let first = files(&place);
    assert!(first.contains_key("clinic-001-2026-11.html") && first.contains_key("SHA256SUMS.minisig"), "{said}");
    // Again, and some days later: it is the same month, and its packet stays, whatever became of the evidence.
    fs::write(desk.world.file(3), "{}").unwrap();
    for now in ["2026-12-01T04:45:00Z", "2026-12-31T23:59:59Z"] {
        let (code, said) = run(now, &into);
        assert!(code == Some(0) && said.contains("is there already"), "{now}: {code:?} {said}");
        assert_eq!(files(&place), first, "{now}");
    }
    // What does not verify is told by each run that makes something, and is there once.
    fs::remove_dir_all(&place).unwrap();
    let (code, said) = run("2026-12-02T04:30:00Z", &into);
    assert!(code == Some(1) && said.contains("NOT VERIFIED"), "{said}");
    let (code, said) = run("2026-12-02T04:45:00Z", &into);
    assert!(code == Some(1) && said.contains("is there already") && said.contains("did not verify"), "{code:?} {said}");
    // What nobody can read says nothing of how it was made.
    let document = place.join("clinic-001-2026-11.json");
    let whole = fs::read(&document).unwrap();
    fs::write(&document, &whole[..whole.len() / 2]).unwrap();
    let (code, said) = run("2026-12-02T04:45:00Z", &into);
    assert!(code == Some(1) && said.contains("no packet") && said.contains("next:"), "{code:?} {said}");
    fs::write(&document, &whole).unwrap();
    // A folder of that name that is no packet is not taken for one.
    fs::remove_file(place.join("SHA256SUMS")).unwrap();
    let (code, said) = run("2026-12-02T04:45:00Z", &into);
    assert!(code == Some(1) && said.contains("no packet") && said.contains("next:"), "{said}");
    let (code, said) = run("2026-12-02T04:45:00Z", &["--month", "2026-11", "--out", "x"]);
    assert!(code == Some(2) && said.contains("cannot be used with"), "{said}");
}

#[test]
fn what_is_printed_is_valid() {
    let desk = Desk::new();
    let printed: Value = serde_json::from_str(&desk.made(&[&MONTH[..], &["--json"]].concat())).unwrap();
    held("packet-v1", &[&printed[0]], 60);
    let set: Value = serde_json::from_str(&desk.made(&["audit-set", "--period", "2026", "--json"])).unwrap();
    let documents = set.as_array().unwrap();
    assert_eq!(judged("packet-v1", documents), vec![true; documents.len()]);
    assert!(documents.len() > 8, "{}", documents.len());
}

/// The folder verifies, and still nobody knows what one of its appliances was to do.
#[test]
fn an_appliance_that_was_not_judged_makes_it_no() {
    let desk = Desk::of(half_known());
    let said = desk.report(&[&MONTH[..], &["--json", "--pdf", "--out", "half"]].concat());
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert!(said.stderr.contains("not judged: back-office of clinic-001: "), "{}", said.stderr);
    let printed: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(printed[0]["verified"]["ok"], true);
    assert_eq!(printed[0]["not_judged"][0]["appliance"], "back-office");
    let [packet] = printed.as_array().unwrap().as_slice() else { panic!("{printed}") };
    let mut wrong = packet.clone();
    wrong["not_judged"][0].as_object_mut().unwrap().remove("why").unwrap();
    assert_eq!(judged("packet-v1", &[packet.clone(), wrong]), [true, false]);
    let page = fs::read_to_string(desk.path("half/clinic-001-2026-11.html")).unwrap();
    assert!(page.contains("<div class=\"banner bad\"><p>1 appliance was not judged"), "{page:.4000}");
    let set = desk.report(&["audit-set", "--period", "2026", "--out", "set"]);
    assert_eq!(set.code, Some(1), "{}", set.stderr);
    assert_eq!(set.stderr.matches("not judged: ").count(), 1, "{}", set.stderr);
    // The review of what is learned says so too; and each that is there already answers as when it was made.
    for asked in [&MONTH[..], &["audit-set", "--period", "2026"], &["learning", "--week", "2026-W48"]] {
        for time in ["made", "there already"] {
            let said = desk.report(&[asked, &["--into", "packets"]].concat());
            assert_eq!(said.code, Some(1), "{asked:?} {time}: {}{}", said.stdout, said.stderr);
            assert_eq!(said.stderr.matches("not judged: ").count(), 1, "{asked:?} {time}: {}", said.stderr);
            assert_eq!(said.stdout.contains("is there already"), time != "made", "{asked:?}: {}", said.stdout);
        }
    }
}

/// Adds a second site to the folder: one that has a release, and never said anything.
fn second_site(world: &World) {
    let policy = policy_json(|p| p["site"] = "clinic-002".into());
    world.write(&format!("documents/{}.json", Digest::of(&policy).hex()), &policy);
    let release = fs::read(world.path().join("releases/clinic-001/1-1/release.json")).unwrap();
    let mut release: Value = serde_json::from_slice(&release).unwrap();
    release["site"] = "clinic-002".into();
    release["generations"]["front-desk"]["policy"] =
        json!({ "schema": "writ.policy.v1", "digest": Digest::of(&policy).to_string(), "size": policy.len() });
    let bytes = strict::canonical(&release);
    let name = signature_file_name("release.json", signer().key_id());
    let signature = signer().sign(&bytes, "release", "x").unwrap().to_string();
    world.write("releases/clinic-002/1-1/release.json", &bytes);
    world.write(&format!("releases/clinic-002/1-1/{name}"), signature.as_bytes());
}

#[test]
fn a_fleet_has_a_page_over_all_sites() {
    let desk = Desk::new();
    second_site(&desk.world);
    desk.made(&["quarterly", "--quarter", "2026-Q4", "--pdf", "--out", "fleet"]);
    let folder = desk.path("fleet");
    let all = files(&folder);
    for file in [
        "fleet-2026-Q4.html",
        "fleet-2026-Q4.pdf",
        "clinic-001/clinic-001-2026-Q4.html",
        "clinic-002/tables/controls.csv",
    ] {
        assert!(all.contains_key(file), "{file}: {:?}", all.keys());
    }
    says("sha256sum", &folder, &["--strict", "-c", "SHA256SUMS"]);
    let page = String::from_utf8(all["fleet-2026-Q4.html"].clone()).unwrap();
    for link in page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).filter(|l| !l.starts_with('#'))
    {
        assert!(all.contains_key(link), "{link}");
    }
    says("qpdf", &folder, &["--check", "fleet-2026-Q4.pdf"]);
}

/// Every link of the index leads to a file, and each sample is what its key signed.
#[test]
fn an_audit_set_is_checked_without_writ() {
    let desk = Desk::new();
    desk.made(&["audit-set", "--period", "2026", "--pdf", "--sign", "key", "--out", "set"]);
    let folder = desk.path("set");
    let all = files(&folder);
    let page = String::from_utf8(all["index.html"].clone()).unwrap();
    let links: Vec<&str> = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let leads: Vec<&&str> = links.iter().filter(|link| !link.starts_with('#')).collect();
    assert!(leads.len() > 20, "{leads:?}");
    assert!(leads.iter().all(|link| all.contains_key(**link)), "{leads:?}");
    let samples: Vec<&String> = all.keys().filter(|f| f.starts_with("samples/") && f.ends_with(".json")).collect();
    assert_eq!(samples.len(), 3, "{samples:?}");
    for sample in samples {
        let key = format!("keys/{}.pub", sample.split('/').nth(1).unwrap());
        says("minisign", &folder, &["-Vm", sample, "-p", &key]);
    }
    says("sha256sum", &folder, &["--strict", "-c", "SHA256SUMS"]);
    let access = String::from_utf8(all["tables/access-keys.csv"].clone()).unwrap();
    assert!(access.contains("signer-0,") && access.lines().next().unwrap().contains(",release,"), "{access}");
    let approvers = String::from_utf8(all["tables/approvers.csv"].clone()).unwrap();
    assert!(approvers.contains("Dr. Ruth Alvarez,front-desk"), "{approvers}");
}

/// The review of what is learned is a packet as the others are.
#[test]
fn a_review_of_what_is_learned_is_a_packet() {
    let desk = Desk::new();
    fs::write(desk.path("rejected.nix"), "[ { id = \"0123456789ab\"; by = \"Kim\"; why = \"no\"; } ]\n").unwrap();
    let made = |to: &str| {
        let asked =
            ["learning", "--quarter", "2026-Q4", "--rejected", "rejected.nix", "--pdf", "--sign", "key", "--out", to];
        desk.made(&asked)
    };
    made("first");
    made("second");
    let all = files(&desk.path("first"));
    assert_eq!(all, files(&desk.path("second")), "the same bytes");
    says("sha256sum", &desk.path("first"), &["--strict", "-c", "SHA256SUMS"]);
    says("qpdf", &desk.path("first"), &["--check", "learning-2026-Q4.pdf"]);
    let packet: Value = serde_json::from_slice(&all["learning-2026-Q4.json"]).unwrap();
    let page = desk.path("first/learning-2026-Q4.html");
    let text = says("python3", &desk.path("first"), &["-c", PARSE, page.to_str().unwrap()]);
    assert!(text.contains("Quarterly review of what is learned, 2026-Q4: 1 site"), "{text:.500}");
    assert!(all.contains_key("tables/tier-costs.csv"), "{:?}", all.keys());
    let mut wrong = packet.clone();
    wrong["figures"][0]["unit"] = "euros".into();
    assert_eq!(judged("packet-v1", &[packet, wrong]), [true, false]);
    let week: Value = serde_json::from_str(&desk.made(&["learning", "--week", "2026-W48", "--json"])).unwrap();
    assert_eq!((&week[0]["kind"], &week[0]["name"]), (&"learning".into(), &"learning-2026-W48".into()));
}

#[test]
fn what_cannot_be_made_is_said_and_leaves_nothing() {
    let desk = Desk::new();
    let refused = |code: i32, words: &str, arguments: &[&str]| {
        let said = desk.report(arguments);
        assert_eq!(said.code, Some(code), "{arguments:?}: {}{}", said.stdout, said.stderr);
        assert!(said.stderr.contains(words), "{arguments:?}: {}", said.stderr);
        assert!(said.stderr.contains("next:") || code == 2, "{}", said.stderr);
    };
    fs::create_dir(desk.path("full")).unwrap();
    fs::write(desk.path("full/other"), "x").unwrap();
    refused(1, "not empty", &["monthly", "--month", "2026-11", "--out", "full"]);
    refused(2, "is not a month", &["monthly", "--month", "2026-13", "--out", "x"]);
    refused(2, "is not a quarter", &["quarterly", "--quarter", "2026-11", "--out", "x"]);
    refused(2, "is not a year", &["annual", "--year", "26", "--out", "x"]);
    refused(2, "is not a period", &["audit-set", "--period", "../..", "--out", "x"]);
    refused(2, "has not begun", &["annual", "--year", "2031", "--out", "x"]);
    refused(2, "no verified release", &["monthly", "--month", "2026-11", "--site", "clinic-009", "--out", "x"]);
    refused(2, "required", &["monthly", "--month", "2026-11"]);
    refused(2, "is not a week", &["learning", "--week", "2026-W54", "--out", "x"]);
    refused(2, "required", &["learning", "--out", "x"]);
    refused(2, "cannot be used with", &["learning", "--week", "2026-W48", "--month", "2026-11", "--out", "x"]);
    refused(2, "has not begun", &["learning", "--quarter", "2031-Q1", "--out", "x"]);
    for bad in ["{}", "[{\"id\":1}]", "[{\"id\":\"a\",\"id\":\"b\"}]", "map f [ ]"] {
        fs::write(desk.path("rejected.json"), bad).unwrap();
        let asked = ["learning", "--week", "2026-W48", "--rejected", "rejected.json", "--out", "x"];
        refused(2, "the list of rejected patterns cannot be read", &asked);
        fs::write(desk.path("rejected.nix"), bad).unwrap();
        let asked = ["learning", "--week", "2026-W48", "--rejected", "rejected.nix", "--out", "x"];
        refused(2, "the list of rejected patterns cannot be read", &asked);
    }
    assert!(!desk.path("x").exists());
    let left: Vec<_> = fs::read_dir(desk.to.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".writ-report")), "{left:?}");
    // What did not verify is told in the packet too, and by the exit code.
    fs::write(desk.world.file(3), "{}").unwrap();
    let said = desk.report(&["monthly", "--month", "2026-11", "--out", "doubtful"]);
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    let page = fs::read_to_string(desk.path("doubtful/clinic-001-2026-11.html")).unwrap();
    assert!(page.contains("Not verified: ") && said.stderr.contains("NOT VERIFIED"), "{}", said.stderr);
}
