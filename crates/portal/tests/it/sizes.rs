//! How large pages are at a thousand sites: what a browser loads is bounded, whatever there is.

use crate::folder::{Laid, Plan};
use crate::inside::{Inside, OPERATOR, PEOPLE, crawl, noon};

/// The most bytes of a page.
const MOST: usize = 60_000;

#[test]
fn no_page_is_larger_than_sixty_thousand_bytes_however_much_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let laid = Laid::begin(dir.path(), noon()).unwrap();
    let plan = Plan { releases: 2, healed: 150, planned: 6, open: 30, hours: 1, ..Plan::quiet("clinic-001", noon()) };
    laid.site(&plan).unwrap();
    let inside = Inside::over(dir.path(), &laid.trust(), noon(), PEOPLE);
    // What is held of a thousand sites, as it would be after reading them.
    let read = || writ_portal::read::site::read(&inside.portal.source, &"clinic-001".parse().unwrap(), noon()).summary;
    let one = read();
    for n in 0..1000 {
        let mut summary = one.clone();
        summary.site = format!("practice-{n:04}").parse().unwrap();
        summary.title = format!("Practice {n} of some town with a name");
        let held = &inside.portal.held;
        held.take(
            held.begin(),
            writ_portal::read::site::Read { summary, detail: None, documents: Default::default() },
            false,
        );
    }
    inside.portal.held.publish(1001, None, Some(noon()));
    let browser = inside.signed_in(OPERATOR);
    let fleet = browser.page("/");
    assert!(fleet.contains("Part 1 of 17"), "{fleet}");
    let mut pages: Vec<(String, String)> =
        ["/?page=2", "/?page=17", "/exceptions?page=2", "/checklists?page=1000", "/learning"]
            .map(|path| (path.to_owned(), browser.page(path)))
            .into();
    pages.push(("/".to_owned(), fleet));
    // And whatever one site has.
    let site = browser.clone();
    inside.portal.held.keep(|site| site.as_str() == "clinic-001");
    inside.portal.held.publish_again();
    pages.extend(crawl(&site, 500));
    assert!(pages.len() > 200, "{}", pages.len());
    for (path, text) in &pages {
        assert!(text.len() <= MOST, "{path}: {} bytes", text.len());
    }
}
