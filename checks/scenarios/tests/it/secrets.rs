//! Secrets from the desk to the program that uses them: they arrive, and nothing else holds one, in any spelling. The program
//! prints all it was given; what the appliance keeps of that is searched byte by byte, as are the desk's history, what it
//! published, and all that the depot has.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use writ_scenarios::appliance::{Appliance, Supply};
use writ_scenarios::container;
use writ_scenarios::depot::Depot;
use writ_scenarios::network::{HUB, Network};
use writ_scenarios::run;
use writ_scenarios::workshop::{SITE, Workshop};
use writ_trust::json::canonical;

use crate::house::policy::with_rules_version;
use crate::house::{House, program};

const HOST: &str = "hosts/clinic-001/front-desk";
/// What stands in the place of a secret.
const TAG: &str = "[scrubbed:secret]";

/// A program that tells everybody what it was given, and fails; and what makes the appliance run it once.
const LEAK: &str = r#"    "leak" = minimalSystem.script "leak" ''
      value=$($b cat)
      echo "raw $value"
      echo "the service said: wrong key $value" >&2
      $b printf %s "$value" | $b base64
      $b printf 'ab%s-and-more' "$value" | $b base64 >&2
      $b printf %s "$value" | $b hexdump -ve '1/1 "%02x"' >&2
      echo "https://service.example/?key=$value" >&2
      : > /etc/canary
      exit 7
    '';
"#;
const RULE: &str = r#"  checks."canary.file" = writ.check {
    title = "The canary is there";
    probe.file = { path = "/etc/canary"; };
    expect.exists.eq = true;
    every = "1m";
    severity = "medium";
    controls = [ "164.312(c)(1)" ];
  };
  rules."L1-CANARY-001" = writ.rule {
    title = "The canary is gone";
    when = { check = "canary.file"; };
    run = "RB-CANARY-001";
    priority = 100;
    attempts = 1;
    cooldown = "1m";
    controls = [ "164.312(c)(1)" ];
  };
  runbooks."RB-CANARY-001" = writ.runbook {
    title = "Call a service that tells everything";
    version = "1.0";
    steps = [
      {
        id = "call";
        step = "exec";
        parameters = { program = writ.program "leak"; secret = writ.secret "api-key"; };
        timeout = "10s";
      }
    ];
    verify = [ "canary.file" ];
  };

"#;

/// A secret that stands nowhere by chance.
fn canary() -> String {
    let bytes = fs::read("/proc/sys/kernel/random/uuid").unwrap();
    let other = fs::read("/proc/sys/kernel/random/uuid").unwrap();
    let text = String::from_utf8([bytes, other].concat()).unwrap();
    format!("k{}Z", text.replace(['-', '\n'], ""))
}

/// The spellings that are searched for: by code of its own, and not by what takes them out.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let hex = |upper: bool| -> String {
        secret.bytes().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") }).collect()
    };
    let mut all = vec![secret.to_owned(), hex(false), hex(true), secret.chars().rev().collect()];
    all.push(secret.bytes().map(|byte| format!("%{byte:02X}")).collect());
    for before in ["", "a", "ab"] {
        let mut base64 = Command::new("base64");
        let child = base64.arg("-w0").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        child.stdin.take().unwrap().write_all(format!("{before}{secret}").as_bytes()).unwrap();
        let text = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        // What stands before and behind changes the letters at both ends.
        let inner = text.trim_end().trim_end_matches('=');
        let inner = &inner[4..inner.len() - 4];
        all.extend([inner.to_owned(), inner.replace('+', "-").replace('/', "_")]);
    }
    // As much of each as two lines of a dump would share.
    all.into_iter().map(|text| text.as_bytes()[..text.len().min(24)].to_vec()).collect()
}

/// Everything that is searched, with a name for each piece. White space is nothing: encoders break lines.
struct Search {
    /// The spellings, a line for each, in a folder that is not searched.
    needles: tempfile::NamedTempFile,
    found: Vec<String>,
    /// How many bytes were looked at.
    bytes: u64,
}

