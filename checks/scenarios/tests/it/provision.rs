//! From a machine that nobody knows to its first evidence: the real `writ`, `writ-depot`, `writ-sync` and `writ-enforce`; and with
//! somebody between who exchanges the key.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use writ_client::{Client, Settings};
use writ_evidence::Kind;
use writ_scenarios::depot::Depot;
use writ_scenarios::proxy::{Answer, Proxy, Said};
use writ_scenarios::run;
use writ_trust::claim_code::ClaimCode;
use writ_trust::minisign::SecretKeyFile;
use writ_wire::claim::{Claim, ClaimSchema, PlainName};
use writ_wire::claims::{Claims, ClaimsSchema, HeldClaim};
use writ_wire::{Signed, paths};

use crate::drill::{git, lay};
use crate::house::daemon::PATIENCE;
use crate::house::*;

const CARD: &str = "00:00:5e:00:53:01";
const NAME: &str = "back-office";
/// Who wants to be the machine.
const THIEF: u8 = 99;

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The desk of a clinic with one appliance, its depot, and a machine that nobody knows.
struct Scene {
    // In the order in which they go.
    depot: Depot,
    house: House,
}

impl Scene {
    fn new() -> Self {
        let house = House::new();
        house.furnish(1);
        for folder in ["keys", "desk"] {
            fs::create_dir_all(house.path(folder)).unwrap();
        }
        for (name, who) in [("alice", ALICE), ("bob", BOB), ("log", LOG), ("reader", READER), ("front-desk", APPLIANCE)]
        {
            // Open, so that nobody is asked for a passphrase.
            let path = house.path(&format!("keys/{name}.key"));
            fs::write(&path, secret(who).to_open_file().as_bytes()).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
            fs::write(house.path(&format!("keys/{name}.pub")), public(who).to_file()).unwrap();
        }
        lay(&house);
        git(&house.path("desk"), &["config", "user.name", "Alice"]);
        git(&house.path("desk"), &["config", "user.email", "alice@msp.example"]);
        let origin = format!("{0}=log.example.org/{0}", house.site);
        let init = "trust init --out releases/trust/1.json --threshold trust=1 --threshold release=2 \
                    --key ../keys/alice.pub:trust,release --key ../keys/bob.pub:release --key ../keys/log.pub:log \
                    --key ../keys/reader.pub:read --log-origin";
        writ(&house, &[&init.split_whitespace().collect::<Vec<_>>()[..], &[&origin]].concat(), 0);
        writ(&house, &["trust", "sign", "releases/trust/1.json", "--key", "../keys/alice.key"], 0);
        fs::copy(house.path("desk/releases/trust/1.json"), house.path("etc/trust.json")).unwrap();
        let mut serve = program("writ-depot");
        serve.args(["serve", "--listen", "127.0.0.1:0", "--extra-writes", "0", "--batches", "0", "--data"]);
        serve.arg(house.path("depot")).arg("--trust").arg(house.path("etc/trust.json"));
        let depot = Depot::spawn(serve.arg("--log-key").arg(house.path("keys/log.key")), &house.path("depot")).unwrap();
        let card = house.path("machine/root/sys/class/net/eth0");
        fs::create_dir_all(card.join("device")).unwrap();
        for (file, says) in [("address", CARD), ("type", "1"), ("operstate", "up"), ("carrier", "1")] {
            fs::write(card.join(file), format!("{says}\n")).unwrap();
        }
        Self { depot, house }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.house.path(name)
    }

    /// Drafts the next release of what is committed, has two people sign it, and publishes it.
    fn release(&self, n: u32) {
        let draft = format!("draft-{n}");
        writ(&self.house, &["release", "draft", "--flake", ".", "--previous", "releases", "--to", &draft], 0);
        for who in ["../keys/alice.key", "../keys/bob.key"] {
            writ(&self.house, &["release", "sign", &draft, "--key", who, "--flake", ".", "--previous", "releases"], 0);
        }
        let url = self.depot.url();
        let to =
            ["release", "publish", &draft, "--to", "releases", "--depot", &url, "--read-key", "../keys/reader.key"];
        writ(&self.house, &to, 0);
    }

