//! What `writ fleet status` tells people: within 80 columns, and the same words where there is no terminal.

use std::collections::BTreeMap;

use anstyle::Style;
use writ_audit::words::{lasting, of, thousands};
use writ_trust::time::Time;

use super::report::{ApplianceSeen, Report, SiteSeen};
use super::standing::{Standing, minute};
use crate::screen;

/// How wide it may be.
const WIDTH: usize = 80;
/// The longest name that has its own column; longer ones have a line.
const LONGEST_NAME: usize = 24;
/// From so many appliances on, those that are current are counted and not listed.
const MANY: usize = 40;

/// What is shown of the appliances.
pub struct Choice<'a> {
    /// All, however many.
    pub full: bool,
    /// Only those that stand so; empty: all.
    pub only: &'a [Standing],
}

/// The report for people, without a line end.
pub fn text(report: &Report, choice: &Choice) -> String {
    let mut lines = Vec::new();
    for site in &report.sites {
        lines.extend(site_lines(site, report.at, choice));
        lines.push(String::new());
    }
    let unknown = report.sites.iter().filter(|site| site.problem.is_some()).count();
    let parts = [(report.trouble.saturating_sub(unknown), "appliance"), (unknown, "site")];
    let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, thing)| of(*n as u64, thing)).collect();
    lines.push(match parts.is_empty() {
        true => screen::paint(screen::GREEN, "nobody is late, silent or rolled back"),
        false => screen::paint(screen::RED, &format!("somebody has to look at {}", parts.join(" and "))),
    });
    lines.join("\n")
}

fn site_lines(site: &SiteSeen, at: Time, choice: &Choice) -> Vec<String> {
    let mut lines = vec![screen::paint(screen::BOLD, site.site.as_str())];
    if let Some(problem) = &site.problem {
        lines.extend(wrapped("  ", &format!("nothing is known of it: {problem}"), screen::RED));
        return lines;
    }
    if let Some(release) = &site.release {
        let since = release.logged_at.unwrap_or(release.issued_at);
        lines.push(format!("  release {} of {}, until {}", release.point, minute(since), minute(release.expires_at)));
    }
    let counts = Standing::ALL.iter().filter_map(|standing| {
        let count = *site.counts.get(standing.as_str())?;
        (count > 0).then(|| format!("{} {}", thousands(count as u64), standing.as_str()))
    });
    let counts: Vec<String> = counts.collect();
    let all = format!("{}: {}", of(site.appliances.len() as u64, "appliance"), counts.join(", "));
    lines.extend(wrapped("  ", &all, Style::new()));
    let versions = versions(site);
    let agents: Vec<String> = versions.iter().map(|(version, count)| format!("{version} ({count})")).collect();
    if !agents.is_empty() {
        lines.extend(wrapped("  ", &format!("agents: {}", agents.join(", ")), Style::new()));
    }
    for note in &site.notes {
        lines.extend(wrapped("  ", note, screen::YELLOW));
    }
    lines.extend(rows(site, at, choice, versions.len() > 1));
    lines
}

/// How many appliances run which version of the agent.
fn versions(site: &SiteSeen) -> BTreeMap<&str, usize> {
    let mut versions = BTreeMap::new();
    for version in site.appliances.iter().filter_map(|shown| shown.agent_version.as_deref()) {
        *versions.entry(version).or_insert(0) += 1;
    }
    versions
}