impl Search {
    fn of(secrets: &[&str]) -> Self {
        let needles = tempfile::NamedTempFile::new().unwrap();
        let lines: Vec<Vec<u8>> = secrets.iter().flat_map(|secret| spellings(secret)).collect();
        fs::write(needles.path(), lines.join(&b'\n')).unwrap();
        Self { needles, found: Vec::new(), bytes: 0 }
    }

    /// Whether a spelling stands in what this command writes.
    fn stands_in(&self, script: &str, argument: &Path) -> bool {
        let mut search = Command::new("sh");
        search.arg("-c").arg(format!("{{ {script}; }} 2>/dev/null | tr -d '[:space:]' | grep -qaFf \"$2\""));
        match search.arg("sh").arg(argument).arg(self.needles.path()).status().unwrap().code() {
            Some(0) => true,
            Some(1) => false,
            code => panic!("{script} {}: {code:?}", argument.display()),
        }
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        if self.stands_in("cat \"$1\"", file.path()) {
            self.found.push(name.to_owned());
        }
    }

    /// Every file below a folder, or a file; and their names.
    fn folder(&mut self, folder: &Path) {
        let mut size = Command::new("du");
        let size = run::any(size.args(["-sb"]).arg(folder)).unwrap();
        let size = String::from_utf8(size.stdout).unwrap();
        self.bytes += size.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or_default();
        if !self.stands_in("find \"$1\"; find \"$1\" -type f -exec cat {} +", folder) {
            return;
        }
        let mut names = Command::new("grep");
        let names = run::any(names.arg("-rlaFf").arg(self.needles.path()).arg(folder)).unwrap();
        let names: Vec<String> = String::from_utf8_lossy(&names.stdout).lines().map(str::to_owned).collect();
        self.found.extend(if names.is_empty() { vec![folder.display().to_string()] } else { names });
    }

    fn command(&mut self, name: &str, command: &mut Command) {
        let output = run::any(command).unwrap();
        assert!(output.status.success(), "{name}: {}", run::both(&output));
        self.bytes(name, &output.stdout);
        self.bytes(name, &output.stderr);
    }
}

struct World {
    desk: Workshop,
    depot: Depot,
    appliance: Appliance,
    data: PathBuf,
    _network: Network,
}

impl World {
    /// A desk that sets these secrets by the real command, and an appliance that obeys its release.
    fn with(dir: &Path, secrets: &[(&str, &str)]) -> Self {
        let mut desk = Workshop::open(&dir.join("desk")).unwrap();
        desk.logged = true;
        desk.make_keys().unwrap();
        for appliance in ["front-desk", "back-office"] {
            desk.enrol(appliance).unwrap();
        }
        desk.enrol_for_secrets("front-desk").unwrap();
        let names: Vec<String> = secrets.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let site = format!("hosts/{SITE}/site.nix");
        desk.edit(&site, "secrets = [ \"backup\" ];", &format!("secrets = [ {} ];", names.join(" "))).unwrap();
        desk.edit(
            &format!("{HOST}/policy.nix"),
            "\"activate\" \"connector.conf\"",
            "\"activate\" \"leak\" \"connector.conf\"",
        )
        .unwrap();
        let exception = "  exceptions.\"EX-2026-002\"";
        desk.edit(&format!("{HOST}/policy.nix"), exception, &format!("{RULE}{exception}")).unwrap();
        let renew = "    \"renew-certificate\" = renewCertificate;\n";
        desk.edit(&format!("{HOST}/system.nix"), renew, &format!("{renew}{LEAK}")).unwrap();
        for (name, value) in secrets {
            set(&desk, name, value);
        }
        desk.commit("The front desk has secrets").unwrap();
        desk.make_trust_root().unwrap();

        let mut network = Network::new("secrets").unwrap();
        let namespace = network.join("front-desk").unwrap();
        let data = dir.join("depot");
        let depot = Depot::start(&desk, &data, "0.0.0.0:8080", Some(&network)).unwrap();
        desk.release_to_depot("http://127.0.0.1:8080", |writ| network.at_hub(writ)).unwrap();
        let supply = Supply::Depot { url: &format!("http://{HUB}:8080"), namespace: &namespace };
        let appliance = Appliance::boot(&desk, "front-desk", &dir.join("root"), supply).unwrap();
        appliance.start().unwrap();
        appliance.start_courier().unwrap();
        Self { desk, depot, appliance, data, _network: network }
    }

