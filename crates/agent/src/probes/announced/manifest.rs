//! `manifest`: whether stored files are what a signed manifest says. To be read from a list of digests beside the
//! records with its minisign signature, read in slices.

use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;

use super::{field, optional, required};

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "manifest",
    about: "whether stored files are what a signed manifest says",
    parameters: &[
        required("path", Kind::Text, "the manifest").form(Form::AbsolutePath),
        optional("public_key", Kind::Text, "the minisign public key; default: the appliance's own"),
    ],
    observation: &[
        field("exists", Kind::Bool, "whether the manifest is there"),
        field("signature_ok", Kind::Bool, "whether its signature is good"),
        field("age_seconds", Kind::Int, "time since it was signed"),
        field("listed_count", Kind::Int, "files that it lists"),
        field("altered_count", Kind::Int, "of them, how many differ"),
        field("missing_count", Kind::Int, "of them, how many are gone"),
        field("extra_count", Kind::Int, "files beside them that it does not list"),
    ],
};