    /// A process of the machine: `join` or `carry`; what it prints goes to a file.
    fn machine(&self, what: &str, url: &str) -> Process {
        let file = File::options().create(true).append(true).open(self.path(&format!("machine/{what}.out"))).unwrap();
        let mut command = program("writ");
        command.args(["provision", what, "--every", "200ms", "--depot", url]);
        command.arg("--trust").arg(self.path("etc/trust.json"));
        command.arg("--claim").arg(self.path("machine/claim")).arg("--answer").arg(self.path("machine/answer"));
        if what == "join" {
            command.arg("--state").arg(self.path("machine/state")).arg("--root").arg(self.path("machine/root"));
            // Not that of the machine that this runs on.
            command.arg("--secrets-out").arg(self.path("machine/secrets"));
        }
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        Process(command.spawn().unwrap())
    }

    fn said(&self, what: &str) -> String {
        fs::read_to_string(self.path(&format!("machine/{what}.out"))).unwrap_or_default()
    }

    fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        if let Err(e) = run::wait(what, PATIENCE, || Ok(holds().then_some(()))) {
            let said = |name: &str| fs::read_to_string(self.path(name)).unwrap_or_default();
            let (courier, daemon) = (said("courier.stderr"), said("daemon.stderr"));
            panic!("{e}\n{}\n{}\n{courier}\n{daemon}\n{}", self.said("join"), self.said("carry"), self.depot.said());
        }
    }

    /// The code that a person reads off the machine's screen.
    fn code_on_screen(&self) -> String {
        let said = self.said("join");
        let lines: Vec<&str> = said.lines().skip_while(|line| !line.contains("Claim code")).take(3).collect();
        lines.join(" ").replace("Claim code", "").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// `writ provision claim` of this code, at a depot.
    fn claim(&self, url: &str, code: &str, more: &[&str], ends: i32) -> Ran {
        let own =
            ["provision", "claim", "--site", &self.house.site, "--appliance", NAME, "--code", code, "--depot", url];
        writ(&self.house, &[&own[..], &["--read-key", "../keys/reader.key"], more].concat(), ends)
    }

    fn branches(&self) -> String {
        let listed = Command::new("git").arg("-C").arg(self.path("desk")).args(["branch", "--list"]).output().unwrap();
        String::from_utf8(listed.stdout).unwrap()
    }
}

/// `writ` at the desk.
#[track_caller]
fn writ(house: &House, words: &[&str], code: i32) -> Ran {
    let ran = ran(program("writ").args(words).current_dir(house.path("desk")));
    assert_eq!(ran.code, Some(code), "{words:?}: {}{}", ran.stdout, ran.stderr);
    ran
}

fn thiefs_claim() -> Signed {
    let claim = Claim {
        schema: ClaimSchema::V1,
        mac: CARD.parse().unwrap(),
        public_key: public(THIEF),
        courier_key: public(THIEF),
        hardware: PlainName::of("HP t640"),
        at: now_plus(0),
        site: None,
        appliance: None,
        agent_version: PlainName::of("0.1.0"),
        secrets: None,
    };
    claim.sign(&secret(THIEF)).unwrap()
}