fn rows(site: &SiteSeen, at: Time, choice: &Choice, with_agent: bool) -> Vec<String> {
    let many = site.appliances.len() > MANY && !choice.full && choice.only.is_empty();
    let is_listed = |shown: &&ApplianceSeen| {
        let wanted = choice.only.is_empty() || choice.only.contains(&shown.standing);
        wanted && !(many && shown.standing == Standing::Current)
    };
    let listed: Vec<&ApplianceSeen> = site.appliances.iter().filter(is_listed).collect();
    let mut lines = Vec::new();
    let name = listed.iter().map(|shown| shown.appliance.as_str().len()).filter(|n| *n <= LONGEST_NAME).max();
    let columns = Columns {
        name: name.unwrap_or(0).max("appliance".len()),
        runs: listed.iter().filter_map(|shown| Some(shown.runs.as_ref()?.len())).max().unwrap_or(0).max("runs".len()),
        agent: with_agent.then(|| {
            let lengths = listed.iter().filter_map(|shown| Some(shown.agent_version.as_ref()?.chars().count()));
            lengths.max().unwrap_or(0).clamp("agent".len(), 12)
        }),
    };
    if !listed.is_empty() {
        let agent = columns.agent.is_some().then_some("agent");
        lines.push(screen::paint(
            screen::DIM,
            &format!("{}standing", columns.lead("appliance", "runs", agent, "heard")),
        ));
    }
    let mut ring = None;
    for shown in listed.iter().copied() {
        if ring != Some(&shown.ring) && !site.rings.is_empty() {
            lines.push(screen::paint(screen::DIM, &heading(site, shown.ring.as_deref())));
        }
        ring = Some(&shown.ring);
        lines.extend(columns.row(shown, at));
    }
    let unlisted = site.appliances.len() - listed.len();
    if unlisted > 0 && many {
        lines.push(format!("  {} that are current are not listed: --full", of(unlisted as u64, "appliance")));
    }
    lines
}

fn heading(site: &SiteSeen, ring: Option<&str>) -> String {
    let known = site.rings.iter().find(|known| Some(known.name.as_str()) == ring);
    match known {
        Some(ring) if ring.after == "promotion" => format!("  ring {}, once promoted", ring.name),
        Some(ring) if ring.after == "0s" => format!("  ring {}, at once", ring.name),
        Some(ring) => format!("  ring {}, after {}", ring.name, ring.after),
        None => "  in no ring of these sources".to_owned(),
    }
}

/// How wide the columns are.
struct Columns {
    name: usize,
    runs: usize,
    agent: Option<usize>,
}

impl Columns {
    /// The beginning of a row, up to its last column.
    fn lead(&self, name: &str, runs: &str, agent: Option<&str>, heard: &str) -> String {
        let agent = self.agent.map(|width| {
            let agent: String = agent.unwrap_or("-").chars().take(width).collect();
            format!("{agent:<width$}  ")
        });
        let (agent, name_width, runs_width) = (agent.unwrap_or_default(), self.name, self.runs);
        format!("  {name:<name_width$}  {runs:<runs_width$}  {agent}{heard:<9}  ")
    }

    fn row(&self, shown: &ApplianceSeen, at: Time) -> Vec<String> {
        let name = shown.appliance.as_str();
        let heard = shown.heard_at.map_or_else(|| "never".to_owned(), |heard| ago(at, heard));
        let (runs, agent) = (shown.runs.as_deref().unwrap_or("-"), shown.agent_version.as_deref());
        let mut lines = Vec::new();
        let lead = if name.len() > self.name {
            lines.push(format!("  {name}"));
            self.lead("", runs, agent, &heard)
        } else {
            self.lead(name, runs, agent, &heard)
        };
        let style = match shown.standing {
            Standing::Current => screen::GREEN,
            Standing::Waits | Standing::Held => screen::DIM,
            Standing::Due => screen::YELLOW,
            _ => screen::RED,
        };
        lines.extend(wrapped(&lead, &shown.what, style));
        lines
    }
}

/// How long ago something was, in at most 9 columns.
fn ago(now: Time, then: Time) -> String {
    let seconds = u64::try_from(now.millis_since(then) / 1000).unwrap_or(0);
    match seconds {
        0..=119 => lasting(seconds),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", (seconds / 86_400).min(99_999)),
    }
}

