//! `writ notify` and `writ ack`: a real depot, a mail server that is not ours, and sinks for webhook and pager. Time goes by where
//! the state is given other times.

#[path = "../../../../notify/tests/it/servers.rs"]
mod servers;

mod kills;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};

use serde_json::Value;
use writ_wire::notice::{Notice, NoticeEvent, NoticeSchema};

use self::servers::{Mail, Sink, header};
use crate::depot::{Appliance, Depot, now, wait};
use crate::desk::{Desk, Pattern, SITE};

const CONTACTS: &str = r#"contacts = {
    on-call = { person = "Kim Lee"; role = "primary"; email = "on-call@msp.example"; phone = "+1 555 0100"; answers_within = "15m"; };
    stand-in = { person = "Jonas Weber"; role = "secondary"; email = "stand-in@msp.example"; answers_within = "15m"; };
    boss = { person = "Paula Brandt"; role = "manager"; email = "boss@msp.example"; answers_within = "30m"; };
  };
  escalation.route = { critical = [ "on-call" "stand-in" ]; high = [ "on-call" "stand-in" ]; medium = [ ]; low = [ ]; };
  quiet_hours.severities = [ ];
  notify.hook = { kind = "webhook"; secret = writ.secret "hook-url"; severities = [ "critical" ]; events = [ "escalated" "release" ]; };
  notify.pager = { kind = "pagerduty"; secret = writ.secret "pager-key"; severities = [ "critical" ]; events = [ "escalated" ]; };
  secrets = [ "hook-url" "pager-key" ];"#;

/// A desk with a released policy and a depot that has it, an appliance that lives, and servers.
struct World {
    desk: Desk,
    depot: Depot,
    appliance: Appliance,
    mail: Mail,
    hook: Sink,
    pager: Sink,
    number: std::cell::Cell<u64>,
}

