//! The result of `writ check` for people and for programs.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use writ_policy::validate::{Level, redacted};
use writ_trust::text::escaped;

use super::github;
use super::mistake::{Mistake, Place};
use super::render::{Hidden, render};
use super::sarif;
use super::source::Sources;
use crate::screen;

/// What was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Site {
    /// The site's name.
    pub site: String,
    /// Its name in words, if that could be read.
    pub title: Option<String>,
    /// Its appliances.
    pub appliances: Vec<Appliance>,
}

impl Site {
    /// Without what gives away a key or a password.
    pub fn redacted(&self) -> Self {
        Self { title: self.title.as_deref().map(|title| escaped(redacted(title))), ..self.clone() }
    }
}

/// One appliance of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Appliance {
    /// Its name.
    pub appliance: String,
    /// Whether a policy could be composed for it.
    pub composed: bool,
}

/// Everything that `writ check` found.
pub struct Result {
    /// The mistakes, in order.
    pub mistakes: Vec<Mistake>,
    /// The sites.
    pub sites: Vec<Site>,
    /// How many checks there are.
    pub checks: usize,
    /// How many of them this version cannot look at.
    pub unobserved: usize,
    /// Of how many sites the result is one of an earlier run.
    pub cached: usize,
    /// How long it took.
    pub took: Duration,
}

impl Result {
    /// Nothing but the mistake that nothing could be looked at.
    pub fn of_failure(mistake: Mistake) -> Self {
        let mistakes = vec![mistake.redacted()];
        Self { mistakes, sites: Vec::new(), checks: 0, unobserved: 0, cached: 0, took: Duration::ZERO }
    }

    /// How many errors and warnings there are.
    pub fn counts(&self) -> (usize, usize) {
        let errors = self.mistakes.iter().filter(|m| m.severity == Level::Error).count();
        (errors, self.mistakes.len() - errors)
    }

    fn appliances(&self) -> usize {
        self.sites.iter().map(|site| site.appliances.len()).sum()
    }

    /// Prints it for people.
    pub fn print(&self, sources: &Sources) {
        let hidden = Hidden::of(&self.mistakes, sources);
        for mistake in &self.mistakes {
            screen::line(&render(mistake, &hidden, sources, self.appliances()));
            screen::line("");
        }
        screen::line(&self.summary());
    }

    /// What was looked at, and what came of it, in one line.
    fn summary(&self) -> String {
        let (errors, warnings) = self.counts();
        let result = match (errors, warnings) {
            (0, 0) => screen::paint(screen::GREEN, "no findings"),
            (0, w) => screen::paint(screen::YELLOW, &screen::count(w, "warning")),
            (e, 0) => screen::paint(screen::RED, &screen::count(e, "error")),
            (e, w) => screen::paint(
                screen::RED,
                &format!("{} and {}", screen::count(e, "error"), screen::count(w, "warning")),
            ),
        };
        // No warning: a policy may ask for more than this version can see, and what comes of it is said wherever it counts.
        let unobserved = match self.unobserved {
            0 => String::new(),
            n => format!(", {n} of them not observed by this version"),
        };
        format!(
            "{}, {}, {}{unobserved}: {result} in {:.2} s",
            screen::count(self.sites.len(), "site"),
            screen::count(self.appliances(), "appliance"),
            screen::count(self.checks, "check"),
            self.took.as_secs_f64(),
        )
    }

    /// Prints it for code scanning services; `prefix` leads from the repository's root to the tree.
    pub fn print_sarif(&self, root: &Path, prefix: &str) {
        screen::json(&sarif::document(&self.mistakes, root, prefix));
    }

    /// Prints it for GitHub Actions.
    pub fn print_github(&self, prefix: &str) {
        github::lines(&self.mistakes, prefix).iter().for_each(|line| screen::line(line));
        screen::line(&self.summary());
    }

    /// Prints it for programs: `writ.check.v1`.
    pub fn print_json(&self) {
        let (errors, warnings) = self.counts();
        screen::json(&Document {
            schema: "writ.check.v1",
            findings: self.mistakes.iter().map(JsonFinding::of).collect(),
            sites: self.sites.iter().map(Site::redacted).collect(),
            summary: Summary {
                sites: self.sites.len(),
                appliances: self.appliances(),
                checks: self.checks,
                unobserved: self.unobserved,
                errors,
                warnings,
                cached: self.cached,
                took_ms: u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            },
        });
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    findings: Vec<JsonFinding<'a>>,
    sites: Vec<Site>,
    summary: Summary,
}

#[derive(Serialize)]
struct Summary {
    sites: usize,
    appliances: usize,
    checks: usize,
    unobserved: usize,
    errors: usize,
    warnings: usize,
    cached: usize,
    took_ms: u64,
}

#[derive(Serialize)]
struct JsonFinding<'a> {
    code: &'a str,
    severity: Level,
    message: &'a str,
    expected: Option<&'a str>,
    nearest: Option<&'a str>,
    help: Option<&'a str>,
    path: &'a [String],
    at: Option<JsonPlace<'a>>,
    related: Vec<JsonRelated<'a>>,
    appliances: Vec<&'a str>,
}

#[derive(Serialize)]
struct JsonPlace<'a> {
    file: &'a str,
    line: u32,
    column: u32,
    length: u32,
}

#[derive(Serialize)]
struct JsonRelated<'a> {
    at: JsonPlace<'a>,
    label: &'a str,
}

impl<'a> JsonPlace<'a> {
    fn of(place: &'a Place) -> Self {
        Self { file: &place.file, line: place.line, column: place.column, length: place.width }
    }
}

impl<'a> JsonFinding<'a> {
    fn of(mistake: &'a Mistake) -> Self {
        Self {
            code: &mistake.code,
            severity: mistake.severity,
            message: &mistake.message,
            expected: mistake.expected.as_deref(),
            nearest: mistake.nearest.as_deref(),
            help: mistake.help.as_deref(),
            path: &mistake.path,
            at: mistake.place.as_ref().map(JsonPlace::of),
            related: mistake
                .related
                .iter()
                .map(|(place, label)| JsonRelated { at: JsonPlace::of(place), label })
                .collect(),
            appliances: mistake.appliances.iter().map(String::as_str).collect(),
        }
    }
}
