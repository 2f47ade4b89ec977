//! Signing in and out, how long that lasts, and who sees what.

use crate::client::Browser;
use crate::inside::{AUDITOR, Clinics, OPERATOR, noon};

const MINUTE: i64 = 60_000;

#[test]
fn a_link_lets_in_once_for_a_quarter_of_an_hour_and_by_its_button_alone() {
    let clinics = Clinics::new("");
    let inside = clinics.portal();
    let issue = || inside.portal.links.issue(OPERATOR, inside.portal.now()).unwrap();
    let token = issue();
    let path = format!("/login/{}", &*token);
    let mut browser = Browser::new(inside.address);
    // Programs that look at links in mails use none up.
    for _ in 0..3 {
        browser.page(&path);
    }
    assert_eq!(browser.post(&path, "").status, 303);
    assert!(browser.page("/").contains("kim@msp.example"));
    let mut other = Browser::new(inside.address);
    let refused = other.post(&path, "");
    assert!(refused.status == 403 && other.cookie.is_none(), "used: {}", refused.text());
    let late = format!("/login/{}", &*issue());
    inside.later(15 * MINUTE);
    assert_eq!(other.post(&late, "").status, 403, "late");
    let wrong = format!("/login/{}", "a".repeat(43));
    assert_eq!(other.post(&wrong, "").status, 403, "never made");
    for no_token in ["/login/x", "/login/../views", "/login/", &format!("/login/{}", "a".repeat(44))] {
        assert!([403, 404].contains(&other.get(no_token).status), "{no_token}");
    }
    // Of two who press at once, one is let in.
    let path = format!("/login/{}", &*issue());
    let both: Vec<u16> = std::thread::scope(|scope| {
        let press = || Browser::new(inside.address).post(&path, "").status;
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(press)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(both.iter().filter(|status| **status == 303).count(), 1, "{both:?}");
}

#[test]
fn a_session_ends_when_it_is_idle_at_the_latest_after_eight_hours_and_when_it_is_told_to() {
    let clinics = Clinics::new("");
    let inside = clinics.portal();
    let browser = inside.signed_in(OPERATOR);
    inside.later(14 * MINUTE);
    assert_eq!(browser.get("/").status, 200);
    inside.later(14 * MINUTE);
    assert_eq!(browser.get("/").status, 200, "it was used");
    inside.later(15 * MINUTE);
    let idle = browser.get("/");
    assert_eq!((idle.status, idle.location()), (303, "/sign-in"));
    let browser = inside.signed_in(OPERATOR);
    for _ in 0..34 {
        inside.later(14 * MINUTE);
        assert_eq!(browser.get("/health").status, 200);
        assert_eq!(browser.get("/procedures").status, 200);
    }
    inside.later(4 * MINUTE);
    assert_eq!(browser.get("/").status, 303, "eight hours");
    let mut browser = inside.signed_in(OPERATOR);
    let cookie = browser.cookie.clone();
    let out = browser.post("/sign-out", "");
    assert_eq!((out.status, out.location(), &browser.cookie), (303, "/sign-in", &None));
    browser.cookie = cookie;
    assert_eq!(browser.get("/").status, 303, "the old cookie is of no use");
}

#[test]
fn an_auditor_sees_the_sites_that_are_named_and_no_trace_of_others() {
    let clinics = Clinics::new("");
    let inside = clinics.portal();
    let (operator, auditor) = (inside.signed_in(OPERATOR), inside.signed_in(AUDITOR));
    assert!(operator.page("/").contains("clinic-002"));
    let paths = crate::inside::crawl(&operator, 400);
    let others: Vec<&String> = paths.iter().map(|(path, _)| path).filter(|path| path.contains("clinic-002")).collect();
    assert!(others.len() > 10, "{others:?}");
    for path in others {
        assert_eq!(auditor.get(path).status, 404, "{path}");
    }
    let seen = crate::inside::crawl(&auditor, 400);
    assert!(seen.iter().any(|(path, _)| path == "/site/clinic-001/controls"));
    for (path, text) in seen.iter().filter(|(path, _)| !path.starts_with("/procedures")) {
        assert!(!text.contains("clinic-002"), "{path}");
    }
    // There is no difference to a site that there is not.
    let hidden = auditor.get("/site/clinic-002");
    let absent = auditor.get("/site/clinic-003");
    let without_number = |answer: crate::client::Answer| {
        let id = answer.header("x-request-id").unwrap().to_owned();
        (answer.status, answer.text().replace(&id, ""))
    };
    assert_eq!(without_number(hidden), without_number(absent));
    assert_eq!(auditor.get("/views").status, 403);
    assert!(!auditor.page("/").contains("href=\"/views\"") && operator.page("/").contains("href=\"/views\""));
}

#[test]
fn an_auditor_does_not_hear_how_many_sites_are_being_read() {
    let clinics = Clinics::new("");
    let inside = clinics.portal();
    let (operator, auditor) = (inside.signed_in(OPERATOR), inside.signed_in(AUDITOR));
    inside.portal.held.publish(41, None, Some(noon()));
    assert!(operator.page("/").contains("2 of 41 sites were read so far."));
    let page = auditor.page("/");
    assert!(!page.contains("read so far") && page.contains("clinic-001"), "all that they may see was read: {page}");
    inside.portal.held.keep(|site| site.as_str() == "clinic-002");
    inside.portal.held.publish(41, None, Some(noon()));
    let page = auditor.page("/");
    assert!(page.contains("Being read.") && !page.contains(" of 41"), "{page}");
}

#[test]
fn who_is_named_no_more_is_signed_out() {
    use writ_portal::config::Config;
    use writ_portal::portal::Access;
    let clinics = Clinics::new("");
    let inside = clinics.portal();
    let auditor = inside.signed_in(AUDITOR);
    assert_eq!(auditor.get("/").status, 200);
    let config = Config::parse("[[users]]\naddress = \"kim@msp.example\"\nrole = \"operator\"\n").unwrap();
    inside.portal.replace_access(Access::of(Some(&config)).unwrap());
    assert_eq!(auditor.get("/").status, 303);
    let token = inside.portal.links.issue(AUDITOR, inside.portal.now()).unwrap();
    assert_eq!(Browser::new(inside.address).post(&format!("/login/{}", &*token), "").status, 403);
}
