//! The mistakes that people make. `«…»` in the new text is what the caret must point at, in the order of the findings.

use super::tree::{Tree, run};

const FILES: &str = "baselines/small/files.nix";
const DISKS: &str = "baselines/small/disks.nix";
const RULES: &str = "rules/files.nix";
const RUNBOOKS: &str = "rules/runbooks/files.nix";
const SITE: &str = "hosts/clinic-001/site.nix";
const DESK: &str = "hosts/clinic-001/front-desk/policy.nix";
const OFFICE: &str = "hosts/clinic-001/back-office/policy.nix";

/// A file, what stands there, and what is written instead.
type Edit = (&'static str, &'static str, &'static str);
/// The codes of the findings in order, and the edits that cause them.
type Case = (&'static [&'static str], &'static [Edit]);

const CASES: &[Case] = &[
    // Shape.
    (&["unknown-field"], &[(FILES, "expect.mode.eq", "«expcet».mode.eq")]),
    (&["unknown-field"], &[(FILES, "title = \"Files are", "«tittle» = \"Files are")]),
    (&["unknown-field"], &[(RUNBOOKS, "id = \"restore\"", "id = \"restore\"; «udno» = null")]),
    (&["unknown-operator"], &[(FILES, "expect.mode.eq", "expect.mode.«equals»")]),
    (&["missing-field"], &[(DISKS, "\"A.3\"", "«\"A.3\"»"), (DISKS, "title = \"People are trained\";", "")]),
    (&["missing-field"], &[(SITE, "\"EX-001\"", "«\"EX-001\"»"), (SITE, "owner = \"Sam Okafor\";", "")]),
    (
        &["missing-field"],
        &[(RUNBOOKS, "\"RB-FILE-001\"", "«\"RB-FILE-001\"»"), (RUNBOOKS, "verify = [ \"file.motd\" ];", "")],
    ),
    (&["wrong-type"], &[(FILES, "every = \"5m\"", "every = «\"5min\"»")]),
    (&["wrong-type"], &[(RULES, "controls = [ \"A.1\" ]", "controls = «[ ]»")]),
    (&["unknown-name"], &[(FILES, "severity = \"high\"", "severity = «\"hihg\"»")]),
    (&["unknown-version"], &[(SITE, "small = \"1\"", "small = «\"2\"»")]),
    (&["unknown-name"], &[(SITE, "rule_families = [ \"files\" ]", "rule_families = [ \"files\" «\"fiels\"» ]")]),
    (&["wrong-constructor"], &[(FILES, "\"A.1\" = writ.control", "«\"A.1\"» = writ.rule")]),
    // References.
    (&["dangling-reference"], &[(FILES, "\"file.shadow\" ];", "\"file.shadow\" «\"file.shadwo\"» ];")]),
    (&["dangling-reference"], &[(RULES, "check = \"file.motd\"", "check = «\"file.modt\"»")]),
    (&["dangling-reference"], &[(RULES, "run = \"RB-FILE-001\"", "run = «\"RB-FILE-01\"»")]),
    (&["dangling-reference"], &[(RULES, "controls = [ \"A.1\" ]", "controls = [ \"A.1\" «\"A.11\"» ]")]),
    (&["dangling-reference"], &[(RUNBOOKS, "verify = [ \"file.motd\"", "verify = [ \"file.motd\" «\"file.mtod\"»")]),
    (&["dangling-reference"], &[(SITE, "check = \"disk.root\"", "check = «\"disk.rot\"»")]),
    (&["dangling-reference"], &[(SITE, "checks = [ \"file.motd\" ]", "checks = [ «\"file.mot\"» ]")]),
    // Probes and steps.
    (&["unknown-probe"], &[(FILES, "probe.file = {", "probe.«fiel» = {")]),
    (&["unknown-parameter"], &[(FILES, "{ path = \"/etc/motd\"", "{ «pth» = \"/etc/motd\"")]),
    (&["missing-parameter"], &[(FILES, "probe.file = { path = \"/etc/motd\"; }", "probe.«file» = { }")]),
    (&["wrong-parameter"], &[(FILES, "{ path = \"/etc/motd\"", "{ path = «5»")]),
    (&["unknown-step"], &[(RUNBOOKS, "step = \"file.restore\"", "step = «\"file.restor\"»")]),
    (&["missing-parameter"], &[(RUNBOOKS, "parameters = { path = \"/etc/motd\"; ", "«parameters» = { ")]),
    (&["unknown-parameter"], &[(RUNBOOKS, "{ path = \"/etc/shadow\"; mode", "{ path = \"/etc/shadow\"; «moed»")]),
    // Predicates.
    (&["unknown-observation"], &[(FILES, "expect.mode.eq", "expect.«mod».eq")]),
    (&["unknown-observation"], &[(FILES, "{ mode.eq = \"0640\"; owner.eq", "{ mode.eq = \"0640\"; «ownr».eq")]),
    (&["unknown-observation"], &[(RULES, "observation.mode.ne", "observation.«mdoe».ne")]),
    (&["unknown-observation"], &[(DISKS, "inodes_available_percent.ge", "«inodes_free_percent».ge")]),
    (&["operator-not-applicable"], &[(FILES, "expect.mode.eq = \"0644\"", "expect.mode.«ge» = 5")]),
    (&["wrong-operand"], &[(FILES, "expect.mode.eq = \"0644\"", "expect.mode.eq = «644»")]),
    (&["wrong-operand"], &[(FILES, "expect.mode.eq = \"0644\"", "expect.mode.matches = «\"06(4\"»")]),
    (&["impossible-predicate"], &[(DISKS, "available_percent.ge = 5;", "available_percent = { ge = 5; le = «4»; };")]),
    (&["impossible-predicate"], &[(FILES, "\"in\" = [ \"file\" \"symlink\" ]", "\"in\" = «[ ]»")]),
    (
        &["impossible-predicate"],
        &[(FILES, "mode.eq = \"0640\"; owner", "mode.eq = \"0640\"; mode.ne = «\"0640\"»; owner")],
    ),
    // Values found through names bound in the file, and in overrides.
    (&["wrong-operand"], &[(DISKS, "ge = 15", "ge = 15; available_percent.lt = «\"15\"»")]),
    (&["wrong-operand"], &[(DESK, "value = 10", "value = «\"10\"»")]),
    (
        &["unknown-name"],
        &[(DESK, "\"disk.root\".expect.available_percent.ge", "«\"disk.rot\"».expect.available_percent.ge")],
    ),
    // Rules that collide.
    (
        &["overlapping-rules"],
        &[
            (RULES, "check = \"file.shadow\";\n      observation.mode.ne = \"0640\";", "check = \"file.motd\";"),
            (RULES, "run = \"RB-FILE-002\";\n    priority = 100", "run = \"RB-FILE-002\";\n    priority = «100»"),
        ],
    ),
    // Completeness.
    (
        &["control-checks", "unused-check", "unused-check", "unused-check"],
        &[
            (FILES, "  checks.\"file.motd\"", "  checks.«\"file.motd\"»"),
            (FILES, "  checks.\"file.shadow\"", "  checks.«\"file.shadow\"»"),
            (DESK, "\"unit.sshd\"", "«\"unit.sshd\"»"),
            (DESK, "controls = [ \"A.2\" ];", ""),
            (FILES, "checks = [ \"file.motd\" \"file.shadow\" ]", "checks = «[ ]»"),
        ],
    ),
    (&["control-not-assessed"], &[(DISKS, "\"A.2\"", "«\"A.2\"»"), (DISKS, "not_assessed = \"Other disks.\";", "")]),
    (
        &["control-procedure"],
        &[(DISKS, "\"A.3\"", "«\"A.3\"»"), (DISKS, "procedure = \"Once a year; signed lists are kept.\";", "")],
    ),
    (&["unused-check"], &[(DESK, "\"unit.sshd\"", "«\"unit.sshd\"»"), (DESK, "controls = [ \"A.2\" ];", "")]),
    (
        &["unused-runbook"],
        &[(
            OFFICE,
            "{ }",
            "{\n  runbooks.«\"RB-X\"» = writ.runbook {\n    title = \"x\"; version = \"1\"; verify = [ \"file.motd\" ];\n    steps = [ { id = \"a\"; step = \"systemd.start\"; parameters.unit = \"a.service\"; timeout = \"1s\"; } ];\n  };\n}",
        )],
    ),
    // Bounds.
    (&["out-of-bounds"], &[(FILES, "every = \"5m\"", "every = «\"500ms\"»")]),
    (&["out-of-bounds"], &[(RUNBOOKS, "timeout = \"10s\"", "timeout = «\"2h\"»")]),
    // Exceptions.
    (&["unknown-approver"], &[(SITE, "approved_by = \"Dr. Ruth Alvarez\"", "approved_by = «\"Dr. Ruth Alvares\"»")]),
    (&["expired-exception"], &[(SITE, "\"2027-03-01T00:00:00Z\"", "«\"2026-10-01T00:00:00Z\"»")]),
    (&["exception-order"], &[(SITE, "\"2027-03-01T00:00:00Z\"", "«\"2026-08-01T00:00:00Z\"»")]),
    (&["exception-subject"], &[(SITE, "\"EX-001\"", "«\"EX-001\"»"), (SITE, "check = \"disk.root\";", "")]),
    (&["exception-too-long"], &[(SITE, "\"2027-03-01T00:00:00Z\"", "«\"2029-09-01T00:00:00Z\"»")]),
    // Rules that never run.
    (
        &["shadowed-rule"],
        &[(
            RULES,
            "check = \"file.shadow\";\n      observation.mode.ne = \"0640\";\n    };\n    run = \"RB-FILE-002\";\n    priority = 100",
            "check = \"file.motd\";\n      observation.mode.ne = \"0640\";\n    };\n    run = \"RB-FILE-002\";\n    priority = «50»",
        )],
    ),
    (
        &["rule-never-matches"],
        &[(
            RULES,
            "{ check = \"file.motd\"; }",
            "{ check = \"file.motd\"; observation = «{ mode.eq = \"0644\"; kind.eq = \"file\"; }»; }",
        )],
    ),
    (
        &["rule-run"],
        &[(RULES, "run = \"RB-FILE-001\";", "run = \"RB-FILE-001\"; escalate = «{ to = \"L3\"; why = \"w\"; }»;")],
    ),
    (&["rule-run"], &[(RULES, "\"L1-FILE-002\"", "«\"L1-FILE-002\"»"), (RULES, "run = \"RB-FILE-002\";", "")]),
    // Duties.
    (&["dangling-reference"], &[(DISKS, "duties = [ \"training\" ]", "duties = [ «\"trainign\"» ]")]),
    (&["control-duties"], &[(DISKS, "\"A.3\"", "«\"A.3\"»"), (DISKS, "duties = [ \"training\" ];", "")]),
    (&["duty-cadence"], &[(DISKS, "cadence.every = \"365d\"", "cadence = «{ within = \"1d\"; }»")]),
    // Secrets and programs.
    (
        &["unknown-secret"],
        &[(RUNBOOKS, "path = \"/etc/motd\"; mode = \"0644\"", "path = \"/etc/motd\"; mode = writ.secret «\"bakup\"»")],
    ),
    (
        &["unknown-program"],
        &[(RUNBOOKS, "path = \"/etc/motd\"; mode", "path = \"/etc/motd\"; source = writ.program «\"motd\"»; mode")],
    ),
    // The site.
    (&["unknown-time-zone"], &[(SITE, "\"America/New_York\"", "«\"America/NewYork\"»")]),
    (
        &["unknown-contact"],
        &[(SITE, "  probation =", "  escalation.route.critical = [ «\"onkall\"» ];\n  probation =")],
    ),
    (
        &["wrong-window"],
        &[(
            SITE,
            "  probation =",
            "  maintenance.windows = [ { days = [ \"sun\" ]; from = \"02:00\"; to = «\"02:00\"»; allows = [ \"switch\" ]; } ];\n  probation =",
        )],
    ),
    (
        &["conflicting-overrides"],
        &[
            (
                SITE,
                "  probation =",
                "  overrides.checks.\"disk.root\".expect.available_percent.ge = writ.override { value = 12; reason = \"r\"; };\n  probation =",
            ),
            (DESK, ".ge = writ.override {", ".ge = «writ.override {»"),
        ],
    ),
    // Nix itself.
    (&["nix-error"], &[(FILES, "writ.control", "writ.«contol»")]),
    (&["nix-error"], &[(DISKS, "limit //", "«limt» //")]),
    (&["nix-error"], &[(FILES, "\"in\" =", "«in» =")]),
];

#[test]
fn each_mistake_is_found_at_its_exact_place() {
    let wrong: Vec<String> = CASES.iter().filter_map(|case| judge(case).err()).collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
}

fn judge((codes, edits): &Case) -> Result<(), String> {
    let tree = Tree::new();
    for (file, from, to) in *edits {
        tree.edit(file, from, to);
    }
    let mut files: Vec<&str> = edits.iter().map(|(file, ..)| *file).collect();
    files.sort_unstable();
    files.dedup();
    let mut expected = Vec::new();
    for file in files {
        let text = tree.read(file);
        expected
            .extend(marked(&text).into_iter().map(|(line, column, length)| (file.to_owned(), line, column, length)));
        tree.write(file, &text.replace(['«', '»'], ""));
    }
    let expected: Vec<String> = codes.iter().zip(expected).map(|(code, place)| format!("{code} {place:?}")).collect();
    let output = run(&tree, &["--format", "json"]);
    let found: Vec<String> = output
        .findings()
        .iter()
        .map(|f| {
            let at = &f["at"];
            let number = |key: &str| at[key].as_u64().unwrap_or_default() as usize;
            let file = at["file"].as_str().unwrap_or_default().to_owned();
            let place = (file, number("line"), number("column"), number("length"));
            format!("{} {place:?}", f["code"].as_str().unwrap())
        })
        .collect();
    if expected == found && !expected.is_empty() {
        Ok(())
    } else {
        Err(format!("{edits:?}\n  expected {expected:#?}\n  found {found:#?}"))
    }
}

/// Line, column and length in bytes of each marked text.
fn marked(text: &str) -> Vec<(usize, usize, usize)> {
    let mut places = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if let (Some(from), Some(to)) = (line.find('«'), line.find('»')) {
            let column = line[..from].chars().count() + 1;
            places.push((number + 1, column, to - from - '«'.len_utf8()));
        }
    }
    places
}
