//! OSCAL, NIST's form for controls, assessments and their results: <https://pages.nist.gov/OSCAL/>, models of version 1.2.
//!
//! One model per file, each a pure function of what it tells of: the same policy, evidence and instant give the same bytes, and
//! everything has the same UUID in every document. [`Document::faults`] says what a document refers to that is not there; no
//! document with a fault is to be given to anybody.
//!
//! OSCAL has two words for what a control comes to. `satisfied` is said only of what is wholly demonstrated, by a folder that
//! verified, with every appliance judged; everything else is `not-satisfied`, with our own word and the reason beside it.

pub mod assessment;
pub mod basis;
pub mod catalog;
pub mod common;
pub mod component;
pub mod exceptions;
pub mod plan;
pub mod poam;
pub mod profile;
pub mod references;
pub mod results;
pub mod text;
pub mod uuid;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use writ_trust::digest::Digest;

use self::references::{Fault, Ids};
use self::uuid::Uuid;

/// Whose names properties of ours are, and the name of the namespace of every UUID.
pub const NAMESPACE: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/ns/oscal");
/// The version that documents say they follow: what is newer in 1.2 is not used.
pub const OSCAL_VERSION: &str = "1.2.1";

/// A model of OSCAL.
pub trait Model: Serialize {
    /// The name of its only member.
    const NAME: &'static str;
    /// The file that other documents find it in.
    const FILE: &'static str;

    /// Where its UUID is.
    fn uuid_mut(&mut self) -> &mut Uuid;
}

macro_rules! model {
    ($model:ty, $name:literal, $file:literal) => {
        impl Model for $model {
            const NAME: &'static str = $name;
            const FILE: &'static str = $file;

            fn uuid_mut(&mut self) -> &mut Uuid {
                &mut self.uuid
            }
        }
    };
}

model!(catalog::Catalog, "catalog", "catalog.json");
model!(profile::Profile, "profile", "profile.json");
model!(component::ComponentDefinition, "component-definition", "component-definition.json");
model!(plan::AssessmentPlan, "assessment-plan", "assessment-plan.json");
model!(results::AssessmentResults, "assessment-results", "assessment-results.json");
model!(poam::PlanOfAction, "plan-of-action-and-milestones", "poam.json");

/// A document as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The file that other documents find it in.
    pub file: &'static str,
    /// Its text, ending in a line break.
    pub text: String,
    value: Value,
}

impl Document {
    /// Writes a model down. Its UUID is made of everything else in it, as OSCAL wants: another content has another one.
    pub fn new<M: Model>(mut model: M) -> Result<Self, serde_json::Error> {
        *model.uuid_mut() = Uuid::default();
        let content = Digest::of(&serde_json::to_vec(&model)?).hex();
        *model.uuid_mut() = Uuid::of("document", &[M::NAME, &content]);
        let whole = BTreeMap::from([(M::NAME, &model)]);
        let text = serde_json::to_string_pretty(&whole)? + "\n";
        Ok(Self { file: M::FILE, value: serde_json::to_value(&whole)?, text })
    }

    /// What the document refers to and nothing defines, and what it defines twice. `catalog` is what the catalogue defines that it
    /// refers to.
    pub fn faults(&self, catalog: &Ids) -> Vec<Fault> {
        references::faults(&self.value, catalog)
    }

    /// The ids of controls and their parts that the document defines.
    pub fn ids(&self) -> Ids {
        Ids::of(&self.value)
    }
}
