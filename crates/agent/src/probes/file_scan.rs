//! `file_scan`: what everybody can write, what runs with the rights of another, and what nobody owns, below a folder of
//! one file system.
//!
//! A tree may have millions of files. A look goes through it for half a second and goes on at the next one where it broke
//! off; what is shown is of the last whole pass. Nothing but names and modes is read, no link is followed, and no other
//! file system is entered.

mod walk;

use std::path::{Path, PathBuf};
use std::time::Duration;

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;
use writ_trust::time::Time;

use self::walk::{Rules, Tally, Walk};
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, count, field, identifier, optional, required, unannounced};

/// How long one look may go on, to the end of a folder at least: whoever looks may have no thread of its own for it.
const BUDGET: Duration = Duration::from_millis(500);
/// How many different scans are kept.
const MAX_SCANS: usize = 64;
/// What a package manager keeps, where nothing has these rights: files of the Nix store lose them.
const EXCLUDED: [&str; 1] = ["/nix/store"];

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch: unannounced, pace: Pace::Slow };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "file_scan",
    about: "what everybody can write, what runs with the rights of another, and what nobody owns, below a folder",
    parameters: &[
        required("path", Kind::Text, "the folder; other file systems below it are left out").form(Form::AbsolutePath),
        optional(
            "allowed",
            Kind::List,
            "programs that may run with the rights of another; what ends in \"/\" allows all below it",
        ),
        optional("exclude", Kind::List, "folders that are left out; default: /nix/store"),
    ],
    observation: &[
        field("finished", Kind::Bool, "whether the whole tree was gone through since the agent was started"),
        field("age_seconds", Kind::Int, "how long ago that was; this and what follows is absent before it was"),
        field("file_count", Kind::Int, "files and folders that were looked at"),
        field("unread_count", Kind::Int, "folders that could not be read, or had too many entries"),
        field(
            "world_writable_count",
            Kind::Int,
            "files that everybody can write, and folders where everybody can remove",
        ),
        identifier("world_writable", Kind::List, "which those are, at most 100"),
        field("privileged_count", Kind::Int, "programs with the rights of their owner or group (setuid, setgid)"),
        field("unknown_privileged_count", Kind::Int, "of them, those that are not allowed"),
        field("unknown_privileged", Kind::List, "which those are, at most 100"),
        field("unowned_count", Kind::Int, "files whose owner or group has no name"),
        identifier("unowned", Kind::List, "which those are, at most 100"),
    ],
};

/// Passes through trees, kept from one look to the next.
#[derive(Default)]
pub(crate) struct Scans(Vec<Scan>);

struct Scan {
    root: PathBuf,
    rules: Rules,
    walk: Option<Walk>,
    last: Option<(Tally, Time)>,
}

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let path = parameters.path("path")?;
    let allowed = parameters.optional_list("allowed")?.unwrap_or_default();
    let exclude = parameters.optional_list("exclude")?.unwrap_or_else(|| EXCLUDED.to_vec());
    let root = context.root.join(path.strip_prefix("/").unwrap_or(path));
    let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
    let rules = Rules { allowed: owned(allowed), exclude: owned(exclude) };
    context.scans.look(&root, path, rules, context.now, BUDGET)
}

impl Scans {
    fn look(
        &mut self,
        root: &Path,
        shown_as: &Path,
        rules: Rules,
        now: Time,
        budget: Duration,
    ) -> Result<Observation, Unseen> {
        let known = self.0.iter().position(|scan| scan.root == root && scan.rules == rules);
        let at = known.unwrap_or_else(|| {
            if self.0.len() == MAX_SCANS {
                self.0.remove(0);
            }
            self.0.push(Scan { root: root.to_owned(), rules, walk: None, last: None });
            self.0.len() - 1
        });
        self.0[at].look(shown_as, now, budget)
    }
}

impl Scan {
    fn look(&mut self, shown_as: &Path, now: Time, budget: Duration) -> Result<Observation, Unseen> {
        let mut walk = match self.walk.take() {
            Some(walk) => walk,
            None => Walk::begin(&self.root, shown_as)?,
        };
        match walk.go_on(&self.rules, budget)? {
            Some(tally) => self.last = Some((tally, now)),
            None => self.walk = Some(walk),
        }
        Ok(self.last.as_ref().map_or_else(
            || Observation::new().with("finished", false),
            |(tally, ended)| observe(tally, now.millis_since(*ended).max(0) / 1000),
        ))
    }
}

fn observe(tally: &Tally, age: i64) -> Observation {
    Observation::new()
        .with("finished", true)
        .with("age_seconds", age)
        .with("file_count", count(tally.files))
        .with("unread_count", count(tally.unread))
        .with("world_writable_count", count(tally.world_writable.count))
        .with("world_writable", tally.world_writable.names.clone())
        .with("privileged_count", count(tally.privileged))
        .with("unknown_privileged_count", count(tally.unknown_privileged.count))
        .with("unknown_privileged", tally.unknown_privileged.names.clone())
        .with("unowned_count", count(tally.unowned.count))
        .with("unowned", tally.unowned.names.clone())
}

#[cfg(test)]
mod tests;