impl World {
    fn new() -> Self {
        static SITED: Pattern = Pattern::new();
        let desk = SITED.copy(|| {
            let desk = Desk::logged();
            fs::remove_dir_all(desk.path(&format!("flake/hosts/{SITE}/back-office"))).unwrap();
            desk.edit(&format!("hosts/{SITE}/site.nix"), "contacts = [ \"on-call@msp.example\" ];", CONTACTS);
            desk
        });
        let depot = Depot::start(&desk, "depot");
        desk.release_to("draft-1", &depot.url);
        let mut appliance = Appliance::new(&desk, &depot.url);
        appliance.obey(&desk, 1);
        appliance.deliver(1);
        appliance.beat(now(), Some(3));
        let (hook, pager) = (Sink::start(), Sink::start());
        fs::create_dir_all(desk.path(&format!("secrets/{SITE}"))).unwrap();
        for (name, text) in [
            ("hook-url", format!("{}/hook\n", hook.url)),
            ("hook.whsec", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n".into()),
            ("pager-key", "0123456789abcdef0123456789abcdef\n".into()),
        ] {
            let path = format!("secrets/{SITE}/{name}");
            desk.put(&path, text);
            fs::set_permissions(desk.path(&path), fs::Permissions::from_mode(0o600)).unwrap();
        }
        let mail = Mail::plain(&desk.path("mail"));
        Self { desk, depot, appliance, mail, hook, pager, number: 0.into() }
    }

    /// Lays the secrets as systemd lays credentials.
    fn handed_over(&self) {
        fs::create_dir(self.desk.path("credentials")).unwrap();
        for name in ["hook-url", "hook.whsec", "pager-key"] {
            let to = self.desk.path(&format!("credentials/{SITE}.{name}"));
            fs::copy(self.desk.path(&format!("secrets/{SITE}/{name}")), &to).unwrap();
            fs::set_permissions(&to, fs::Permissions::from_mode(0o440)).unwrap();
        }
    }

    fn says(&self, event: NoticeEvent, id: &str, severity: &str) {
        self.number.set(self.number.get() + 1);
        self.appliance.notify(&Notice {
            schema: NoticeSchema::V1,
            site: SITE.parse().unwrap(),
            appliance: "front-desk".parse().unwrap(),
            public_key: self.appliance.public_key(),
            number: self.number.get(),
            at: now(),
            event,
            incident_id: Some(id.into()),
            check: Some("file.motd".into()),
            title: "The message of the day".into(),
            severity: Some(severity.into()),
            target: "self".into(),
            controls: vec!["A.1".into()],
            route: vec![],
            due_at: Some(now().plus_millis(12 * 3_600_000)),
            answer_by: None,
            reasons: vec!["no rule answers it".into()],
        });
    }

    fn arguments(&self, more: &[&str]) -> Vec<String> {
        let text = format!(
            "notify --depot {} --site {SITE} --read-key keys/reader.key --trust first-root.json --state notifier \
             --secrets secrets --smtp smtp+plain://127.0.0.1:{} --from writ@msp.example --pagerduty-url {}/v2/enqueue",
            self.depot.url, self.mail.port, self.pager.url
        );
        text.split_whitespace().chain(more.iter().copied()).map(str::to_owned).collect()
    }

    /// One round; what it said where not all has gone.
    #[track_caller]
    fn round(&self, code: i32) -> String {
        let arguments = self.arguments(&["--once"]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.desk.expect(&arguments, code).1
    }

    fn state(&self) -> Value {
        serde_json::from_slice(&self.desk.read("notifier/state.json")).unwrap()
    }

    /// As many minutes go by for the incidents as the state knows them, and all lines have rested.
    fn minutes(&self, minutes: i64) {
        let mut state = self.state();
        let earlier = |value: &mut Value| {
            if let Some(text) = value.as_str() {
                let at: writ_trust::time::Time = text.parse().unwrap();
                *value = at.plus_millis(-minutes * 60_000).to_string().into();
            }
        };
        for (_, incident) in state["incidents"].as_object_mut().unwrap() {
            earlier(&mut incident["handed_at"]);
            earlier(&mut incident["told"]["updated_at"]);
            for call in incident["told"]["calls"].as_array_mut().unwrap() {
                earlier(&mut call["at"]);
            }
        }
        state["lines"] = serde_json::json!({});
        self.desk.put("notifier/state.json", state.to_string());
    }

    /// The recipients and subjects of what was taken since the last look.
    fn mailed(&self, from: usize) -> Vec<String> {
        let of = |mail: &String| {
            format!("{}: {}", header(mail, "x-rcpt").split('@').next().unwrap(), header(mail, "subject"))
        };
        self.mail.mails()[from..].iter().map(of).collect()
    }

    fn events(&self) -> Vec<String> {
        let action =
            |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["event_action"].as_str().unwrap().to_owned();
        self.pager.came().iter().map(|came| action(&came.body)).collect()
    }

    fn hooked(&self) -> Vec<String> {
        let kind =
            |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["data"]["kind"].as_str().unwrap().to_owned();
        self.hook.came().iter().map(|came| kind(&came.body)).collect()
    }
}

const CALLED: &str = "[critical] clinic-001/front-desk: The message of the day";

#[test]
fn people_are_told_by_every_way_once_until_somebody_answers_and_of_the_end() {
    let world = World::new();
    world.round(0);
    assert!(world.mail.mails().is_empty());
    world.says(NoticeEvent::Escalated, "INC-20261128-0001", "critical");
    world.round(0);
    assert_eq!(world.mailed(0), [format!("on-call: {CALLED}")]);
    assert_eq!((world.events(), world.hooked()), (vec!["trigger".to_owned()], vec!["call-0".to_owned()]));
    world.round(0);
    world.minutes(16);
    world.round(0);
    assert_eq!(world.mailed(1), [format!("stand-in: {CALLED}")]);
    let listed = world.desk.ok(&["ack", "--state", "notifier"]);
    assert!(listed.contains("on-call, stand-in") && listed.contains("nobody has answered"), "{listed}");

    let ack = ["ack", "INC-20261128-0001", "--state", "notifier", "--by", "Kim Lee", "--note", "on my way"];
    world.desk.refused(&["ack", "INC-20261128-0009", "--state", "notifier", "--by", "Kim Lee"]);
    world.desk.could_not(&["ack", "--state", "keys"]);
    world.desk.ok(&ack);
    world.round(0);
    world.minutes(60);
    world.round(0);
    let told = world.mailed(2);
    assert_eq!(told.len(), 2, "both hear it, and the manager is not called: {told:?}");
    assert!(told.iter().all(|line| line.contains("acknowledged: ")), "{told:?}");
    assert!(world.mail.mails()[2].contains("Kim Lee has it since") && world.mail.mails()[2].contains("on my way"));
    assert_eq!(world.events(), ["trigger", "acknowledge"]);
    assert!(world.desk.ok(&ack).contains("Kim Lee has it since"));
    let journal = String::from_utf8(world.desk.read("notifier/journal.jsonl")).unwrap();
    assert!(journal.contains("\"what\":\"acknowledged\"") && journal.contains("by Kim Lee (command)"), "{journal}");

    world.says(NoticeEvent::Closed, "INC-20261128-0001", "critical");
    world.round(0);
    world.round(0);
    let told = world.mailed(4);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|line| line.contains("resolved: ")), "{told:?}");
    assert_eq!(world.events(), ["trigger", "acknowledge", "resolve"]);
    assert_eq!(world.hooked(), ["call-0", "call-1", "acknowledged", "resolved"]);
    world.desk.refused(&ack);
    world.desk.ok(&["ack", "INC-20261128-0001", "--state", "notifier", "--by", "Kim Lee", "--report"]);
    world.round(0);
    assert!(world.desk.ok(&["ack", "--state", "notifier"]).contains("no report is missing"));
}

