//! `writ plan`: proposals of planners out of evidence and of assistants out of a folder, approved by signed orders or rejected.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use writ_evidence::Kind;
use writ_evidence::records::{OrderPhase, OrderRecord, PlanRecord};
use writ_trust::digest::Digest;
use writ_trust::minisign::SecretKey;
use writ_trust::order::{Order, OrderAction};
use writ_trust::time::Time;
use writ_wire::proposal::{Proposal, ProposalSchema};

use crate::world::*;

const ALICE: u8 = 61;
const BOB: u8 = 62;

/// An audit folder with an incident of file.motd that is open, two people who order, and what lies beside it.
struct Office {
    world: World,
    incident: (u64, usize),
    beside: tempfile::TempDir,
}

struct Ran {
    said: String,
    warned: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.said).unwrap_or_else(|e| panic!("{e}: {}{}", self.said, self.warned))
    }
}

fn opened_at() -> Time {
    morning().plus_millis(HOUR)
}

impl Office {
    fn new() -> Self {
        let mut root = root_json(1, &[&signer()]);
        root["expires_at"] = "2090-01-01T00:00:00Z".into();
        root["thresholds"]["order"] = 2.into();
        for (key_of, name) in [(ALICE, "Alice"), (BOB, "Bob")] {
            root["keys"].as_array_mut().unwrap().push(json!({
                "public_key": key(key_of).public_key().line(), "name": name, "roles": ["order"], "sites": [],
                "valid_from": "2020-01-01T00:00:00Z", "valid_until": "2090-01-01T00:00:00Z", "revoked_at": null
            }));
        }
        let mut world = World::under(root);
        world.release(1, &policy(true), |_| {});
        world.started(morning());
        let incident = world.open("file.motd", opened_at());
        let office = Self { world, incident, beside: tempfile::tempdir().unwrap() };
        std::os::unix::fs::symlink(office.world.path(), office.beside("audit")).unwrap();
        fs::create_dir(office.beside("proposals")).unwrap();
        for (whose, name) in [(ALICE, "alice.key"), (BOB, "bob.key")] {
            fs::write(office.beside(name), key(whose).to_open_file().as_bytes()).unwrap();
            fs::set_permissions(office.beside(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
        office
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.beside.path().join(name)
    }

    fn incident(&self) -> String {
        format!("INC-20261123-{:04}", self.incident.0)
    }

    /// A bundle that proposes runbooks to people.
    fn propose(&mut self, number: u32, check: &str, runbooks: &[&str], at: Time) {
        self.propose_as(&format!("{}-{number}", self.incident()), check, runbooks, at);
    }

    /// The same, with whatever id an appliance says.
    fn propose_as(&mut self, request: &str, check: &str, runbooks: &[&str], at: Time) {
        let mut draft = self.world.draft(Kind::Plan);
        let said = [("check", check), ("request", request), ("rule", "plan-review")];
        draft.artifacts.outputs.extend(said.map(|(name, text)| (name.to_owned(), text.to_owned())));
        draft.plan = Some(PlanRecord {
            incident_id: self.incident().parse().unwrap(),
            planner: "writ-planner/0.1.0".into(),
            runbooks: runbooks.iter().map(|&runbook| runbook.to_owned()).collect(),
            allowed: false,
            reason: "people look at plans first: it is proposed to them (it helped before)".into(),
            transcript: None,
        });
        self.world.seal(draft, at);
    }

    /// Puts a proposal into the folder, and gives its id.
    fn queue(&self, edit: impl FnOnce(&mut Proposal)) -> String {
        let mut proposal = Proposal {
            schema: ProposalSchema::V1,
            id: String::new(),
            site: site(),
            appliance: front_desk(),
            incident: Some(self.incident()),
            check: "file.motd".into(),
            runbooks: vec!["RB-FILE-002".into()],
            reason: "it helped at the other site \u{1b}[2J".into(),
            proposed_by: "an assistant".into(),
            proposed_at: opened_at(),
        };
        edit(&mut proposal);
        proposal.id = proposal.id_of();
        fs::write(self.beside("proposals").join(proposal.file_name()), proposal.canonical()).unwrap();
        proposal.id
    }

    #[track_caller]
    fn says(&self, code: i32, arguments: &str) -> Ran {
        let mut writ = Command::new(env!("CARGO_BIN_EXE_writ"));
        writ.current_dir(self.beside.path()).args(arguments.split(' '));
        let output = writ.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let ran = Ran { said: text(&output.stdout), warned: text(&output.stderr) };
        assert_eq!(output.status.code(), Some(code), "{arguments}: {}{}", ran.said, ran.warned);
        ran
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.beside(name)).unwrap()
    }

    fn order(&self, name: &str) -> Order {
        Order::parse(&fs::read(self.beside(name)).unwrap()).unwrap()
    }
}

/// The usual policy with two runbooks more for file.motd, or one; and one that another check judges.
fn policy(both: bool) -> Vec<u8> {
    policy_json(|policy| {
        let mut more = policy["runbooks"]["RB-FILE-001"].clone();
        policy["runbooks"]["RB-FILE-002"] = more.clone();
        if both {
            policy["runbooks"]["RB-FILE-003"] = more.clone();
        }
        more["verify"] = json!(["file.tls"]);
        policy["runbooks"]["RB-TLS-001"] = more;
    })
}

const EVIDENCE: &str = "--audit audit --trust audit/trust";

#[test]
fn what_a_planner_proposes_is_reviewed_and_becomes_signed_orders() {
    let mut office = Office::new();
    let nothing = office.says(0, &format!("plan review {EVIDENCE}"));
    assert_eq!(nothing.said, "nothing waits for people\n");
    office.propose(1, "file.motd", &["RB-FILE-001"], opened_at());
    office.propose(2, "file.motd", &["RB-FILE-002", "RB-FILE-003"], opened_at().plus_millis(MINUTE));
    let id = format!("{}-2", office.incident());
    let listed = office.says(0, &format!("plan review {EVIDENCE}")).said;
    assert!(
        listed.contains(&id) && listed.contains("1 proposal waits"),
        "only the newest plan of an incident: {listed}"
    );
    assert!(listed.contains("runbooks RB-FILE-002, then RB-FILE-003\nby       writ-planner/0.1.0 at "), "{listed}");
    let json = office.says(0, &format!("plan review {EVIDENCE} --json")).json();
    assert_eq!((&json["verified"], &json["proposals"][0]["source"]), (&true.into(), &"evidence".into()), "{json}");
    let shown = office.says(0, &format!("plan show {id} {EVIDENCE}")).said;
    assert!(shown.contains("it can be approved"), "{shown}");

    let approve = format!("plan approve {id} {EVIDENCE} --key alice.key --to order.json");
    let made = office.says(0, &approve);
    assert!(made.said.contains("signed by 1 of 2; next: writ order sign order-1.json"), "{}", made.said);
    assert!(made.said.contains("publish them in this order"), "{}", made.said);
    assert!(made.warned.contains("the newest evidence of front-desk here is of "), "{}", made.warned);
    for (file, runbook) in [("order-1.json", "RB-FILE-002"), ("order-2.json", "RB-FILE-003")] {
        let order = office.order(file);
        let OrderAction::RunRunbook(run) = &order.action else { panic!("{order:?}") };
        assert_eq!((run.runbook.as_str(), run.check.as_str()), (runbook, "file.motd"));
        assert!(order.audience.includes(&front_desk()) && order.site == site());
        assert!(order.reason.starts_with(&format!("writ-planner/0.1.0 proposed it as {id}: ")), "{}", order.reason);
        let signed = office.says(0, &format!("order sign {file} --trust audit/trust --key bob.key")).said;
        assert!(signed.contains("it has all the signatures that it needs"), "{signed}");
        office.says(0, &format!("order show {file} --trust audit/trust"));
    }
    assert!(!office.beside("order.json").exists());

    // What the appliance told of them is told with the proposal; and when the incident is over, nothing waits.
    let mut draft = office.world.draft(Kind::Order);
    draft.order = Some(OrderRecord {
        digest: Digest::of(b"order"),
        action: office.order("order-1.json").action.to_string(),
        carried_out: true,
        result: "RB-FILE-002 ran 1 of 1 steps; then file.motd: fail".into(),
        phase: Some(OrderPhase::Completed),
        id: Some(office.order("order-1.json").id),
        reason: None,
        signers: vec![],
    });
    office.world.seal(draft, opened_at().plus_millis(2 * MINUTE));
    let listed = office.says(0, &format!("plan review {EVIDENCE}")).said;
    assert!(listed.contains("ordered  RB-FILE-002: carried-out "), "{listed}");
    let (opened, now) = (office.incident, opened_at());
    office.world.close("file.motd", opened, now, now.plus_millis(3 * MINUTE));
    assert_eq!(office.says(0, &format!("plan review {EVIDENCE}")).said, "nothing waits for people\n");
    office.says(1, &format!("plan show {id} {EVIDENCE}"));
}

#[test]
fn what_may_not_run_is_not_approved_and_nothing_is_written() {
    let mut office = Office::new();
    let id = format!("{}-1", office.incident());
    for (number, check, runbooks, why) in [
        (1, "file.motd", &["RB-FILE-002", "RB-NOWHERE"][..], "no runbook RB-NOWHERE"),
        (1, "file.motd", &["RB-TLS-001"], "RB-TLS-001 is not judged by file.motd"),
        (1, "file.nowhere", &["RB-FILE-002"], "no check file.nowhere"),
        (1, "file.tls", &["RB-TLS-001"], "is of check file.motd"),
    ] {
        office.propose(number, check, runbooks, opened_at().plus_millis(MINUTE));
        let refused = office.says(1, &format!("plan approve {id} {EVIDENCE} --key alice.key --to order.json"));
        assert!(refused.warned.contains(why), "{why}: {}", refused.warned);
        let shown = office.says(1, &format!("plan show {id} {EVIDENCE} --json")).json();
        assert!(shown["against"].as_array().is_some_and(|against| !against.is_empty()), "{shown}");
    }
    office.propose(1, "file.motd", &["RB-FILE-003"], opened_at().plus_millis(MINUTE));
    office.says(0, &format!("plan show {id} {EVIDENCE}"));
    // What a newer release does not have any more.
    office.world.release(2, &policy(false), |_| {});
    let refused = office.says(1, &format!("plan approve {id} {EVIDENCE} --key alice.key --to order.json"));
    assert!(refused.warned.contains("no runbook RB-FILE-003"), "{}", refused.warned);
    let unlike = office.says(1, &format!("plan approve {}-7 {EVIDENCE} --to order.json", office.incident()));
    assert!(unlike.warned.contains(&format!("did you mean `{id}`?")), "{}", unlike.warned);
    // A key that nobody trusts with orders, and none at all: the first is refused before anything is written.
    office.propose(1, "file.motd", &["RB-FILE-002"], opened_at().plus_millis(MINUTE));
    let other: SecretKey = device();
    fs::write(office.beside("other.key"), other.to_open_file().as_bytes()).unwrap();
    fs::set_permissions(office.beside("other.key"), fs::Permissions::from_mode(0o600)).unwrap();
    office.says(1, &format!("plan approve {id} {EVIDENCE} --key other.key --to order.json"));
    for wrong in
        ["plan review", "plan review --audit nowhere", "plan show x", "plan approve x --trust audit/trust --to o"]
    {
        office.says(2, wrong);
    }
    assert!(!office.beside("order.json").exists());
    let unsigned = office.says(0, &format!("plan approve {id} {EVIDENCE} --to order.json --json")).json();
    assert_eq!((&unsigned["orders"][0]["signed"], &unsigned["answered"]), (&false.into(), &Value::Null), "{unsigned}");
    // Evidence is not changed by whoever rejects what it proposes.
    let left = office.says(2, &format!("plan reject {id} {EVIDENCE} --reason no"));
    assert!(left.warned.contains("stays with people") && left.warned.contains("--proposals"), "{}", left.warned);
    let kept = format!("{EVIDENCE} --proposals proposals");
    let rejected = office.says(0, &format!("plan reject {id} {kept} --reason mended-by-hand")).said;
    assert!(rejected.contains("is rejected: mended-by-hand"), "{rejected}");
    assert_eq!(office.says(0, &format!("plan review {kept}")).said, "nothing waits for people\n");
    let name = format!("clinic-001.front-desk.{id}.json");
    let written: Value =
        serde_json::from_slice(&fs::read(office.beside("proposals/answered").join(name)).unwrap()).unwrap();
    assert_eq!((&written["answer"], &written["reason"]), (&"rejected".into(), &"mended-by-hand".into()));
}

#[test]
fn what_an_appliance_calls_its_proposal_is_no_way_out_of_the_folder() {
    let mut office = Office::new();
    let all = format!("{EVIDENCE} --proposals proposals");
    fs::write(office.beside("kept.json"), "kept").unwrap();
    for (minute, odd) in (1..).zip([
        "x/../../../kept",
        "../kept",
        "/etc/passwd",
        "INC-20261123-0099-1",
        "INC-20261123-0001-1/../../../../kept",
        "INC-20261123-0001-\u{1b}[2J",
        "INC-20261123-0001-",
    ]) {
        office.propose_as(odd, "file.motd", &["RB-FILE-001"], opened_at().plus_millis(minute * MINUTE));
        let listed = office.says(1, &format!("plan review {all} --json"));
        let json = listed.json();
        assert_eq!((&json["proposals"], &json["unusable_plans"]), (&json!([]), &1.into()), "{odd:?}: {json}");
        assert!(listed.warned.contains("left out: 1 plan in evidence"), "{odd:?}: {}", listed.warned);
        assert!(!listed.warned.contains('\u{1b}') && !listed.said.contains('\u{1b}'), "{odd:?}");
        office.says(1, &format!("plan approve {odd} {all} --to order.json"));
        office.says(1, &format!("plan reject {odd} {all} --reason no"));
        assert_eq!(office.read("kept.json"), b"kept", "{odd:?}");
        assert!(!office.beside("proposals/answered").exists() && !office.beside("order.json").exists(), "{odd:?}");
    }
    // Of another appliance nothing is said; and a plan with a name of its own waits again.
    office.says(0, &format!("plan review {all} --appliance back-office"));
    office.propose(1, "file.motd", &["RB-FILE-001"], opened_at().plus_millis(10 * MINUTE));
    assert!(office.says(0, &format!("plan review {all}")).said.contains("1 proposal waits"));
}

#[test]
fn a_plan_of_evidence_is_answered_once_and_who_was_cut_off_goes_on() {
    let mut office = Office::new();
    office.propose(1, "file.motd", &["RB-FILE-002", "RB-FILE-003"], opened_at());
    let id = format!("{}-1", office.incident());
    let all = format!("{EVIDENCE} --proposals proposals");
    let approve = format!("plan approve {id} {all} --key alice.key --to");
    // What is in the way is said while nothing is written down.
    fs::write(office.beside("order-2.json"), "another").unwrap();
    office.says(1, &format!("{approve} order.json"));
    assert!(!office.beside("order-1.json").exists() && !office.beside("proposals/answered").exists());
    fs::remove_file(office.beside("order-2.json")).unwrap();

    office.says(0, &format!("{approve} order.json"));
    let made = [office.read("order-1.json"), office.read("order-2.json")];
    // As if it had been cut off between the two, and then again into other files: the same orders, which an appliance takes once.
    fs::remove_file(office.beside("order-2.json")).unwrap();
    let again = office.says(0, &format!("{approve} order.json"));
    assert!(again.warned.contains("these are the same orders again"), "{}", again.warned);
    assert_eq!([office.read("order-1.json"), office.read("order-2.json")], made);
    office.says(0, &format!("{approve} other.json"));
    assert_eq!([office.read("other-1.json"), office.read("other-2.json")], made);
    let listed = office.says(0, &format!("plan review {all}")).said;
    assert!(listed.contains("answered approved 20"), "{listed}");
    let shown = office.says(0, &format!("plan show {id} {all}")).said;
    assert!(shown.contains("makes the same orders"), "{shown}");
    let over = office.says(1, &format!("plan reject {id} {all} --reason no"));
    assert!(over.warned.contains("was answered already"), "{}", over.warned);

    // The same name for something else: the orders of the first are not those of the second.
    office.propose(1, "file.motd", &["RB-FILE-003", "RB-FILE-002"], opened_at().plus_millis(MINUTE));
    let other = office.says(1, &format!("{approve} third.json"));
    assert!(other.warned.contains("it is of another plan of this name"), "{}", other.warned);
    office.says(1, &format!("plan reject {id} {all} --reason no"));
    assert!(!office.beside("third-1.json").exists());
}

#[test]
fn a_proposal_of_the_folder_is_answered_once_and_who_was_cut_off_goes_on() {
    let office = Office::new();
    let all = format!("{EVIDENCE} --proposals proposals");
    let waits = |id: &str| office.beside("proposals").join(format!("{id}.json"));
    let approved = office.queue(|_| ());
    let text = fs::read(waits(&approved)).unwrap();
    office.says(0, &format!("plan approve {approved} {all} --key alice.key --to order.json"));
    let made = office.read("order.json");
    // As if it had been cut off before the proposal was taken away.
    fs::write(waits(&approved), &text).unwrap();
    assert!(office.says(0, &format!("plan review {all}")).said.contains("answered approved 20"));
    office.says(1, &format!("plan reject {approved} {all} --reason no"));
    assert!(waits(&approved).exists());
    office.says(0, &format!("plan approve {approved} {all} --key alice.key --to order.json"));
    assert!(!waits(&approved).exists() && office.read("order.json") == made);

    let rejected = office.queue(|proposal| proposal.reason = "another".into());
    let text = fs::read(waits(&rejected)).unwrap();
    office.says(0, &format!("plan reject {rejected} {all} --reason stale"));
    fs::write(waits(&rejected), &text).unwrap();
    let refused = office.says(1, &format!("plan approve {rejected} {all} --to no.json"));
    assert!(refused.warned.contains("it was answered: rejected 20"), "{}", refused.warned);
    let again = office.says(0, &format!("plan reject {rejected} {all} --reason other")).said;
    assert!(again.contains("is rejected: stale") && !waits(&rejected).exists(), "{again}");

    // What lies there in place of an answer is none, and nothing is written over it.
    let damaged = office.queue(|proposal| proposal.reason = "a third".into());
    let answer = office.beside("proposals/answered").join(format!("{damaged}.json"));
    let other = fs::read_to_string(answer.with_file_name(format!("{approved}.json"))).unwrap();
    let schema = r#"{"schema":"writ.proposal-answered.v1"}"#;
    for odd in ["", "{}", "[]", schema, &other, &other.replace(&approved, &damaged).replace("approved", "\u{1b}[2J")] {
        fs::write(&answer, odd).unwrap();
        let refused = office.says(1, &format!("plan approve {damaged} {all} --to no.json"));
        assert!(refused.warned.contains("nobody can say how") && !refused.warned.contains('\u{1b}'), "{odd}");
        office.says(1, &format!("plan reject {damaged} {all} --reason no"));
        assert_eq!(fs::read_to_string(&answer).unwrap(), odd);
    }
    assert!(waits(&damaged).exists() && !office.beside("no.json").exists());
}

#[test]
fn a_folder_of_proposals_is_taken_for_hostile() {
    let office = Office::new();
    let good = office.queue(|_| ());
    let whichever = office.queue(|proposal| proposal.incident = None);
    let moot = office.queue(|proposal| proposal.incident = Some("INC-20261123-0099".into()));
    let all = format!("{EVIDENCE} --proposals proposals");
    let listed = office.says(0, &format!("plan review {all}")).said;
    assert!(listed.contains("3 proposals wait") && listed.contains("a proposal that nobody signed"), "{listed}");
    assert!(!listed.contains('\u{1b}') && listed.contains("\\u{1b}[2J"), "{listed}");
    let shown = office.says(1, &format!("plan show {moot} {all} --json")).json();
    assert!(shown["against"][0].as_str().unwrap().contains("INC-20261123-0099 is not open"), "{shown}");
    // Without evidence nobody can say.
    let alone = office.says(0, &format!("plan show {good} --proposals proposals")).said;
    assert!(alone.contains("give --audit"), "{alone}");

    let made = office.says(0, &format!("plan approve {good} {all} --key alice.key --to order.json --json")).json();
    assert_eq!(
        (&made["orders"][0]["file"], &made["orders"][0]["runbook"]),
        (&"order.json".into(), &"RB-FILE-002".into())
    );
    assert!(!office.beside("proposals").join(format!("{good}.json")).exists(), "it does not wait any more");
    let answered = office.beside("proposals/answered").join(format!("{good}.json"));
    let written: Value = serde_json::from_slice(&fs::read(&answered).unwrap()).unwrap();
    assert_eq!(
        (&written["answer"], &written["orders"][0]),
        (&"approved".into(), &made["orders"][0]["id"]),
        "{written}"
    );
    assert_eq!(written["proposal"]["runbooks"], json!(["RB-FILE-002"]));
    office.says(0, &format!("plan approve {whichever} {all} --key alice.key --to other.json"));
    let rejected = office.says(0, &format!("plan reject {moot} --proposals proposals --reason stale --json")).json();
    assert_eq!(rejected["proposal"]["id"], moot.as_str(), "{rejected}");
    office.says(2, &format!("plan reject {moot} --proposals proposals --reason {}", "x".repeat(5000)));
    office.says(1, &format!("plan reject {moot} --proposals proposals --reason stale"));

    // None of these is a proposal, and none is followed, waited for, or shown with what it commands a terminal to do.
    let id = office.queue(|proposal| proposal.reason = "another".into());
    let text = fs::read_to_string(office.beside("proposals").join(format!("{id}.json"))).unwrap();
    let put = |name: &str, text: &str| fs::write(office.beside("proposals").join(name), text).unwrap();
    put("P-1111111111111111.json", &text);
    put(&format!("{good}.json"), &text.replace("RB-FILE-002", "../../etc/passwd"));
    put(
        "P-2222222222222222.json",
        &text.replace("\"reason\":", "\"parameters\":{\"path\":\"/etc/shadow\"},\"reason\":"),
    );
    put("P-3333333333333333.json", &"[".repeat(10_000));
    put("P-4444444444444444.json", &"x".repeat(1 << 20));
    put("P-\u{1b}[2J.json", "{}");
    std::os::unix::fs::symlink("/etc/passwd", office.beside("proposals/P-5555555555555555.json")).unwrap();
    fs::create_dir(office.beside("proposals/P-6666666666666666.json")).unwrap();
    put("notes.txt", "not looked at");
    let listed = office.says(1, &format!("plan review {all} --json"));
    let json = listed.json();
    assert_eq!(
        (json["proposals"].as_array().unwrap().len(), json["unusable"].as_array().unwrap().len()),
        (1, 8),
        "{json}"
    );
    assert!(!listed.warned.contains('\u{1b}'), "{}", listed.warned);
    office.says(2, "plan review --proposals nowhere");
}
