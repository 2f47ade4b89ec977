//! What documents of every model have: metadata, properties, links, and resources at their end.

use serde::Serialize;
use writ_trust::digest::Digest;
use writ_trust::time::Time;

use super::text::{line, markup, stamp};
use super::uuid::Uuid;
use super::{NAMESPACE, OSCAL_VERSION};
use crate::report::uri;

/// `metadata`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Metadata {
    /// What the document is, as markup.
    pub title: String,
    /// When it was made, as whoever made it said.
    pub last_modified: Time,
    /// The version of what it tells of.
    pub version: String,
    /// The version of OSCAL.
    pub oscal_version: &'static str,
    /// More about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub props: Vec<Property>,
    /// People and organisations that the document refers to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parties: Vec<Party>,
    /// What whoever reads it must know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remarks: Option<String>,
}

impl Metadata {
    /// Metadata of a document that was made at `now`.
    pub fn new(title: &str, version: &str, now: Time) -> Self {
        Self {
            title: markup(title),
            last_modified: stamp(now),
            version: line(version),
            oscal_version: OSCAL_VERSION,
            props: vec![Property::ours("made-by", concat!("writ ", env!("CARGO_PKG_VERSION")))],
            parties: Vec::new(),
            remarks: None,
        }
    }
}

/// `property`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// Whose name that is; OSCAL's own where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ns: Option<&'static str>,
    /// Its value.
    pub value: String,
    /// More about it; for properties of rules the name of the set that they belong to together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remarks: Option<String>,
}

impl Property {
    /// A property that OSCAL itself defines.
    pub fn oscal(name: &'static str, value: impl std::fmt::Display) -> Self {
        Self { name, ns: None, value: line(value), remarks: None }
    }

    /// A property of ours.
    pub fn ours(name: &'static str, value: impl std::fmt::Display) -> Self {
        Self { ns: Some(NAMESPACE), ..Self::oscal(name, value) }
    }
}

/// `link`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Link {
    /// `#` and the UUID of a resource.
    pub href: String,
    /// What that is to this.
    pub rel: &'static str,
    /// Which part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_fragment: Option<String>,
    /// In words, as markup.
    pub text: String,
}

/// `party`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Party {
    /// Its UUID.
    pub uuid: Uuid,
    /// `person` or `organization`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its name.
    pub name: String,
}

impl Party {
    /// A person of a site, by the name that its policy gives.
    pub fn person(site: &str, name: &str) -> Self {
        Self { uuid: Uuid::of("person", &[site, name]), kind: "person", name: line(name) }
    }
}

/// `back-matter`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackMatter {
    /// What the document refers to.
    pub resources: Vec<Resource>,
}

impl BackMatter {
    /// The back matter with these resources; none where there are none.
    pub fn of(resources: Vec<Resource>) -> Option<Self> {
        (!resources.is_empty()).then_some(Self { resources })
    }
}

/// `resource`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resource {
    /// Its UUID.
    pub uuid: Uuid,
    /// What it is, as markup.
    pub title: String,
    /// More about it, as markup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Properties.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub props: Vec<Property>,
    /// Where it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rlinks: Vec<Rlink>,
}

impl Resource {
    /// A reference to it within its document.
    pub fn href(&self) -> String {
        format!("#{}", self.uuid)
    }
}

/// `rlink`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rlink {
    /// Where.
    pub href: String,
    /// What sort of file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<&'static str>,
    /// The digests of its exact bytes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hashes: Vec<Hash>,
}

impl Rlink {
    /// A JSON file of an audit folder, with its digest if that is known.
    pub fn json(path: &str, digest: Option<Digest>) -> Self {
        let hashes = digest.map(|digest| Hash { algorithm: "SHA-256", value: digest.hex() });
        Self { href: uri::reference(path), media_type: Some("application/json"), hashes: hashes.into_iter().collect() }
    }
}

/// `hash`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hash {
    /// How.
    pub algorithm: &'static str,
    /// The digest in hexadecimal digits.
    pub value: String,
}
