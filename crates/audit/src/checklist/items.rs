//! The items of the checklists, in the order of the operating standards. A new one is a row here.

use super::Rhythm;

/// A question that evidence answers beside checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Every appliance told something within two intervals of its posture.
    Heard,
    /// The folder verifies, and every appliance wrote bundles in the time.
    Bundles,
    /// No critical incident is open.
    NoneCriticalOpen,
    /// No incident is open for longer than the site allows itself.
    NoneOverdue,
    /// No incident was closed without success.
    NoneFailed,
    /// No incident took longer than the site allows itself.
    NoneLate,
    /// No sort of incident came again on one machine.
    NoneRecurring,
    /// People had to resolve none.
    NoneByPeople,
    /// No exception ends within so many days.
    NoneEnding {
        /// Days.
        days: i64,
    },
    /// No key that counts is older than so many days.
    KeysYounger {
        /// Days.
        days: i64,
    },
}

/// Which checks of the policy answer an item: any of these.
#[derive(Debug, Clone, Copy)]
pub struct Checks {
    /// Those that cite one of these ids of the catalogue (`catalogue:CK-02`).
    pub cite: &'static [&'static str],
    /// Those of these names.
    pub named: &'static [&'static str],
    /// Those that look with one of these probes.
    pub probes: &'static [&'static str],
    /// Whether the item cannot be met without one.
    pub required: bool,
}

/// Checks are not asked.
const NO_CHECKS: Checks = Checks { cite: &[], named: &[], probes: &[], required: true };

/// One item.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    /// Its ids in the catalogue; duties of the policy with one of these sources are its duties.
    pub ids: &'static [&'static str],
    /// When it is asked.
    pub rhythm: Rhythm,
    /// What is asked.
    pub title: &'static str,
    /// The checks that answer it.
    pub checks: Checks,
    /// What answers it beside checks.
    pub measures: &'static [Measure],
}

impl Item {
    /// Whether evidence answers it, at least in part.
    pub fn is_automated(&self) -> bool {
        !self.measures.is_empty() || self.asks_checks()
    }

    /// Whether checks answer it.
    pub fn asks_checks(&self) -> bool {
        let Checks { cite, named, probes, .. } = self.checks;
        !(cite.is_empty() && named.is_empty() && probes.is_empty())
    }

    /// Whether its answer needs what policies say: of an appliance whose policy cannot be read it cannot be well.
    pub fn rests_on_policies(&self) -> bool {
        let of_policy = |measure: &Measure| {
            matches!(measure, Measure::Heard | Measure::NoneOverdue | Measure::NoneLate | Measure::NoneEnding { .. })
        };
        self.asks_checks() || self.measures.iter().any(of_policy)
    }
}

const fn people(ids: &'static [&'static str], rhythm: Rhythm, title: &'static str) -> Item {
    Item { ids, rhythm, title, checks: NO_CHECKS, measures: &[] }
}

const fn measured(
    ids: &'static [&'static str],
    rhythm: Rhythm,
    title: &'static str,
    measures: &'static [Measure],
) -> Item {
    Item { ids, rhythm, title, checks: NO_CHECKS, measures }
}

const fn checked(ids: &'static [&'static str], rhythm: Rhythm, title: &'static str, checks: Checks) -> Item {
    Item { ids, rhythm, title, checks, measures: &[] }
}