#[test]
fn from_a_machine_that_nobody_knows_to_its_first_evidence() {
    let scene = Scene::new();
    let url = scene.depot.url();
    scene.release(1);

    // The machine makes its key and shows its code; the claim comes to the depot by a process without the key.
    let _carry = scene.machine("carry", &url);
    let mut join = scene.machine("join", &url);
    let list = || {
        let listed = ran(program("writ")
            .args(["provision", "mac", "--json", "--depot", &url])
            .args(["--read-key"])
            .arg(scene.path("keys/reader.key")));
        serde_json::from_str::<Value>(&listed.stdout).unwrap()["claims"].clone()
    };
    scene.until("the claim", || list().as_array().unwrap().len() == 1);
    let code = scene.code_on_screen();
    let listed = list();
    assert_eq!((&listed[0]["mac"], &listed[0]["claim_code"]), (&CARD.into(), &code.as_str().into()), "{listed}");
    let own_key = |name: &str| {
        let text = fs::read_to_string(scene.path("machine/state").join(name)).ok()?;
        Some(SecretKeyFile::parse(&text).unwrap().open().unwrap().public_key())
    };
    let key = own_key("claim/appliance.key").unwrap();
    assert!(code.parse::<ClaimCode>().unwrap().is_of(&key));
    assert!(scene.said("join").contains('█'), "a QR code is on the screen");
    assert!(join.0.try_wait().unwrap().is_none() && own_key("appliance.key").is_none());

    // Somebody between the desk and the depot exchanges the key: its code is another, whatever else is as it was.
    let proxy = Proxy::start("127.0.0.1:0", scene.depot.address.parse().unwrap(), || Ok(())).unwrap();
    let between = format!("http://{}", proxy.address());
    proxy.lie(|asked, answer| {
        let at = now_plus(0);
        let claims = vec![HeldClaim { claim: thiefs_claim(), first_at: at, last_at: at }];
        let body = Claims { schema: ClaimsSchema::V1, claims }.canonical();
        asked.target.starts_with("/api/provision").then(|| Said::Answer(Answer { body, ..answer.clone() }))
    });
    let refused = scene.claim(&between, &code, &[], 1);
    assert!(
        refused.stderr.contains("THE KEY WAS EXCHANGED") && refused.stderr.contains("nothing was written"),
        "{}",
        refused.stderr
    );
    assert!(!scene.branches().contains("provision/"), "{}", scene.branches());
    drop(proxy);

    // Or at the depot itself, beside the machine's own: then both are there, the code tells which is which, and people hear of it.
    let client = Client::new(&Settings::new(&url)).unwrap();
    client.post(&paths::provision(&CARD.parse().unwrap()), &thiefs_claim().canonical(), 4096).unwrap();
    let contested = writ(&scene.house, &["provision", "mac", "--depot", &url, "--read-key", "../keys/reader.key"], 1);
    assert!(
        contested.stdout.matches("CONTESTED").count() == 2 && contested.stderr.contains("2 keys claim"),
        "{}",
        contested.stdout
    );
    scene.until("the word on the console", || scene.said("join").contains("compare the claim code"));
    let thiefs = ClaimCode::of(&public(THIEF));

    // The code was read off the screen; a slip is told from another key.
    let slip = format!("{}{}", if code.starts_with('0') { "1" } else { "0" }, &code[1..]);
    let slipped = scene.claim(&url, &slip, &[], 2);
    assert!(slipped.stderr.contains("a slip in it"), "{}", slipped.stderr);
    let head = |what: &str| {
        let out = Command::new("git").arg("-C").arg(scene.path("desk")).args(["rev-parse", what]).output().unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    let before = head("HEAD");
    let claimed = scene.claim(&url, &code, &["--mac", "00-00-5E-00-53-01"], 0);
    assert!(claimed.stderr.contains(&format!("another key claims {CARD} as well: {thiefs}")), "{}", claimed.stderr);
    assert_eq!(head("HEAD"), before, "what is checked out stays as it is");
    let status =
        Command::new("git").arg("-C").arg(scene.path("desk")).args(["status", "--porcelain", "hosts"]).output();
    assert_eq!(String::from_utf8(status.unwrap().stdout).unwrap(), "");

    // Its pull request is merged, and the next release names the machine.
    git(&scene.path("desk"), &["merge", "--quiet", &format!("provision/{}-{NAME}", scene.house.site)]);
    let named = fs::read_to_string(scene.path(&format!("desk/hosts/{}/{NAME}/key.pub", scene.house.site))).unwrap();
    assert_eq!(named.parse::<writ_trust::minisign::PublicKey>().unwrap(), key);
    // And so does what its secrets are encrypted to, which the claim carried.
    let secrets_key = scene.path("machine/state/secrets.key");
    assert_eq!(fs::metadata(&secrets_key).unwrap().permissions().mode() & 0o777, 0o600);
    let secrets_key = || fs::read_to_string(&secrets_key).unwrap();
    let kept = secrets_key();
    let recipient = kept.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    let own = scene.path(&format!("desk/hosts/{}/{NAME}", scene.house.site));
    assert!(fs::read_to_string(own.join("secrets.pub")).unwrap().ends_with(&format!("\n{recipient}\n")));
    assert!(own.join("secrets.pub.minisig").exists());
    scene.release(2);
    scene.until("the machine's place", || join.0.try_wait().unwrap().is_some());
    assert!(join.0.wait().unwrap().success(), "{}", scene.said("join"));
    assert!(scene.said("join").contains(&format!("This machine is  {NAME}  of  {}", scene.house.site)));
    assert_eq!((own_key("appliance.key"), own_key("claim/appliance.key")), (Some(key.clone()), None));
    assert!(!scene.path("machine/claim/claim.json").exists(), "it claims no more");
    assert_eq!(secrets_key(), kept, "the key for secrets stays");
    let enforce = fs::read_to_string(scene.path("machine/state/enforce.toml")).unwrap();
    assert!(enforce.contains("machine/secrets\""), "{enforce}");

    // It goes on with what was written: obeys, and its evidence arrives.
    let (mut enforcer, mut courier) = started(&scene);
    let state = scene.path("machine/state");
    let receipts = state.join("spool/inbox/receipts");
    let delivered = || fs::read_dir(&receipts).is_ok_and(|entries| entries.count() > 0);
    scene.until("evidence at the depot", delivered);
    assert!(enforcer.ended().is_none() && courier.0.try_wait().unwrap().is_none());
    let chain = evidence::read(&state.join("spool/outbox"), &scene.house.site, NAME, &key);
    assert_eq!(chain.bundles[0].chain.sequence, 1);
    assert!(chain.of(Kind::Started).next().is_some());
    let fetch = ["audit", "fetch", "--depot", &url, "--site", &scene.house.site, "--read-key", "../keys/reader.key"];
    writ(&scene.house, &[&fetch[..], &["--trust", "releases/trust/1.json", "--to", "../audit"]].concat(), 0);
    let verified =
        writ(&scene.house, &["audit", "verify", "../audit", "--trust", "releases/trust/1.json", "--json"], 0);
    let report: Value = serde_json::from_str(&verified.stdout).unwrap();
    assert!(report["bundles"].as_u64().unwrap() > 0, "{report}");
}

/// The daemons of the machine, by the configurations that its first boot wrote, and impatient.
fn started(scene: &Scene) -> (daemon::Daemon, Process) {
    let state = scene.path("machine/state");
    for folder in ["inbox", "outbox", "presence", "notices", "logs"] {
        fs::create_dir_all(state.join("spool").join(folder)).unwrap();
    }
    let add = |file: &str, more: &str| {
        let path = state.join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text + more).unwrap();
    };
    let profile = scene.path("machine/profile").display().to_string();
    add(
        "enforce.toml",
        &format!(
            "profile = \"{profile}\"\nswitch_command = \"process\"\npoll_releases = \"100ms\"\nheartbeat = \"200ms\"\n"
        ),
    );
    let store = scene.path("machine/store");
    fs::create_dir_all(&store).unwrap();
    add("sync.toml", &format!("store = \"{}\"\ncheckin = \"500ms\"\nsync = \"1s\"\n", store.display()));
    let mut enforce = program("writ-enforce");
    enforce.arg("--config").arg(state.join("enforce.toml"));
    let enforcer = scene.house.spawn(enforce);
    let said = File::create(scene.path("courier.stderr")).unwrap();
    let mut sync = program("writ-sync");
    sync.arg("--config").arg(state.join("sync.toml"));
    let courier = Process(sync.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn().unwrap());
    (enforcer, courier)
}

