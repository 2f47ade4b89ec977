//! Which values of a policy protect, and in which direction: a table.

/// How two values of a path compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// To have it at all protects.
    Presence,
    /// To have it at all weakens.
    Absence,
    /// Longer durations protect less; none at all, least.
    ShorterSpan,
    /// Longer durations protect more; none at all, least.
    LongerSpan,
    /// Later instants protect less.
    EarlierTime,
    /// Greater numbers protect less.
    Less,
    /// Greater numbers protect more.
    More,
    /// Greater numbers protect less, and smaller ones have two sides: fewer attempts, and people are called sooner.
    LessOrEither,
    /// Smaller numbers protect less, and greater ones have two sides: more attempts, and people are called later.
    MoreOrEither,
    /// Worse severities protect more: they are answered sooner.
    Severity,
    /// What machines show protects more than what people promise.
    Coverage,
    /// Entries protect: losing one weakens, whatever else is gained. Null means all there are.
    Entries,
    /// The same in order, where an empty list means all there are.
    Route,
    /// Who looks at what a planner chose: before, after, never.
    Review,
    /// What an exception lifts: to lift something else is to lift what counted.
    Subject,
    /// Predicates, which are compared by what they accept.
    Predicate,
    /// Words and references for people: they protect nothing.
    Words,
}

/// A row: the pattern of a path (`*` stands for any key), how its values compare, and what it means that it weakened.
pub type Row = (&'static [&'static str], Scale, &'static str);

/// What is known. Whatever is not here is unclear.
pub const SCALES: &[Row] = &[
    (&["baselines", "*"], Scale::Presence, "nothing of this baseline is asked for any more"),
    (&["controls", "*"], Scale::Presence, "this control is not shown any more"),
    (&["controls", "*", "title"], Scale::Words, ""),
    (&["controls", "*", "maps"], Scale::Words, ""),
    (&["controls", "*", "maps", "*"], Scale::Words, ""),
    (&["controls", "*", "severity"], Scale::Severity, "it counts for less when it does not hold"),
    (&["controls", "*", "coverage"], Scale::Coverage, "no machine shows it any more"),
    (&["controls", "*", "checks"], Scale::Entries, "a check does not count for it any more"),
    (&["controls", "*", "duties"], Scale::Entries, "a duty is not asked for any more"),
    (&["checks", "*"], Scale::Presence, "nothing looks at this any more"),
    (&["checks", "*", "title"], Scale::Words, ""),
    (&["checks", "*", "cites"], Scale::Words, ""),
    (&["checks", "*", "expect"], Scale::Predicate, ""),
    (&["checks", "*", "prefer"], Scale::Predicate, ""),
    (&["checks", "*", "every"], Scale::ShorterSpan, "it looks less often"),
    (&["checks", "*", "severity"], Scale::Severity, "a failure is answered later"),
    (&["rules", "*"], Scale::Presence, "this rule answers nothing any more"),
    (&["rules", "*", "title"], Scale::Words, ""),
    (&["rules", "*", "controls"], Scale::Words, ""),
    (&["rules", "*", "attempts"], Scale::MoreOrEither, "it is tried fewer times"),
    (&["rules", "*", "cooldown"], Scale::ShorterSpan, "it rests longer before it is tried again"),
    (&["rules", "*", "when", "observation"], Scale::Predicate, ""),
    (&["runbooks", "*", "title"], Scale::Words, ""),
    (&["runbooks", "*", "verify"], Scale::Entries, "it is called healed although a check was not asked"),
    (&["duties", "*"], Scale::Presence, "nobody is asked to do this any more"),
    (&["duties", "*", "title"], Scale::Words, ""),
    (&["duties", "*", "source"], Scale::Words, ""),
    (&["duties", "*", "cadence", "every"], Scale::ShorterSpan, "it is due less often"),
    (&["duties", "*", "cadence", "within"], Scale::ShorterSpan, "it is due later"),
    (&["exceptions", "*"], Scale::Absence, "it lifts what counted before"),
    (&["exceptions", "*", "check"], Scale::Subject, "it lifts something else than before"),
    (&["exceptions", "*", "control"], Scale::Subject, "it lifts something else than before"),
    (&["exceptions", "*", "expires"], Scale::EarlierTime, "it lifts for longer"),
    (&["settings", "title"], Scale::Words, ""),
    (&["settings", "sla", "*"], Scale::ShorterSpan, "incidents may take longer"),
    (&["settings", "contacts", "*"], Scale::Presence, "this person is not called any more"),
    (&["settings", "contacts", "*", "answers_within"], Scale::ShorterSpan, "an answer may take longer"),
    (&["settings", "notify", "*"], Scale::Presence, "nothing is told there any more"),
    (&["settings", "notify", "*", "severities"], Scale::Entries, "some incidents are not told any more"),
    (&["settings", "notify", "*", "events"], Scale::Entries, "some events are not told any more"),
    (
        &["settings", "escalation", "l1_failures", "*"],
        Scale::LessOrEither,
        "people hear of it after more failed attempts",
    ),
    (&["settings", "escalation", "l2_failures"], Scale::Less, "people hear of it after more failed attempts"),
    (&["settings", "escalation", "no_answer"], Scale::ShorterSpan, "the next contact is called later"),
    (&["settings", "escalation", "acknowledge"], Scale::ShorterSpan, "somebody may confirm it later"),
    (&["settings", "escalation", "updates", "*"], Scale::ShorterSpan, "people are told less often"),
    (&["settings", "escalation", "report"], Scale::ShorterSpan, "the report is due later"),
    (&["settings", "escalation", "route", "*"], Scale::Route, "somebody is not called any more"),
    (&["settings", "planner", "review"], Scale::Review, "people look at plans later, or not at all"),
    (&["settings", "planner", "model"], Scale::Absence, "what fails is told to a language model"),
    (&["settings", "posture", "*"], Scale::ShorterSpan, "outcomes become evidence less often"),
    (&["settings", "retention", "*"], Scale::LongerSpan, "it is kept for less long"),
    (&["settings", "probation", "window"], Scale::LongerSpan, "a new generation is watched for less long"),
    (&["settings", "probation", "checks"], Scale::Entries, "a new generation is kept although a check was not asked"),
    (&["settings", "evidence_budget_mb"], Scale::More, "less evidence fits while nobody collects it"),
];