/// Text behind a lead, in as many lines as it takes; the lead stands before the first, and room for it before the others.
fn wrapped(lead: &str, text: &str, style: Style) -> Vec<String> {
    let indent = lead.chars().count();
    let room = WIDTH.saturating_sub(indent).max(20);
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(' ') {
        // A word that is longer than any line is cut.
        let mut word: Vec<char> = word.chars().collect();
        while word.len() > room {
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            let rest = word.split_off(room);
            lines.push(word.into_iter().collect());
            word = rest;
        }
        let length = line.chars().count();
        if length > 0 && length + 1 + word.len() > room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word);
    }
    lines.push(line);
    let lead_of = |n: usize| if n == 0 { lead.to_owned() } else { " ".repeat(indent) };
    lines.into_iter().enumerate().map(|(n, line)| format!("{}{}", lead_of(n), screen::paint(style, &line))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text without what a terminal would take for colours.
    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn shown(name: &str, standing: Standing, what: &str) -> ApplianceSeen {
        let at: Time = "2026-11-23T12:00:00Z".parse().unwrap();
        ApplianceSeen {
            appliance: name.parse().unwrap(),
            ring: Some("canary".into()),
            standing,
            what: what.into(),
            not_before: at,
            held: false,
            heard_at: Some(at),
            runs: Some("1-1234".into()),
            agent_version: Some("0.1.0".into()),
            trust_version: Some(1),
            open_incidents: Some(0),
            refused: Some(0),
            next: None,
        }
    }

    fn report(appliances: Vec<ApplianceSeen>) -> Report {
        let mut site = SiteSeen::unknown("clinic-001".parse().unwrap(), String::new());
        site.problem = None;
        site.appliances = appliances;
        for shown in &site.appliances {
            *site.counts.entry(shown.standing.as_str()).or_insert(0) += 1;
        }
        let at: Time = "2026-11-24T12:00:00Z".parse().unwrap();
        let (depot, trouble) = ("http://depot.example".to_owned(), site.trouble());
        Report { schema: "writ.fleet.v1", at, depot, trust_version: 1, sites: vec![site], trouble }
    }

    #[test]
    fn everything_fits_80_columns() {
        let long = "a-very-long-name-of-some-appliance-12345";
        let what = format!("its heartbeat does not hold: {}", "x".repeat(200));
        let mut other = shown("desk-2", Standing::Broken, &what);
        other.agent_version = Some("0.2.0-beta.of.tomorrow".into());
        let all = vec![
            shown("desk-1", Standing::Current, "obeys it"),
            other,
            shown(long, Standing::Late, "late, 3 d after its time: something of it has not come"),
        ];
        let text = plain(&text(&report(all), &Choice { full: false, only: &[] }));
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{line:?}");
            assert!(!line.ends_with(' '), "{line:?}");
        }
        assert!(text.contains(long) && text.contains("agents: 0.1.0 (2)"), "{text}");
        assert!(text.ends_with("somebody has to look at 2 appliances"), "{text}");
    }

    #[test]
    fn a_large_site_is_counted_and_only_what_is_not_current_is_listed() {
        let mut all: Vec<ApplianceSeen> =
            (0..3000).map(|n| shown(&format!("desk-{n}"), Standing::Current, "obeys it")).collect();
        all[7].standing = Standing::Silent;
        let report = report(all);
        let choice = Choice { full: false, only: &[] };
        let short = plain(&text(&report, &choice));
        assert!(short.lines().count() < 10 && short.contains("3,000 appliances: 2,999 current, 1 silent"), "{short}");
        assert!(short.contains("2,999 appliances that are current are not listed: --full"), "{short}");
        assert!(text(&report, &Choice { full: true, only: &[] }).lines().count() > 3000);
        let silent = text(&report, &Choice { full: true, only: &[Standing::Silent] });
        assert!(silent.contains("desk-7") && silent.lines().count() < 10, "{silent}");
    }
}
