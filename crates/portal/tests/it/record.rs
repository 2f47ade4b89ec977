//! The record of views.

use std::fs;

use serde_json::Value;

use crate::client::Browser;
use crate::inside::{AUDITOR, Clinics, Inside, OPERATOR, PEOPLE, noon};

#[test]
fn every_look_is_on_the_disk_before_its_page_is_here() {
    let clinics = Clinics::new("");
    let inside = clinics.portal();
    let mut auditor = inside.signed_in(AUDITOR);
    let file = inside.state.join("views-000001.jsonl");
    let lines = || -> Vec<Value> {
        fs::read_to_string(&file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let newest = || lines().pop().unwrap();
    assert_eq!(newest()["what"], "signed-in");
    assert_eq!(newest()["page"], "/login/…", "never the token");
    let before = lines().len();
    let paths =
        ["/", "/site/clinic-001", "/site/clinic-002", "/site/clinic-001/bundles?page=1", "/views", "/procedures"];
    for (n, path) in paths.iter().enumerate() {
        let answer = auditor.get(path);
        let newest = newest();
        assert_eq!(lines().len(), before + n + 1);
        assert_eq!(
            (&newest["page"], &newest["user"], &newest["role"]),
            (&(*path).into(), &AUDITOR.into(), &"auditor".into())
        );
        assert_eq!(
            (&newest["status"], &newest["what"]),
            (&answer.status.into(), &"viewed".into()),
            "what is refused is there too"
        );
        assert_eq!(newest["request"], answer.header("x-request-id").unwrap());
        assert_eq!((&newest["source"], &newest["at"]), (&"127.0.0.1".into(), &"2026-11-23T17:00:00Z".into()));
    }
    auditor.get("/style-1.css").expect(200);
    auditor.get("/health").expect(200);
    auditor.post("/sign-out", "");
    assert_eq!((lines().len(), newest()["what"].clone()), (before + paths.len() + 1, "signed-out".into()));
    let page = inside.signed_in(OPERATOR).page("/views");
    assert!(page.contains("/site/clinic-002") && page.contains("signed out") && page.contains(AUDITOR), "{page}");
}

#[test]
fn where_it_cannot_be_written_nobody_gets_in_and_no_page_is_shown() {
    let clinics = Clinics::new("");
    // A file that takes nothing, as on a full disk.
    let full = |state: &std::path::Path| {
        fs::create_dir_all(state).unwrap();
        std::os::unix::fs::symlink("/dev/full", state.join("views-000001.jsonl")).unwrap();
    };
    let inside = Inside::prepared(clinics.dir.path(), &clinics.trust, noon(), PEOPLE, &full);
    let token = inside.portal.links.issue(OPERATOR, noon()).unwrap();
    let mut browser = Browser::new(inside.address);
    assert_eq!(browser.post(&format!("/login/{}", &*token), "").status, 503);
    let session = inside.portal.sessions.begin(OPERATOR, noon()).unwrap();
    browser.cookie = Some(format!("writ={}", &*session));
    let refused = browser.get("/site/clinic-001");
    assert_eq!(refused.status, 503);
    assert!(!refused.text().contains("164.308"), "{}", refused.text());
}