#[test]
fn what_does_not_work_is_said_and_holds_up_nothing_else() {
    let world = World::new();
    world.round(0);
    // The pager is busy, the webhook refuses: mail goes, and the loss is loud.
    world.pager.answer(&["429 x\r\nRetry-After: 60", "500 x"]);
    world.hook.answer(&["410 x"]);
    world.says(NoticeEvent::Escalated, "INC-1", "critical");
    let said = world.round(1);
    assert!(said.contains("pager clinic-001/pager") && said.contains("429") && said.contains("tried again"), "{said}");
    assert!(said.contains("CANNOT BE TOLD") && said.contains("410") && !said.contains(&world.hook.url), "{said}");
    assert_eq!(world.mailed(0), [format!("on-call: {CALLED}")]);
    world.round(1);
    assert_eq!(world.pager.came().len(), 1, "it asked to be left alone");
    world.minutes(0);
    world.round(1);
    world.minutes(0);
    world.round(0);
    assert_eq!(world.events(), ["trigger", "trigger", "trigger"]);
    assert_eq!(world.hook.came().len(), 1, "what is refused is not sent again");

    // A secret that others can read is none.
    let key = world.desk.path(&format!("secrets/{SITE}/pager-key"));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    world.says(NoticeEvent::Escalated, "INC-2", "critical");
    let said = world.round(1);
    assert!(said.contains("others can read it"), "{said}");
    // Unless systemd hands it over: flat, and with rights that show as a group's.
    world.handed_over();
    let secrets = world.desk.path("credentials");
    let arguments = world.arguments(&["--once"]);
    let arguments =
        arguments.iter().map(|argument| if argument == "secrets" { secrets.to_str().unwrap() } else { argument });
    let arguments: Vec<&str> = arguments.collect();
    world.minutes(0);
    let said = world.desk.command(&arguments).env("CREDENTIALS_DIRECTORY", &secrets).output().unwrap();
    assert_eq!(said.status.code(), Some(0), "{}", String::from_utf8_lossy(&said.stderr));
    assert_eq!(world.events().len(), 4);
    // A notice that a depot made up is nobody's, and is told. And a depot that is gone is noticed.
    let url = world.depot.url.clone();
    drop(world.depot);
    let smtp = format!("smtp+plain://127.0.0.1:{}", world.mail.port);
    let once = [
        "notify",
        "--once",
        "--depot",
        &url,
        "--site",
        SITE,
        "--read-key",
        "keys/reader.key",
        "--trust",
        "first-root.json",
        "--state",
        "notifier",
        "--smtp",
        &smtp,
        "--from",
        "writ@msp.example",
    ];
    let output = world.desk.run(&once);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let mut state: Value = serde_json::from_slice(&world.desk.read("notifier/state.json")).unwrap();
    let since = state["since"].as_object_mut().unwrap();
    assert_eq!(since.len(), 1, "{since:?}");
    for (_, at) in since.iter_mut() {
        *at = now().plus_millis(-600_000).to_string().into();
    }
    world.desk.put("notifier/state.json", state.to_string());
    let before = world.mail.mails().len();
    world.desk.ok(&once);
    let last = world.mail.mails()[before..].to_vec();
    assert_eq!(last.len(), 1, "{last:?}");
    assert!(header(&last[0], "subject").contains("the depot does not answer"), "{last:?}");
}

/// Who is called next waits for no depot: this one takes the question and says nothing.
#[test]
fn a_depot_that_says_nothing_holds_up_no_call() {
    let world = World::new();
    world.round(0);
    world.says(NoticeEvent::Escalated, "INC-1", "critical");
    world.round(0);
    assert_eq!(world.mailed(0), [format!("on-call: {CALLED}")]);
    world.minutes(16);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    silent.set_nonblocking(true).unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let arguments = world.arguments(&["--once"]);
    let arguments = arguments.iter().map(|argument| if *argument == world.depot.url { &url } else { argument });
    let arguments: Vec<&str> = arguments.map(String::as_str).collect();
    let mut command = world.desk.command(&arguments);
    let mut running = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let asked = wait(|| silent.accept().ok());
    // Before the depot was asked for anything.
    assert_eq!(world.mailed(1), [format!("stand-in: {CALLED}")]);
    assert!(running.0.try_wait().unwrap().is_none(), "it did not wait for the answer");
    drop((asked, silent));
    running.0.wait().unwrap();
    assert_eq!(world.mailed(2), [""; 0]);
}

