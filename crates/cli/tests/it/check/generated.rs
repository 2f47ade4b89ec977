//! Trees at random: two baselines that overlap, three rule families, and sites whose appliances add, override and except
//! whatever they may, so that hardly two of them are alike.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::tree::copy;

/// Numbers that look random and are the same on every run (SplitMix64, by Sebastiano Vigna).
pub struct Chance(pub u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// True about once in `n` times.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }

    fn some<'a>(&mut self, of: &[&'a str]) -> Vec<&'a str> {
        of.iter().copied().filter(|_| self.once_in(2)).collect()
    }

    fn at_least_one<'a>(&mut self, of: &[&'a str]) -> Vec<&'a str> {
        let chosen = self.some(of);
        if chosen.is_empty() { vec![self.one(of)] } else { chosen }
    }
}

const CHECKS: [&str; 6] = ["c0", "c1", "c2", "c3", "c4", "c5"];
const OWN: [&str; 3] = ["own0", "own1", "own2"];
const CONTROLS: [&str; 4] = ["K0", "K1", "K2", "K3"];
const RUNBOOKS: [&str; 4] = ["RB0", "RB1", "RB2", "RB3"];
const FAMILIES: [&str; 3] = ["f0", "f1", "f2"];
const SEVERITIES: [&str; 4] = ["\"critical\"", "\"high\"", "\"medium\"", "\"low\""];

fn list(names: &[&str]) -> String {
    format!("[ {} ]", names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(" "))
}

fn check(chance: &mut Chance, id: &str, controls: &[&str]) -> String {
    let severity = if chance.once_in(2) { chance.one(&SEVERITIES) } else { "null" };
    format!(
        "checks.\"{id}\" = writ.check {{ title = \"{id}\"; probe.file = {{ path = \"/{id}\"; }};
           expect.size_bytes.le = {}; every = \"{}m\"; severity = {severity}; controls = {}; }};\n",
        chance.below(9) + 1,
        chance.below(5) + 1,
        list(controls),
    )
}

fn rule(chance: &mut Chance, id: &str) -> String {
    let checks = [&CHECKS[..], &OWN[..]].concat();
    let response = if chance.once_in(4) {
        "escalate = { to = \"L3\"; why = \"W\"; };".to_owned()
    } else {
        format!("run = \"{}\";", chance.one(&[&RUNBOOKS[..], &["OWN-RB"]].concat()))
    };
    format!(
        "rules.\"{id}\" = writ.rule {{ title = \"{id}\"; when.check = \"{}\"; {response} priority = {}; controls = {}; }};\n",
        chance.one(&checks),
        chance.below(100) + 1,
        list(&chance.at_least_one(&CONTROLS)),
    )
}