/// All items.
pub const ITEMS: &[Item] = &[
    Item {
        ids: &["CK-01"],
        rhythm: Rhythm::Daily,
        title: "All appliances check in",
        checks: Checks { cite: &["CK-01"], required: false, ..NO_CHECKS },
        measures: &[Measure::Heard],
    },
    checked(&["CK-02"], Rhythm::Daily, "Backups were completed", Checks { cite: &["CK-02"], ..NO_CHECKS }),
    checked(&["CK-03"], Rhythm::Daily, "Virus signatures are current", Checks { cite: &["CK-03"], ..NO_CHECKS }),
    Item {
        ids: &["CK-04"],
        rhythm: Rhythm::Daily,
        title: "No critical incident is open",
        checks: NO_CHECKS,
        measures: &[Measure::NoneCriticalOpen],
    },
    measured(&["CK-05"], Rhythm::Weekly, "No incident is open beyond its time", &[Measure::NoneOverdue]),
    checked(&["CK-06"], Rhythm::Weekly, "Patches are in time", Checks { cite: &["CK-06"], ..NO_CHECKS }),
    checked(
        &["CK-07"],
        Rhythm::Weekly,
        "Backups are whole",
        Checks { cite: &["CK-07"], named: &["backup.integrity"], ..NO_CHECKS },
    ),
    checked(
        &["CK-08"],
        Rhythm::Weekly,
        "Disks have room, and how it went",
        Checks { cite: &["CK-08"], probes: &["disk"], ..NO_CHECKS },
    ),
    measured(&["CK-17"], Rhythm::Weekly, "The week's bundles are there and verify", &[Measure::Bundles]),
    people(&["CK-18"], Rhythm::Weekly, "Signatures of bundles drawn at random (`writ audit sample 3 --period 7d`)"),
    measured(&["CK-19"], Rhythm::Weekly, "No incident was closed without success", &[Measure::NoneFailed]),
    measured(&["CK-20"], Rhythm::Weekly, "No incident came again on one machine", &[Measure::NoneRecurring]),
    measured(&["CK-21"], Rhythm::Weekly, "No incident took longer than the site allows itself", &[Measure::NoneLate]),
    measured(&["CK-22"], Rhythm::Weekly, "No incident had to be resolved by people", &[Measure::NoneByPeople]),
    checked(
        &["CK-23"],
        Rhythm::Weekly,
        "Evidence is delivered, and its store has room",
        Checks { cite: &["CK-23"], named: &["capacity.evidence", "review.evidence-delivered"], ..NO_CHECKS },
    ),
    people(&["CK-24", "CK-25"], Rhythm::Weekly, "The errors of the week's logs were read"),
    people(&["CK-09"], Rhythm::Monthly, "Access was reviewed"),
    checked(
        &["CK-10"],
        Rhythm::Monthly,
        "A backup was restored and compared",
        Checks { cite: &["CK-10"], named: &["backup.restorable"], ..NO_CHECKS },
    ),
    people(&["CK-11"], Rhythm::Monthly, "Security scans were reviewed"),
    people(&["CK-12"], Rhythm::Monthly, "The baseline of performance was renewed"),
    people(&["CK-26"], Rhythm::Monthly, "The month's compliance packet was handed over"),
    measured(
        &["CK-27", "CK-47"],
        Rhythm::Monthly,
        "No key is older than 330 days",
        &[Measure::KeysYounger { days: 330 }],
    ),
    people(
        &["CK-28", "CK-29", "CK-30", "CK-31", "CK-32", "CK-33"],
        Rhythm::Monthly,
        "Kept evidence was read back and verified (`writ audit restore-test --sample 5`)",
    ),
    Item {
        ids: &["CK-34"],
        rhythm: Rhythm::Monthly,
        title: "Systems are healthy: disks, bundles, failed incidents",
        checks: Checks { probes: &["disk"], ..NO_CHECKS },
        measures: &[Measure::Bundles, Measure::NoneFailed],
    },
    people(&["CK-13"], Rhythm::Quarterly, "All access was audited"),
    people(&["CK-14"], Rhythm::Quarterly, "Recovery from a disaster was tested"),
    people(&["CK-15"], Rhythm::Quarterly, "Policies were reviewed"),
    people(&["CK-16"], Rhythm::Quarterly, "Training was verified"),
    people(&["CK-35"], Rhythm::Quarterly, "The quarter was reviewed with the practice"),
    measured(&["CK-36"], Rhythm::Quarterly, "No exception ends within 30 days", &[Measure::NoneEnding { days: 30 }]),
    people(&["CK-37"], Rhythm::Quarterly, "Uses of signing keys were looked through"),
    checked(
        &["CK-38"],
        Rhythm::Quarterly,
        "Attempts at access that failed are watched",
        Checks { cite: &["CK-38"], ..NO_CHECKS },
    ),
    people(&["CK-39"], Rhythm::Quarterly, "Uses of secrets were looked through"),
    measured(&["CK-40"], Rhythm::Annual, "No key is older than a year", &[Measure::KeysYounger { days: 365 }]),
    people(&["CK-41"], Rhythm::Annual, "The yearly audit was prepared"),
];
