//! How the value of an item came about where several had a say: baselines that disagree, overrides with their reasons.

use serde::Serialize;
use serde_json::Value as Json;
use writ_policy::delta::Position;
use writ_policy::diff::diff_json;
use writ_policy::validate::path_text;

use super::Asked;
use super::page::Page;
use super::subject::{Subject, Variant, same, unordered};
use crate::library::sites::Name;
use crate::library::words;

/// What merging decided, and where.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Merged {
    /// Keys below the item.
    pub path: Vec<String>,
    /// What holds.
    pub kept: Json,
    /// Where it stands, `file:line`.
    pub kept_at: Option<String>,
    /// What gave way.
    pub dropped: Json,
    /// Where that stands, `file:line`.
    pub dropped_at: Option<String>,
    /// The sites where both baselines meet.
    pub sites: Vec<String>,
}

/// A value that was changed knowingly.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Override {
    /// Keys below the item.
    pub path: Vec<String>,
    /// What it was.
    pub before: Json,
    /// What holds.
    pub after: Json,
    /// Why.
    pub reason: String,
    /// Where it stands, `file:line`.
    pub at: Option<String>,
    /// Whose it is: a site, or `site/appliance`.
    pub by: String,
}

/// What some appliances have otherwise than it is explained.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Differs {
    /// The appliances.
    pub appliances: Vec<Name>,
    /// The values, by key.
    pub changes: Vec<Difference>,
}

/// One value that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Keys below the item.
    pub path: Vec<String>,
    /// As it is explained: as declared, or as most have it; null when it is not there.
    pub most: Json,
    /// As these have it; null when it is not there.
    pub here: Json,
}

/// How an item came about.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Merging {
    /// Where baselines disagreed.
    pub merged: Vec<Merged>,
    /// What sites and appliances changed.
    pub overrides: Vec<Override>,
    /// What differs from appliance to appliance.
    pub differs: Vec<Differs>,
}

/// Everything that was decided about one item of a section.
pub fn merging<T: Clone + PartialEq + Serialize>(asked: &Asked<'_>, section: &str, subject: &Subject<T>) -> Merging {
    let mut all = Merging { differs: differs(subject), ..Merging::default() };
    for (site, said) in asked.sites() {
        for note in said.merged.iter().filter(|note| is_of(&note.path, section, &subject.id)) {
            let merged = Merged {
                path: note.path[2..].to_vec(),
                kept: note.kept.clone(),
                kept_at: note.kept_at.as_ref().map(place),
                dropped: note.dropped.clone(),
                dropped_at: note.dropped_at.as_ref().map(place),
                sites: Vec::new(),
            };
            let same = |m: &&mut Merged| Merged { sites: Vec::new(), ..(**m).clone() } == merged;
            match all.merged.iter_mut().find(same) {
                Some(known) => known.sites.push(site.to_owned()),
                None => all.merged.push(Merged { sites: vec![site.to_owned()], ..merged }),
            }
        }
        let of_site = said.overrides.iter().map(|o| (site.to_owned(), o));
        let of_appliances = asked.scope.iter().filter(|(name, _)| name.site == site);
        let of_appliances = of_appliances.flat_map(|(n, a)| a.overrides.iter().map(move |o| (n.to_string(), o)));
        all.overrides.extend(of_site.chain(of_appliances).filter(|(_, o)| is_of(&o.path, section, &subject.id)).map(
            |(by, o)| Override {
                path: o.path[2..].to_vec(),
                before: o.replaced.clone(),
                after: o.value.clone(),
                reason: o.reason.clone(),
                at: o.declared_at.as_ref().map(place),
                by,
            },
        ));
    }
    all
}

fn is_of(path: &[String], section: &str, id: &str) -> bool {
    path.len() > 2 && path[0] == section && path[1] == id
}

fn place(at: &Position) -> String {
    format!("{}:{}", at.file, at.line)
}

/// What the variants of an item have otherwise than what is explained.
fn differs<T: Clone + PartialEq + Serialize>(subject: &Subject<T>) -> Vec<Differs> {
    let Some(base) = subject.main().filter(|_| subject.variants.len() > 1) else { return Vec::new() };
    let json = unordered(base);
    let one = |variant: &Variant<T>| Differs {
        appliances: variant.at.clone(),
        changes: diff_json(&json, &unordered(&variant.item))
            .changes
            .into_iter()
            .filter(|change| change.path.first().is_none_or(|key| key != "declared_at"))
            .map(|change| Difference {
                path: change.path,
                most: change.before.unwrap_or_default(),
                here: change.after.unwrap_or_default(),
            })
            .collect(),
    };
    subject.variants.iter().filter(|variant| !same(&variant.item, base)).map(one).collect()
}

/// A change of one value in words.
fn changed(before: &Json, after: &Json) -> String {
    format!("{} → {}", words::plain(before), words::plain(after))
}

impl Merging {
    /// Prints what there is to say; nothing where nobody disagreed.
    pub fn print(&self, page: &mut Page) {
        if self == &Self::default() {
            return;
        }
        page.section("How it came about");
        for merged in &self.merged {
            let kept = format!("{} holds, from {}", bound(&merged.kept), at(&merged.kept_at));
            let dropped = format!("{} of {} gives way", bound(&merged.dropped), at(&merged.dropped_at));
            page.text(2, &format!("{}: {kept}; {dropped}, because the stricter holds", path_text(&merged.path)));
            page.dim(4, &format!("at {}", merged.sites.join(", ")));
        }
        for over in &self.overrides {
            let what = format!("{}: {}", path_text(&over.path), changed(&over.before, &over.after));
            page.text(2, &format!("{what}, overridden by {}", over.by));
            page.text(4, &format!("because: {}", over.reason));
            page.dim(4, &format!("at {}", at(&over.at)));
        }
        for one in &self.differs {
            page.text(2, "It is different on:");
            page.names(4, &one.appliances);
            for change in &one.changes {
                page.text(6, &format!("{}: {}", path_text(&change.path), changed(&change.most, &change.here)));
            }
        }
    }
}

/// A merged value: one operator with its operand reads as Nix writes it.
fn bound(value: &Json) -> String {
    match value.as_object().map(|object| object.iter().collect::<Vec<_>>()) {
        Some(only) if only.len() == 1 => format!("{} = {}", only[0].0, words::parameter(only[0].1)),
        _ => words::plain(value),
    }
}

fn at(place: &Option<String>) -> &str {
    place.as_deref().unwrap_or("an unknown place")
}