fn runbook(chance: &mut Chance, id: &str) -> String {
    format!(
        "runbooks.\"{id}\" = writ.runbook {{ title = \"{id}\"; version = \"1.0\"; verify = {};
           steps = [ {{ id = \"s\"; step = \"systemd.start\"; parameters = {{ unit = \"{id}.service\"; }}; timeout = \"9s\"; }} ]; }};\n",
        list(&chance.at_least_one(&CHECKS)),
    )
}

fn duty(chance: &mut Chance, id: &str) -> String {
    let every = chance.below(90) + 1;
    format!(
        "duties.\"{id}\" = writ.duty {{ title = \"{id}\"; cadence.every = \"{every}d\"; by = \"B\"; attach = \"A\"; }};\n"
    )
}

fn exception(chance: &mut Chance, id: &str) -> String {
    let subject = match chance.once_in(2) {
        true => format!("check = \"{}\";", chance.one(&[&CHECKS[..], &OWN[..]].concat())),
        false => format!("control = \"{}\";", chance.one(&CONTROLS)),
    };
    let (approved, expires) = (chance.below(28) + 1, chance.below(28) + 1);
    format!(
        "exceptions.\"{id}\" = writ.exception {{ {subject} reason = \"R\"; risk = \"R\"; compensating = \"C\"; owner = \"O\";
           approved_by = \"A\"; approval = \"sha256:{}\"; approved_at = \"2026-11-{approved:02}T00:00:00Z\";
           expires = \"2026-12-{expires:02}T00:00:00Z\"; }};\n",
        "0".repeat(64),
    )
}

/// One override, of anything that may be there.
fn overriding(chance: &mut Chance) -> String {
    let checks = [&CHECKS[..], &OWN[..]].concat();
    let rule = format!("R-{}-{}", chance.one(&FAMILIES), chance.below(3));
    let (path, value) = match chance.below(9) {
        0 => (format!("controls.{}.severity", chance.one(&CONTROLS)), chance.one(&SEVERITIES).to_owned()),
        1 => (format!("controls.{}.checks", chance.one(&CONTROLS)), list(&chance.at_least_one(&checks))),
        2 => (format!("checks.{}.severity", chance.one(&checks)), chance.one(&SEVERITIES).to_owned()),
        3 => (format!("checks.{}.expect.size_bytes.le", chance.one(&checks)), chance.below(50).to_string()),
        4 => (format!("rules.{rule}.run"), format!("\"{}\"", chance.one(&RUNBOOKS))),
        5 => (format!("rules.{rule}.when.check"), format!("\"{}\"", chance.one(&checks))),
        6 => (format!("runbooks.{}.version", chance.one(&RUNBOOKS)), format!("\"{}.0\"", chance.below(9))),
        7 => ("duties.d0.by".to_owned(), "\"somebody else\"".to_owned()),
        _ => ("settings.evidence_budget_mb".to_owned(), (chance.below(900) + 100).to_string()),
    };
    format!("overrides.{path} = writ.override {{ value = {value}; reason = \"R\"; }};\n")
}

/// Up to `most` overrides, each of another value.
fn overrides(chance: &mut Chance, most: u64) -> String {
    let mut by_path = std::collections::BTreeMap::new();
    for _ in 0..chance.below(most + 1) {
        let one = overriding(chance);
        by_path.insert(one.split(" = ").next().unwrap_or_default().to_owned(), one);
    }
    by_path.into_values().collect()
}

/// What one appliance adds.
pub fn appliance(chance: &mut Chance) -> String {
    let mut text = format!("rule_families = {};\n", list(&chance.some(&FAMILIES)));
    for id in chance.some(&OWN) {
        let controls = chance.some(&CONTROLS);
        text += &check(chance, id, &controls);
    }
    if chance.once_in(3) {
        text += &rule(chance, "OWN-RULE");
    }
    if chance.once_in(3) {
        text += &runbook(chance, "OWN-RB");
    }
    if chance.once_in(3) {
        text += &duty(chance, "own-duty");
    }
    if chance.once_in(2) {
        text += &exception(chance, "EX-OWN");
    }
    text += &overrides(chance, 4);
    format!("{{ writ, ... }}: writ.appliance {{ programs = {};\n{text}}}\n", list(&chance.some(&["p", "q"])))
}

/// What one site says.
pub fn site(chance: &mut Chance) -> String {
    let mut text = String::new();
    for baseline in chance.at_least_one(&["a", "b"]) {
        let _ = writeln!(text, "baselines.{baseline} = \"1\";");
    }
    let _ = writeln!(text, "rule_families = {};", list(&chance.some(&FAMILIES)));
    if chance.once_in(2) {
        text += &exception(chance, "EX-SITE");
    }
    text += &overrides(chance, 3);
    format!(
        "{{ writ, ... }}: writ.site {{ title = \"S {}\"; time_zone = \"Etc/UTC\"; approvers = [ \"A\" ]; contacts = [ \"c@example\" ];\n{text}}}\n",
        chance.below(1000),
    )
}

fn baseline(chance: &mut Chance, checks: &[&str], settings: &str) -> (String, String) {
    let mut items = String::new();
    // Every other check names controls itself: of this baseline, of the other, or of neither.
    for (id, controls) in checks.iter().zip([&CONTROLS[..0], &CONTROLS[1..3]].into_iter().cycle()) {
        items += &check(chance, id, controls);
    }
    for id in chance.at_least_one(&CONTROLS) {
        let (severity, of) = (chance.one(&SEVERITIES), list(&chance.at_least_one(checks)));
        let _ = writeln!(
            items,
            "controls.{id} = writ.control {{ title = \"{id}\"; coverage = \"automated\"; severity = {severity}; checks = {of}; }};"
        );
    }
    items += &duty(chance, "d0");
    let head = format!(
        "{{ writ, ... }}: writ.baseline {{ title = \"B\"; version = \"1\"; files = [ ./items.nix ]; settings = {{ {settings} }}; }}\n"
    );
    (head, format!("{{ writ, ... }}: {{\n{items}}}\n"))
}

/// Writes a tree with this many sites of two appliances each to `root`.
pub fn lay(chance: &mut Chance, root: &Path, sites: usize) {
    let write = |file: &str, text: &str| {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../modules/policy"), &root.join("modules/policy"));
    write("baselines/default.nix", "{ a = ./a; b = ./b; }\n");
    let settings = "sla = { critical = \"4h\"; high = \"8h\"; medium = \"3d\"; low = \"7d\"; };
        escalation.l1_failures = { critical = 3; high = 2; medium = 3; low = 3; };
        retention = { evidence = \"6y\"; logs = \"365d\"; };";
    for (name, checks) in [("a", &CHECKS[..4]), ("b", &CHECKS[2..])] {
        let (head, items) = baseline(chance, checks, settings);
        write(&format!("baselines/{name}/default.nix"), &head);
        write(&format!("baselines/{name}/items.nix"), &items);
    }
    let families = FAMILIES.map(|family| format!("families.{family} = ./{family}.nix;")).join(" ");
    write("rules/default.nix", &format!("{{ {families} runbooks = [ ./runbooks/all.nix ]; }}\n"));
    for family in FAMILIES {
        let rules: String = (0..3).map(|i| rule(chance, &format!("R-{family}-{i}"))).collect();
        write(&format!("rules/{family}.nix"), &format!("{{ writ, ... }}: {{\n{rules}}}\n"));
    }
    let runbooks: String = RUNBOOKS.iter().map(|id| runbook(chance, id)).collect();
    write("rules/runbooks/all.nix", &format!("{{ writ, ... }}: {{\n{runbooks}}}\n"));
    for n in 0..sites {
        write(&format!("hosts/site-{n:03}/site.nix"), &site(chance));
        for name in ["left", "right"] {
            write(&format!("hosts/site-{n:03}/{name}/policy.nix"), &appliance(chance));
        }
    }
}
