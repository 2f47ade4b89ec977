//! Verifying all releases of a site: each by itself, and what they say of each other.

use writ_trust::history::{self, PastRelease, Standing};
use writ_trust::ids::SiteId;

use super::findings::Findings;
use super::{Context, release};
use crate::failure::Outcome;
use crate::layout::{Layout, ReleaseFiles};
use crate::screen;

/// Verifies every release of a site in a folder.
pub fn verify(context: &Context, layout: &Layout, site: &SiteId, findings: &mut Findings) -> Outcome<()> {
    let mut all: Vec<PastRelease> = Vec::new();
    let mut newest: Option<(String, Option<ReleaseFiles>)> = None;
    for point in layout.points(site)? {
        let subject = format!("{site} {}-{}", point.0, point.1);
        let files = match layout.read(site, point) {
            Ok(files) => files,
            // What stands here is no release for anybody; the others are still worth a look.
            Err(failure) => {
                findings.failed(&subject, failure.to_string());
                newest = Some((subject, None));
                continue;
            }
        };
        if let Some(past) = release::signatures(context, site, &files, &subject, findings) {
            if past.release.point() != point {
                let (epoch, serial) = past.release.point();
                findings.failed(&subject, format!("it is release {epoch}-{serial}, but stands under another number"));
            }
            release::documents(context, layout, &past.release, &subject, findings);
            all.push(past);
        }
        newest = Some((subject, Some(files)));
    }
    let Some((subject, files)) = newest else {
        findings.failed(site.as_str(), "there is no release of this site here");
        return Ok(());
    };
    history(site, &all, findings);
    // What an appliance looks at is the newest; if that one does not verify, it was said above.
    if let Some(files) = files
        && let Some(past) = all.last().filter(|past| past.digest == files.digest())
    {
        release::acceptance(context, &files, &past.release, &subject, findings);
    }
    Ok(())
}

fn history(site: &SiteId, all: &[PastRelease], findings: &mut Findings) {
    let problems = history::check_history(all);
    for problem in &problems {
        findings.failed(site.as_str(), problem.to_string());
    }
    if problems.is_empty() && !all.is_empty() {
        findings
            .verified(site.as_str(), format!("{}, each naming the one before it", screen::count(all.len(), "release")));
    }
    let vouched = history::vouched_for(all);
    for past in all.iter().filter(|past| past.standing != Standing::Sound) {
        let (epoch, serial) = past.release.point();
        if let Some(by) = vouched.get(&past.digest) {
            findings.verified(
                site.as_str(),
                format!(
                    "the bytes of {epoch}-{serial}: a later sound release ({by}) names them, directly or through others"
                ),
            );
        }
    }
}
