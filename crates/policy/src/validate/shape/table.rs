//! What each part of a policy consists of.

/// The type of a field.
#[derive(Debug, Clone, Copy)]
pub enum Type {
    /// A string that is not empty.
    Text,
    /// An integer.
    Int {
        /// The least that it may be.
        least: i64,
    },
    /// A duration.
    Span,
    /// An instant.
    Time,
    /// A digest.
    Digest,
    /// One of these names.
    OneOf(&'static [&'static str]),
    /// True or false.
    Bool,
    /// A time of day, `HH:MM`.
    Clock,
    /// A list of strings that are not empty.
    Texts,
    /// Such lists by name.
    TextLists,
    /// Values by name.
    Each(&'static Type),
    /// A value for each severity.
    Severities(&'static Type),
    /// Parameters of a step, which a rule of its own judges.
    Parameters,
    /// An object that a rule of its own looks into.
    Object,
    /// These fields and no others.
    Struct(&'static [Field]),
    /// A list of such values.
    List(&'static Type),
}

/// One field: name, type, and whether it may be null or left out.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What stands there.
    pub is: Type,
    /// Whether it may be null.
    pub nullable: bool,
    /// Whether it may be left out: documents of before do not have it.
    pub absent: bool,
}

const fn field(name: &'static str, is: Type) -> Field {
    Field { name, is, nullable: false, absent: false }
}

const fn optional(name: &'static str, is: Type) -> Field {
    Field { name, is, nullable: true, absent: false }
}

const fn added(name: &'static str, is: Type) -> Field {
    Field { name, is, nullable: false, absent: true }
}

/// A name among [`LEVELS`].
const SEVERITY: Type = Type::OneOf(&LEVELS);
/// Severities, the worst first.
pub const LEVELS: [&str; 4] = ["critical", "high", "medium", "low"];
const PLACE: Field =
    field("declared_at", Type::Struct(&[field("file", Type::Text), field("line", Type::Int { least: 1 })]));

const CONTROL: &[Field] = &[
    field("title", Type::Text),
    field("coverage", Type::OneOf(&["automated", "partial", "procedural", "inherited"])),
    field("severity", SEVERITY),
    optional("requirement", Type::OneOf(&["standard", "required", "addressable"])),
    field("maps", Type::TextLists),
    field("checks", Type::Texts),
    field("duties", Type::Texts),
    optional("procedure", Type::Text),
    optional("not_assessed", Type::Text),
    PLACE,
];

const CHECK: &[Field] = &[
    field("title", Type::Text),
    field("probe", Type::Object),
    field("expect", Type::Object),
    optional("prefer", Type::Object),
    field("every", Type::Span),
    field("target", Type::Text),
    field("severity", SEVERITY),
    field("cites", Type::Texts),
    PLACE,
];

const RULE: &[Field] = &[
    field("title", Type::Text),
    field("when", Type::Struct(&[field("check", Type::Text), optional("observation", Type::Object)])),
    optional("run", Type::Text),
    optional("escalate", Type::Struct(&[field("to", Type::OneOf(&["L2", "L3"])), field("why", Type::Text)])),
    field("priority", Type::Int { least: i64::MIN }),
    field("attempts", Type::Int { least: 1 }),
    field("cooldown", Type::Span),
    field("controls", Type::Texts),
    PLACE,
];

const ACTION: &[Field] =
    &[field("step", Type::Text), field("parameters", Type::Parameters), field("timeout", Type::Span)];

const STEP: &[Field] = &[
    field("id", Type::Text),
    field("step", Type::Text),
    field("parameters", Type::Parameters),
    field("timeout", Type::Span),
    optional("undo", Type::Struct(ACTION)),
];

const RUNBOOK: &[Field] = &[
    field("title", Type::Text),
    field("version", Type::Text),
    field("steps", Type::List(&Type::Struct(STEP))),
    field("verify", Type::Texts),
    PLACE,
];

/// An exception.
pub const EXCEPTION: &[Field] = &[
    optional("control", Type::Text),
    optional("check", Type::Text),
    field("reason", Type::Text),
    field("risk", Type::Text),
    field("compensating", Type::Text),
    field("owner", Type::Text),
    field("approved_by", Type::Text),
    field("approval", Type::Digest),
    field("approved_at", Type::Time),
    field("expires", Type::Time),
    PLACE,
];

const DUTY: &[Field] = &[
    field("title", Type::Text),
    field(
        "cadence",
        Type::Struct(&[optional("every", Type::Span), optional("on", Type::Text), optional("within", Type::Span)]),
    ),
    optional("day", Type::Text),
    field("by", Type::Text),
    field("attach", Type::Text),
    field("source", Type::Texts),
    PLACE,
];

const COUNT: Type = Type::Int { least: 1 };
/// Money, in millionths of a US dollar.
const AMOUNT: Type = Type::Int { least: 0 };

const CONTACT: &[Field] = &[
    field("person", Type::Text),
    field("role", Type::OneOf(&["primary", "secondary", "manager", "security", "account", "after-hours", "clinic"])),
    optional("email", Type::Text),
    optional("phone", Type::Text),
    field("answers_within", Type::Span),
];

const ESCALATION: &[Field] = &[
    field("l1_failures", Type::Severities(&COUNT)),
    field("l2_failures", COUNT),
    field("no_answer", Type::Span),
    field("acknowledge", Type::Span),
    field("updates", Type::Struct(&[field("critical", Type::Span), field("high", Type::Span)])),
    field("report", Type::Span),
    field("route", Type::Severities(&Type::Texts)),
    field("contacts", Type::Texts),
];

const CHANNEL: &[Field] = &[
    field("kind", Type::OneOf(&["email", "pagerduty", "webhook"])),
    optional("address", Type::Text),
    optional("secret", Type::Text),
    field("severities", Type::List(&SEVERITY)),
    field(
        "events",
        Type::List(&Type::OneOf(&[
            "incident-opened",
            "escalated",
            "incident-closed",
            "exception-expiring",
            "release",
            "silence",
        ])),
    ),
];

const WINDOW: &[Field] = &[
    field("days", Type::List(&Type::OneOf(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"]))),
    field("from", Type::Clock),
    field("to", Type::Clock),
    field("allows", Type::List(&Type::OneOf(&["switch", "reboot", "scan", "restore-test"]))),
];

const QUIET: &[Field] = &[
    field("from", Type::Clock),
    field("to", Type::Clock),
    field("severities", Type::List(&Type::OneOf(&["high", "medium", "low"]))),
];

const PLANNER: &[Field] = &[
    field("enabled", Type::Bool),
    field("review", Type::OneOf(&["before", "after", "never"])),
    added("model", Type::Struct(MODEL)),
];

const MODEL: &[Field] = &[
    field("url", Type::Text),
    field("name", Type::Text),
    optional("key", Type::Text),
    field("insecure", Type::Bool),
    field("deadline", Type::Span),
    field("most_runbooks", COUNT),
    field(
        "budget",
        Type::Struct(&[
            field("calls_per_hour", COUNT),
            field("calls_per_day", COUNT),
            field("microdollars_per_day", AMOUNT),
        ]),
    ),
    field(
        "price",
        Type::Struct(&[
            field("input_microdollars_per_1000_tokens", AMOUNT),
            field("output_microdollars_per_1000_tokens", AMOUNT),
        ]),
    ),
];

const RETENTION: &[Field] = &[
    field("evidence", Type::Span),
    field("logs", Type::Span),
    optional("application_logs", Type::Span),
    optional("audit_logs", Type::Span),
    optional("configuration", Type::Span),
    optional("reports", Type::Span),
    optional("online", Type::Span),
];

/// The settings of an appliance.
pub const SETTINGS: &[Field] = &[
    field("title", Type::Text),
    field("time_zone", Type::Text),
    optional("tier", Type::OneOf(&["essential", "professional", "enterprise"])),
    field("approvers", Type::Texts),
    field("contacts", Type::Each(&Type::Struct(CONTACT))),
    field("sla", Type::Severities(&Type::Span)),
    field("escalation", Type::Struct(ESCALATION)),
    field("notify", Type::Each(&Type::Struct(CHANNEL))),
    field("maintenance", Type::Struct(&[field("windows", Type::List(&Type::Struct(WINDOW)))])),
    added("quiet_hours", Type::Struct(QUIET)),
    field("planner", Type::Struct(PLANNER)),
    field("circuit_breaker", Type::Struct(&[field("fires", COUNT), field("within", Type::Span)])),
    field("posture", Type::Struct(&[field("vector", Type::Span), field("snapshot", Type::Span)])),
    field("retention", Type::Struct(RETENTION)),
    field("probation", Type::Struct(&[field("window", Type::Span), optional("checks", Type::Texts)])),
    field("evidence_budget_mb", COUNT),
];

/// The sections that hold items by id.
pub const SECTIONS: [(&str, &[Field]); 6] = [
    ("controls", CONTROL),
    ("checks", CHECK),
    ("rules", RULE),
    ("runbooks", RUNBOOK),
    ("duties", DUTY),
    ("exceptions", EXCEPTION),
];