/// Why a change below a path cannot be decided: what somebody should look at. The first that fits counts.
const UNDECIDED: &[(&[&str], &str)] = &[
    (&["baselines"], "another version of it may ask for anything"),
    (&["controls", "*", "coverage"], "the claim is another one: what is looked at, its checks say"),
    (&["controls"], "what is said of it changes, not what is looked at"),
    (&["checks", "*", "probe"], "something else is looked at"),
    (&["checks", "*", "target"], "it is looked at from elsewhere"),
    (&["rules", "*", "priority"], "of several rules for one check, the higher priority runs first"),
    (&["rules", "*", "attempts"], "it is tried more often, and people are called later"),
    (&["rules", "*", "when"], "it answers something else"),
    (&["rules", "*", "run"], "another runbook is tried"),
    (&["rules", "*", "escalate"], "somebody else is called, or told something else"),
    (&["runbooks", "*", "version"], "its authors call it another one"),
    (&["runbooks"], "it does something else: read its steps"),
    (&["duties"], "it is asked for otherwise"),
    (&["programs"], "runbooks find other programs"),
    (&["secrets"], "other secrets may be named"),
    (&["sealed"], "it was encrypted anew: only the appliance can tell whether it is another"),
    (&["settings", "approvers"], "others may accept risks"),
    (&["settings", "time_zone"], "duties are due by another clock"),
    (&["settings", "maintenance"], "what disturbs people may happen at other times"),
    (&["settings", "contacts", "*", "person"], "somebody else answers"),
    (&["settings", "contacts"], "people are called in another order"),
    (&["settings", "escalation", "route"], "people are called in another order"),
    (&["settings", "escalation", "l1_failures"], "people hear of it sooner, after fewer attempts"),
    (&["settings", "notify"], "it is told elsewhere, or in another way"),
    (&["settings", "circuit_breaker"], "a rule that keeps firing is stopped sooner or later than before"),
    (&["settings", "quiet_hours"], "people are called at other hours for what is not critical"),
    (&["settings", "planner", "model", "url"], "what fails is told elsewhere"),
    (&["settings", "planner", "model", "name"], "what fails is told to another model"),
    (&["settings", "planner", "model", "key"], "another secret is given to whoever answers there"),
    (&["settings", "planner", "model", "insecure"], "whether others may read what fails on its way"),
    (&["settings", "planner", "model"], "how much is asked of a language model, or what it may choose"),
    (&["settings", "planner"], "whether anything but rules chooses runbooks"),
    (&["settings", "tier"], "how much evidence is at hand may change"),
];

/// Why a change of a path cannot be decided, where that is known.
pub fn undecided(path: &[&str]) -> Option<&'static str> {
    let fits = |pattern: &[&str]| {
        pattern.len() <= path.len() && pattern.iter().zip(path).all(|(wanted, key)| *wanted == "*" || wanted == key)
    };
    UNDECIDED.iter().find(|(pattern, _)| fits(pattern)).map(|(_, why)| *why)
}

/// The row of a path.
pub fn row(path: &[&str]) -> Option<&'static Row> {
    let fits = |pattern: &[&str]| {
        pattern.len() == path.len() && pattern.iter().zip(path).all(|(wanted, key)| *wanted == "*" || wanted == key)
    };
    SCALES.iter().find(|(pattern, ..)| fits(pattern))
}

/// Whether a predicate stands at a path.
pub fn is_predicate(path: &[&str]) -> bool {
    matches!(row(path), Some((_, Scale::Predicate, _)))
}
