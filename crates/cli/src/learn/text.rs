//! What was learned, for people. Names out of evidence are written in one line each, whatever is in them.

use writ_audit::learn::{Calls, LearnedRule, Library, Pattern, State, Tiers, in_words};
use writ_audit::words::{dollars, lasting_millis, of, thousands, when};
use writ_trust::text::one_line;

use crate::screen;

/// The most patterns that a list shows.
const MOST: usize = 200;

/// A share of a thousand as percent: `93.7 %`, `100 %`.
pub fn percent(permille: u32) -> String {
    match permille % 10 {
        0 => format!("{} %", permille / 10),
        tenth => format!("{}.{tenth} %", permille / 10),
    }
}

fn share(part: u64, all: u64) -> String {
    let permille = (u128::from(part) * 1000).checked_div(u128::from(all)).unwrap_or(0);
    percent(u32::try_from(permille).unwrap_or(0))
}

/// How many patterns have come how far.
pub fn states(library: &Library) -> String {
    let count = |state: State| library.patterns.iter().filter(|pattern| pattern.state == state).count();
    let counts: Vec<String> = State::ALL.map(|state| format!("{} {}", count(state), state.as_str())).into();
    format!("{}: {}", of(library.patterns.len() as u64, "pattern"), counts.join(", "))
}

/// Who resolved incidents.
pub fn tiers(tiers: &Tiers) -> String {
    let Tiers { l1, l2, l3, open, others } = *tiers;
    let ended = l1 + l2 + l3 + others;
    let part = |n: u64| format!("{} ({})", thousands(n), share(n, ended));
    format!(
        "{} ended: rules (L1) {}, plans (L2) {}, people (L3) {}, otherwise {}; {} open",
        of(ended, "incident"),
        part(l1),
        part(l2),
        part(l3),
        part(others),
        thousands(open)
    )
}

/// What models were asked.
pub fn calls(calls: &Calls) -> String {
    if calls.made == 0 {
        return "no model was asked".to_owned();
    }
    format!(
        "models were asked {}, {} in vain: {} tokens asked, {} answered, {}",
        if calls.made == 1 { "once".to_owned() } else { format!("{} times", thousands(calls.made)) },
        thousands(calls.failed),
        thousands(calls.input_tokens),
        thousands(calls.output_tokens),
        dollars(calls.microdollars)
    )
}

/// What was left out; none when nothing was.
pub fn left_out(library: &Library) -> Vec<String> {
    library.left_out().iter().map(|what| format!("left out: {what}")).collect()
}

/// A pattern in one line.
pub fn line(pattern: &Pattern) -> String {
    let state = match pattern.state {
        State::Eligible => screen::paint(screen::GREEN, "eligible"),
        State::Withdrawable => screen::paint(screen::RED, "withdrawable"),
        other => other.as_str().to_owned(),
    };
    format!(
        "{}  {} → {}  {} of {} ({}), {}, last {}  {state}",
        pattern.id,
        one_line(&pattern.check),
        one_line(&pattern.runbook),
        thousands(pattern.successes),
        thousands(pattern.occurrences),
        percent(pattern.success_permille),
        of(pattern.appliances.len() as u64, "appliance"),
        when(pattern.last_seen)
    )
}

/// Patterns in a line each.
pub fn list<'p>(patterns: impl IntoIterator<Item = &'p Pattern>) -> Vec<String> {
    let all: Vec<&Pattern> = patterns.into_iter().collect();
    let mut lines: Vec<String> = all.iter().take(MOST).map(|pattern| format!("  {}", line(pattern))).collect();
    if all.len() > MOST {
        lines.push(format!("  and {} more: --json has all of them", all.len() - MOST));
    }
    lines
}

/// A rule that was learned in one line.
pub fn rule(rule: &LearnedRule) -> String {
    let fate = match rule.withdrawable {
        true => screen::paint(screen::RED, "to be withdrawn"),
        false => String::new(),
    };
    let ran = match rule.tried {
        0 => "has not run yet".to_owned(),
        tried => format!(
            "resolved {} of {} ({})",
            thousands(rule.resolved),
            of(tried, "incident"),
            percent(rule.success_permille)
        ),
    };
    format!("  {}  {} → {}  {ran}  {fate}", one_line(&rule.rule), one_line(&rule.check), one_line(&rule.runbook))
        .trim_end()
        .to_owned()
}

/// All that is known of a pattern.
pub fn whole(pattern: &Pattern) -> Vec<String> {
    let mut lines = vec![
        screen::paint(screen::BOLD, &format!("{} {}", pattern.id, pattern.state.as_str())),
        format!("  check       {}", one_line(&pattern.check)),
        format!("  event       {}", one_line(&pattern.incident_type)),
    ];
    match &pattern.conditions[..] {
        [] => lines.push("  not so      the check as a whole: evidence does not tell which part".to_owned()),
        conditions => lines.extend(conditions.iter().map(|term| format!("  not so      {}", one_line(in_words(term))))),
    }
    lines.extend([
        format!("  runbook     {}", one_line(&pattern.runbook)),
        format!("  does        {}", pattern.parameters),
        format!(
            "  occurred    {}: {} helped, {} did not ({})",
            thousands(pattern.occurrences),
            thousands(pattern.successes),
            thousands(pattern.failures),
            percent(pattern.success_permille)
        ),
        format!("  mean time   {}", lasting_millis(pattern.mean_ms)),
        format!("  seen        {} to {}", when(pattern.first_seen), when(pattern.last_seen)),
        format!("  signature   {}", pattern.signature),
    ]);
    lines.extend(pattern.rule.iter().map(|rule| format!("  rule        {}", one_line(rule))));
    lines.extend(pattern.shares.iter().map(|share| {
        let (good, all) = (thousands(share.successes), thousands(share.occurrences));
        format!("  at {}: {good} of {all} ({})", share.site, percent(share.success_permille))
    }));
    lines.extend(pattern.bundles.iter().map(|bundle| format!("  rests on    {}", one_line(bundle))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact() {
        assert_eq!([percent(1000), percent(937), percent(0)], ["100 %", "93.7 %", "0 %"]);
        assert_eq!(share(1, 3), "33.3 %");
        assert_eq!(share(0, 0), "0 %");
    }
}
