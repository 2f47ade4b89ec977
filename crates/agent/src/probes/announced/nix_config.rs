//! `nix_config`: Nix's own settings in effect. To be read from `nix show-config --json`: nix.conf(5) with all that it
//! includes.

use writ_policy::schema::{Kind, ProbeSchema};

use super::field;

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "nix_config",
    about: "Nix's own settings in effect",
    parameters: &[],
    observation: &[
        field("allowed_users", Kind::List, "who may use the Nix daemon; names, @groups or *"),
        field("trusted_users", Kind::List, "who may give it settings and unsigned paths"),
        field("substituters", Kind::List, "where it takes built paths from"),
        field("trusted_public_keys", Kind::List, "whose signatures it takes"),
        field("require_signatures", Kind::Bool, "whether a path from elsewhere needs one"),
        field("sandbox", Kind::Text, "whether builds see only what they name")
            .known(&["true", "false", "relaxed"], "Nix 2.31"),
        field("experimental_features", Kind::List, "features switched on, sorted"),
    ],
};
