//! Links by mail, through a mail server that is not ours.

use crate::client::{Answer, Browser};
use crate::daemon::until;
use crate::inside::{Clinics, Inside, OPERATOR, PEOPLE, noon};
use crate::servers::{Mail, header};

fn asked(browser: &mut Browser, address: &str) -> Answer {
    browser.post("/sign-in", &format!("address={}", address.replace('@', "%40")))
}

/// The text of an answer without its number.
fn told(answer: &Answer) -> (u16, String) {
    let id = answer.header("x-request-id").unwrap();
    (answer.status, answer.text().replace(id, ""))
}

#[test]
fn a_link_comes_by_mail_and_nobody_hears_who_has_an_address() {
    let scratch = tempfile::tempdir().unwrap();
    let mail = Mail::plain(&scratch.path().join("mail"));
    let people =
        format!("[mail]\nserver = \"smtp+plain://127.0.0.1:{}\"\nfrom = \"writ@msp.example\"\n{PEOPLE}", mail.port);
    let clinics = Clinics::new("");
    let mut inside = Inside::over(clinics.dir.path(), &clinics.trust, noon(), &people);
    let mut browser = Browser::new(inside.address);
    assert!(browser.page("/sign-in").contains("<label for=\"address\">"));
    // While nobody sends: what is heard does not wait for that.
    let known = asked(&mut browser, OPERATOR);
    let unknown = asked(&mut browser, "nobody-here@msp.example");
    assert_eq!(told(&known), told(&unknown));
    assert_eq!(known.status, 200);
    inside.send_links();
    let mails = until("a mail", || Some(mail.mails()).filter(|mails| !mails.is_empty()));
    let [one] = &mails[..] else { panic!("{mails:#?}") };
    assert_eq!(header(one, "X-Rcpt"), OPERATOR);
    assert!(header(one, "Subject").contains("sign in"), "{one}");
    let link = one.lines().find(|line| line.contains("/login/")).unwrap();
    let signed_in = Browser::sign_in(inside.address, link.trim());
    assert!(signed_in.page("/").contains(OPERATOR));
    assert!(signed_in.page("/views").contains("was sent a link"));
}

#[test]
fn three_links_for_an_address_and_twenty_requests_from_a_place_within_a_quarter_of_an_hour() {
    let scratch = tempfile::tempdir().unwrap();
    let mail = Mail::plain(&scratch.path().join("mail"));
    let people =
        format!("[mail]\nserver = \"smtp+plain://127.0.0.1:{}\"\nfrom = \"writ@msp.example\"\n{PEOPLE}", mail.port);
    let clinics = Clinics::new("");
    let mut inside = Inside::over(clinics.dir.path(), &clinics.trust, noon(), &people);
    let mut browser = Browser::new(inside.address);
    let first = told(&asked(&mut browser, OPERATOR));
    for spelling in [OPERATOR, "KIM@msp.example", "Kim@MSP.example", OPERATOR] {
        assert_eq!(told(&asked(&mut browser, spelling)), first);
    }
    // The fourth and fifth were not sent: the next one to another address is the fourth mail.
    asked(&mut browser, "auditor@firm.example");
    inside.send_links();
    let mails = until("four mails", || Some(mail.mails()).filter(|mails| mails.len() >= 4));
    assert_eq!(header(&mails[3], "X-Rcpt"), "auditor@firm.example");
    let refused: Vec<Answer> =
        (0..20).map(|n| asked(&mut browser, &format!("a{n}@b.example"))).filter(|a| a.status == 429).collect();
    assert_eq!(refused.len(), 6, "fourteen of these, and six before");
    assert_eq!(refused[0].header("retry-after"), Some("900"));
    inside.later(15 * 60_000);
    assert_eq!(asked(&mut browser, OPERATOR).status, 200);
    let tries: Vec<u16> = (0..21).map(|_| browser.post(&format!("/login/{}", "a".repeat(43)), "").status).collect();
    assert_eq!((tries[19], tries[20]), (403, 429));
}