/// A machine believes nobody: neither a depot that gives it another's place, nor one whose release nobody signed.
#[test]
fn a_place_that_no_release_gives_is_not_taken() {
    let scene = Scene::new();
    scene.release(1);
    let proxy = Proxy::start("127.0.0.1:0", scene.depot.address.parse().unwrap(), || Ok(())).unwrap();
    let between = format!("http://{}", proxy.address());
    // The release is sound, and is of another machine.
    let site = scene.house.site.clone();
    let release = fs::read(scene.path(&format!("desk/releases/releases/{site}/1-1/release.json"))).unwrap();
    let folder = scene.path(&format!("desk/releases/releases/{site}/1-1"));
    let signatures = minisigs(&folder);
    proxy.lie(move |asked, answer| {
        let place = serde_json::json!({
            "schema": "writ.placement.v1",
            "place": {
                "site": site, "appliance": "front-desk", "roots": [],
                "release": {
                    "release": Signed {
                        document: release.clone().into(),
                        signatures: signatures.iter().map(|bytes| bytes.clone().into()).collect(),
                    },
                    "receipt": null,
                },
            },
        });
        let body = serde_json::to_vec(&place).unwrap();
        let lies = asked.method == "GET" && asked.target.contains("?key=");
        lies.then(|| Said::Answer(Answer { body, ..answer.clone() }))
    });
    let _carry = scene.machine("carry", &between);
    let mut join = scene.machine("join", &between);
    scene.until("the refusal", || scene.said("join").contains("what came is no place for this machine"));
    assert!(scene.said("join").contains("own-key"), "{}", scene.said("join"));
    assert!(join.0.try_wait().unwrap().is_none());
    assert!(!scene.path("machine/state/enforce.toml").exists() && !scene.path("machine/state/appliance.key").exists());
}

/// The signature files in a folder.
fn minisigs(folder: &Path) -> Vec<Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|e| e == "minisig")).map(|path| fs::read(path).unwrap()).collect()
}