    /// Everything but what is meant to hold them: the appliance's memory, and what it lays out there.
    fn searched(&self, secrets: &[&str]) -> Search {
        let mut search = Search::of(secrets);
        search.folder(&self.desk.dir);
        let mut objects = Command::new("git");
        objects.current_dir(self.desk.flake()).args(["cat-file", "--batch", "--batch-all-objects"]);
        search.command("the history", &mut objects);
        for store_path in self.closure() {
            search.folder(Path::new(&store_path));
        }
        search.folder(&self.data);
        search.bytes("the depot's log", self.depot.said().as_bytes());
        for folder in ["/var/lib/writ", "/var/log", "/etc", "/tmp", "/var/tmp", "/root"] {
            search.folder(&self.appliance.container.path(folder));
        }
        let mut inside = |program: &str, arguments: &[&str]| {
            search.command(program, &mut self.appliance.container.command(program, arguments));
        };
        inside("journalctl", &["--no-pager", "-o", "export"]);
        // Of the folders in memory, all but the one that is for them.
        inside("sh", &["-c", "find /run /tmp /dev/shm -xdev -type f ! -path '/run/writ/secrets/*' -exec cat {} +"]);
        inside("sh", &["-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; true"]);
        search
    }

    /// The paths of the closures that were published.
    fn closure(&self) -> Vec<String> {
        let documents = self.desk.releases().join("documents");
        let files = fs::read_dir(documents).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
        let closures = files.filter_map(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
        let paths = closures.filter_map(|closure| closure["paths"].as_array().cloned()).flatten();
        paths.map(|path| path["path"].as_str().unwrap().to_owned()).collect()
    }
}

/// Sets a secret by its standard input.
fn set(desk: &Workshop, name: &str, value: &str) {
    let mut command = program("writ");
    command.args(["secret", "set", "--site", SITE, name, "--appliance", "front-desk", "--tree"]).arg(desk.flake());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(value.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", run::both(&output));
    assert!(!run::both(&output).contains(value));
}

#[test]
fn a_secret_reaches_its_program_and_nothing_else() {
    crate::house::needs_root();
    container::available().expect("the scenarios boot containers: root and systemd-nspawn are needed");
    let dir = tempfile::Builder::new().prefix("writ-secrets-").tempdir().unwrap();
    let (key, backup) = (canary(), canary());
    let world = World::with(dir.path(), &[("api-key", &key), ("backup", &backup)]);

    // age knows nothing of us.
    let mut age = Command::new("age");
    age.args(["-d", "-i"]).arg(world.desk.keys().join("front-desk.secrets.key"));
    age.arg(world.desk.flake().join(HOST).join("secrets/backup.age"));
    assert_eq!(run::checked(&mut age).unwrap(), backup);

    let closed = world
        .appliance
        .await_bundle(0, "the end of the incident", |found| {
            found.text(&["kind"]) == "incident-closed" && found.text(&["incident", "check"]) == "canary.file"
        })
        .unwrap();
    let action = &closed.json["actions_taken"][0];
    assert_eq!(action["exit_code"], 7, "{action}");
    for (output, words) in [("stdout_excerpt", ["raw ", TAG]), ("stderr_excerpt", ["wrong key ", TAG])] {
        let said = action[output].as_str().unwrap();
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    }
    // Raw and as base64; raw, as base64 within more, as hexadecimal and in an address.
    let count = |output: &str| action[output].as_str().unwrap().matches(TAG).count();
    assert_eq!((count("stdout_excerpt"), count("stderr_excerpt")), (2, 4), "{action}");

    // Units find it in memory, root's alone.
    let inside = |program: &str, arguments: &[&str]| world.appliance.run(program, arguments).unwrap();
    assert_eq!(inside("cat", &["/run/writ/secrets/backup"]), backup);
    let modes = inside(
        "stat",
        &["-c", "%a %U %n", "/run/writ/secrets", "/run/writ/secrets/api-key", "/run/writ/secrets/backup"],
    );
    assert!(
        modes.lines().zip(["700 root", "600 root", "600 root"]).all(|(line, mode)| line.starts_with(mode)),
        "{modes}"
    );

    // What was told is with the depot, and so searched there.
    let name = closed.file.file_name().unwrap().to_str().unwrap().replace(".json", ".receipt.json");
    let receipt = world.appliance.inbox().join("receipts").join(name);
    world.appliance.await_inside("the receipt of what was told", || Ok(receipt.exists().then_some(()))).unwrap();
    let search = world.searched(&[&key, &backup]);
    assert_eq!(search.found, [""; 0]);
    assert!(search.bytes > 1 << 20, "{} bytes were searched", search.bytes);

    // The search finds what is there: each spelling, and in each of the places.
    let planted =
        [world.desk.dir.join("planted"), world.data.join("planted"), world.appliance.outbox().join("planted")];
    for (n, spelling) in spellings(&backup).iter().enumerate() {
        let mut search = Search::of(&[&backup]);
        fs::write(&planted[n % 3], [b"some words, ".as_slice(), spelling, b" and more"].concat()).unwrap();
        search.folder(planted[n % 3].parent().unwrap());
        assert_eq!(search.found, [planted[n % 3].display().to_string()], "spelling {n} is not found");
        fs::remove_file(&planted[n % 3]).unwrap();
    }
    fs::write(world.desk.flake().join("leak.txt"), &key).unwrap();
    world.desk.commit("A secret by mistake").unwrap();
    fs::remove_file(world.desk.flake().join("leak.txt")).unwrap();
    world.desk.commit("And gone").unwrap();
    assert!(world.appliance.run("logger", &["--", &backup]).is_ok());
    let found = world.searched(&[&key, &backup]).found;
    for place in ["the history", "journalctl"] {
        assert!(found.iter().any(|name| name == place), "{place}: {found:?}");
    }
}

/// What is encrypted to another machine is given to nobody, and the check that needs it says which and why.
#[test]
fn a_secret_that_cannot_be_decrypted_is_told_by_name() {
    let house = House::new();
    let mut identity = program("writ");
    identity.args(["secret", "identity", "--key"]).arg(house.path("etc/secrets.key"));
    identity.arg("--signed-by").arg(house.path("etc/appliance.key")).arg("--out").arg(house.path("etc"));
    run::checked(&mut identity).unwrap();
    assert_eq!(fs::metadata(house.path("etc/secrets.key")).unwrap().permissions().mode() & 0o777, 0o600);
    let other = run::checked(&mut Command::new("age-keygen")).unwrap();
    let other = other.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().to_owned();
    let own = fs::read_to_string(house.path("etc/secrets.pub")).unwrap();
    let own = own.lines().find(|line| line.starts_with("age1")).unwrap().to_owned();
    for (serial, to, fits) in [(1, own, true), (2, other, false)] {
        let mut sealing = Command::new("sh");
        sealing.args(["-c", "printf %s 'correct horse battery' | age -r \"$0\" | base64 -w0", &to]);
        let mut policy = writ_policy::policy::upgrade(house.policy());
        policy["secrets"] = json!(["ehr"]);
        policy["sealed"] = json!({ "ehr": run::checked(&mut sealing).unwrap() });
        policy["checks"]["backup.recent"] = json!({
            "title": "Backups are recent", "expect": { "age_seconds": { "le": 93600 } }, "prefer": null, "every": "1h",
            "probe": { "restic": { "repository": "/nowhere", "password": { "secret": "ehr" } } }, "target": "self",
            "severity": "high", "cites": [], "declared_at": { "file": "hosts/test/policy.nix", "line": 1 },
        });
        let bytes = canonical(&with_rules_version(policy));
        house.publish(&house.release_of(serial, &bytes, None));
        let ran = house.once();
        assert_eq!(house.obeys(), Some(format!("1-{serial}")), "{}", ran.stderr);
        let told: String = fs::read_dir(house.outbox())
            .unwrap()
            .map(|entry| String::from_utf8_lossy(&fs::read(entry.unwrap().path()).unwrap()).into_owned())
            .collect();
        let said = format!("{}{}{told}", ran.stdout, ran.stderr);
        assert!(!said.contains("horse"), "{said}");
        let why = "the secret `ehr` cannot be decrypted here: it is encrypted to another key than this appliance's";
        assert_eq!((ran.stderr.contains(why), told.contains(why)), (!fits, !fits), "{said}");
    }
}
