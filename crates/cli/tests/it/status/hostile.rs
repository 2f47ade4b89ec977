//! The courier is nobody, and texts of a policy are anybody's: whatever they say, nothing paints on the terminal or the page.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::serving::Server;
use crate::doctor::house::House;

/// What would clear a terminal, turn the writing, end an element, or run.
const PAINTED: &str =
    "\u{1b}[2J\u{1b}[32mwell\nwell\u{202e}</style><script>alert(1)</script><img src=x onerror=alert(1)>";

#[test]
fn whatever_a_courier_writes_status_answers() {
    let mut house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    house.courier(&[], |_| {});
    let status = house.path("sync/status.json");
    let put: [(&str, &dyn Fn()); 5] = [
        ("a pipe", &|| mknodat(CWD, &status, FileType::Fifo, Mode::RUSR, 0).unwrap()),
        ("a link", &|| symlink("/etc/shadow", &status).unwrap()),
        ("a sea of bytes", &|| fs::File::create(&status).unwrap().set_len(1 << 40).unwrap()),
        ("no JSON", &|| fs::write(&status, b"\xff\x1b[2J").unwrap()),
        ("deep JSON", &|| fs::write(&status, "[".repeat(60_000)).unwrap()),
    ];
    for (what, put) in put {
        fs::remove_file(&status).unwrap();
        put();
        let report = super::says(&house, 1, "needs-person", &["[courier-status]", "nobody delivers it"]);
        assert!(report["queue"]["undelivered"].is_null(), "{what}: {report}");
    }
    fs::remove_file(&status).unwrap();
    let jobs = serde_json::json!({ "check-in": {
        "problem": PAINTED, "kind": PAINTED, "rule": PAINTED, "failures": 1_u64 << 52, "done_at": "9999-12-31T23:59:59Z",
    } });
    let said = serde_json::json!({
        "pid": 1, "not_vouched": PAINTED, "jobs": jobs, "clock_offset_ms": -(1_i64 << 52), "waiting": 1_u64 << 53,
        "refused": 1_u64 << 53, "unreadable": 1_u64 << 53, "at": "1970-01-01T00:00:00Z",
    });
    fs::write(&status, said.to_string()).unwrap();
    for arguments in [&[][..], &["--json"]] {
        let said = house.status(arguments);
        assert_eq!(said.code, Some(1), "{}", said.stderr);
        assert!(!said.stdout.contains(['\u{1b}', '\u{202e}']), "{:?}", said.stdout);
        assert!(!said.stdout.contains("\nwell"), "{:?}", said.stdout);
        assert!(!said.stdout.contains("checked in 0 s ago"), "a check-in to come is none: {:?}", said.stdout);
    }
}

/// The same through the page: every text stands there, and none of it is markup.
#[test]
fn what_anybody_says_stands_on_the_page_as_text() {
    let mut house = House::new();
    let mut policy = house.policy();
    policy["settings"]["title"] = PAINTED.into();
    policy["checks"]["file.motd"]["title"] = PAINTED.into();
    policy["controls"]["164.312(c)(1)"]["title"] = PAINTED.into();
    policy["settings"]["escalation"]["contacts"] = serde_json::json!([PAINTED]);
    let mut enforcer = house.enforcing(&policy);
    house.break_it();
    crate::doctor::house::run(&mut enforcer, &policy);
    house.courier(&[], |status| status.not_vouched = Some(PAINTED.into()));
    let server = Server::of(&house);
    let page = server.get("/");
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.matches("&#60;script&#62;alert(1)").count() >= 4, "{}", page.body);
    let lower = page.body.to_ascii_lowercase();
    for markup in ["<script", "<img", " onerror=\"", "javascript:", "\u{1b}", "\u{202e}"] {
        assert!(!lower.contains(markup), "{markup}: {}", page.body);
    }
    assert_eq!(lower.matches("</style>").count(), 1, "{}", page.body);
    assert!(!server.get("/status.json").body.contains('\u{1b}'));
}

/// The file is root's; even so, what is in it is text.
#[test]
fn whatever_the_file_is_the_page_answers() {
    let house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    let server = Server::of(&house);
    let file = house.path("page.json");
    let good = fs::read_to_string(&file).unwrap();
    let put: [(&str, &dyn Fn()); 7] = [
        ("nothing", &|| {}),
        ("a pipe", &|| mknodat(CWD, &file, FileType::Fifo, Mode::RUSR, 0).unwrap()),
        ("a link", &|| symlink("/etc/passwd", &file).unwrap()),
        ("a sea of bytes", &|| fs::File::create(&file).unwrap().set_len(1 << 40).unwrap()),
        ("no JSON", &|| fs::write(&file, b"\xff<script>").unwrap()),
        ("deep JSON", &|| fs::write(&file, "[".repeat(60_000)).unwrap()),
        ("another schema", &|| fs::write(&file, good.replace("writ.status.v1", "writ.status.v9")).unwrap()),
    ];
    for (what, put) in put {
        fs::remove_file(&file).unwrap();
        put();
        let page = server.get("/");
        assert_eq!(page.status, 503, "{what}: {}", page.body);
        assert!(
            page.body.contains("There is no status to show") && !page.body.contains("<script"),
            "{what}: {}",
            page.body
        );
        assert_eq!(server.get("/status.json").status, 503, "{what}");
        let _ = fs::remove_file(&file);
        fs::write(&file, &good).unwrap();
    }
    assert_eq!(server.get("/").status, 200);
    let painted = good.replace("A clinic", &PAINTED.replace('\u{1b}', "\\u001b").replace('\n', "\\n"));
    fs::write(&file, painted).unwrap();
    let page = server.get("/");
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(!page.body.contains("<script") && !page.body.contains(['\u{1b}', '\u{202e}']), "{}", page.body);
}