/// A notifier that stays; ended when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ask(at: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: ack.example\r\nContent-Length: 0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_link_answers_when_its_button_is_pressed_and_not_before() {
    let world = World::new();
    let heart = Sink::start();
    heart.answer(&["500 x"]);
    let beats = format!("{}/ping", heart.url);
    let more =
        ["--every", "1s", "--listen", "127.0.0.1:0", "--link-base", "https://ack.example", "--heartbeat-url", &beats];
    let arguments = world.arguments(&more);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = fs::File::create(world.desk.path("notifier.out")).unwrap();
    world.says(NoticeEvent::Escalated, "INC-20261128-0001", "critical");
    let running = Running(world.desk.command(&arguments).stdout(said).stderr(Stdio::null()).spawn().unwrap());
    let at = wait(|| {
        let said = fs::read_to_string(world.desk.path("notifier.out")).unwrap();
        said.lines().find_map(|line| Some(line.strip_prefix("http://")?.trim_end_matches('/').to_owned()))
    });
    let mail = wait(|| world.mail.mails().into_iter().next());
    let link = mail.lines().find_map(|line| line.strip_prefix("Answer: https://ack.example")).unwrap().to_owned();
    let shown = ask(&at, &format!("GET {link}"));
    assert!(shown.starts_with("HTTP/1.1 200") && shown.contains("The message of the day"), "{shown}");
    assert!(
        shown.contains("<button>on-call has it</button>") && shown.contains("default-src &#39;none&#39;")
            || shown.contains("default-src 'none'"),
        "{shown}"
    );
    let forged = format!("{}x", &link[..link.len() - 1]);
    for request in [
        format!("POST {forged}"),
        format!("GET {forged}"),
        "GET /".to_owned(),
        "POST /a/".to_owned(),
        "GET /a/../state.json".to_owned(),
    ] {
        let answer = ask(&at, &request);
        assert!(answer.starts_with("HTTP/1.1 404"), "{request}: {answer}");
    }
    assert!(world.desk.ok(&["ack", "--state", "notifier"]).contains("nobody has answered"), "a look is no answer");
    assert_eq!(fs::read_dir(world.desk.path("notifier/answers")).unwrap().count(), 0);
    let answered = ask(&at, &format!("POST {link}"));
    assert!(
        answered.starts_with("HTTP/1.1 200") && answered.contains("on-call has it. Nobody else is called."),
        "{answered}"
    );
    wait(|| world.desk.ok(&["ack", "--state", "notifier"]).contains("on-call has it").then_some(()));
    wait(|| (world.events() == ["trigger", "acknowledge"]).then_some(()));
    wait(|| (heart.came().len() >= 2).then_some(()));
    assert!(heart.came().iter().all(|came| came.target == "GET /ping"));
    drop(running);
    world.minutes(100);
    world.round(0);
    assert_eq!(world.mailed(0).len(), 1, "nobody else is called");
}

#[test]
fn only_what_an_appliance_of_the_release_has_signed_is_told() {
    let world = World::new();
    world.round(0);
    let stranger = writ_trust::minisign::SecretKey::generate(&[99; 40]);
    let line = crate::depot::Line::to(&world.depot);
    let forge = move |key: writ_trust::minisign::PublicKey| {
        let notice = Notice {
            schema: NoticeSchema::V1,
            site: SITE.parse().unwrap(),
            appliance: "front-desk".parse().unwrap(),
            public_key: key,
            number: 7,
            at: now(),
            event: NoticeEvent::Escalated,
            incident_id: Some("INC-9".into()),
            check: None,
            title: "Send money".into(),
            severity: Some("critical".into()),
            target: "self".into(),
            controls: vec![],
            route: vec![],
            due_at: None,
            answer_by: None,
            reasons: vec![],
        };
        let signed = notice.sign(&stranger).unwrap();
        writ_wire::notices::Notices { schema: writ_wire::notices::NoticesSchema::V1, notices: vec![signed] }.canonical()
    };
    let (own, other) =
        (world.appliance.public_key(), writ_trust::minisign::SecretKey::generate(&[98; 40]).public_key());
    let mut world = world;
    world.depot.url = line.url.clone();
    let shown = forge(other);
    line.lie(
        move |target, code, body| {
            if target.starts_with("/api/notices/") { (code, shown.clone()) } else { (code, body) }
        },
    );
    world.round(0);
    assert!(world.mail.mails().is_empty(), "of a key that is nobody's");
    let shown = forge(own);
    line.lie(
        move |target, code, body| {
            if target.starts_with("/api/notices/") { (code, shown.clone()) } else { (code, body) }
        },
    );
    world.round(0);
    let told = world.mailed(0);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("notices are shown that do not hold"), "{told:?}");
    line.lie(
        |target, code, body| if target.starts_with("/api/notices/") { (code, b"{".to_vec()) } else { (code, body) },
    );
    world.round(0);
    assert_eq!(world.mailed(0).len(), 1, "once");
}
