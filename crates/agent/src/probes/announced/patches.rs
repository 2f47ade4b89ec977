//! `patches`: known flaws in what is installed, by age of the advisory. To be read from the packages of the closure
//! against advisory data that comes with the release.

use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;

use super::{field, optional};

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "patches",
    about: "known flaws in what is installed, by age of the advisory",
    parameters: &[optional(
        "advisories",
        Kind::Text,
        "folder of advisory data in the closure; default: the release's own",
    )
    .form(Form::AbsolutePath)],
    observation: &[
        field("advisories_age_seconds", Kind::Int, "age of the advisory data"),
        field("system_age_seconds", Kind::Int, "age of the package set that the system was built from"),
        field("critical_count", Kind::Int, "open critical flaws"),
        field("critical_oldest_age_seconds", Kind::Int, "age of the oldest advisory among them; 0 when none is open"),
        field("important_count", Kind::Int, "open important flaws"),
        field("important_oldest_age_seconds", Kind::Int, "age of the oldest advisory among them; 0 when none is open"),
        field(
            "optional_oldest_age_seconds",
            Kind::Int,
            "age of the oldest advisory of any other open flaw; 0 when none is open",
        ),
        field("exploited_count", Kind::Int, "open flaws that are known to be exploited"),
        field("exploited_oldest_age_seconds", Kind::Int, "age of the oldest advisory among them; 0 when none is open"),
        field("reboot_pending", Kind::Bool, "whether the booted system lacks what the current one has repaired"),
    ],
};
