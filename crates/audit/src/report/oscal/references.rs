//! Whether everything that a document refers to is there, and nothing is there twice.
//!
//! NIST's schemas say what a document looks like, and nothing of that. The document is read as JSON, not as what we made it from,
//! so that a mistake in making it cannot hide here. Which kinds of references there are is in `UUIDS` and `TOKENS`: one of
//! another kind is a fault by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use super::catalog::statement_id;
use super::text::token;
use super::uuid::is_uuid;

/// References by UUID: the member that holds it, and the members whose items it may be of.
const UUIDS: &[(&str, &[&str])] = &[
    ("party-uuid", &["parties"]),
    ("actor-uuid", &["components", "parties"]),
    ("subject-uuid", &["components"]),
    ("component-uuid", &["components"]),
    ("activity-uuid", &["activities"]),
    ("task-uuid", &["tasks"]),
    ("observation-uuid", &["observations"]),
    ("risk-uuid", &["risks"]),
];
/// References by token: the member that holds it, or a list of them, and what it is of.
const TOKENS: &[(&str, Kind)] = &[
    ("control-id", Kind::Control),
    ("with-ids", Kind::Control),
    ("target-id", Kind::Part),
    ("param-id", Kind::Parameter),
];
/// References by `#` and a UUID: the members that hold them.
const FRAGMENTS: &[&str] = &["href", "source"];
/// What prose has where the value of a parameter is to stand.
const INSERT: (&str, &str) = ("{{ insert: param, ", " }}");

/// What has an id that is a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Control,
    Part,
    Parameter,
    Group,
}

impl Kind {
    /// By the member whose items they are.
    fn of(member: &str) -> Option<Self> {
        Some(match member {
            "controls" => Self::Control,
            "parts" => Self::Part,
            "params" => Self::Parameter,
            "groups" => Self::Group,
            _ => return None,
        })
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Part => "part",
            Self::Parameter => "parameter",
            Self::Group => "group",
        }
    }
}

/// The ids that a catalogue defines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids(BTreeSet<(Kind, String)>);

impl Ids {
    /// What a document defines.
    pub fn of(document: &Value) -> Self {
        let mut walk = Walk::default();
        walk.value(document, "", "");
        Self(walk.tokens.into_iter().map(|(kind, id)| (kind, id.to_owned())).collect())
    }

    /// What a catalogue of these controls defines, as far as results refer to it: the controls and their statements.
    pub fn of_controls<'a>(controls: impl IntoIterator<Item = &'a str>) -> Self {
        let both = |id: &'a str| [(Kind::Control, token(id)), (Kind::Part, statement_id(id))];
        Self(controls.into_iter().flat_map(both).collect())
    }
}

/// Something that is wrong with the references of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where, as a JSON pointer (RFC 6901).
    pub at: String,
    /// What.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)
    }
}

/// What a document refers to and nothing defines, and what it defines twice, in the order of the document. `catalog` is what the
/// catalogue that it refers to defines.
pub fn faults(document: &Value, catalog: &Ids) -> Vec<Fault> {
    let mut walk = Walk::default();
    walk.value(document, "", "");
    let Walk { uuids, tokens, references, mut faults } = walk;
    for (at, reference) in references {
        let missing = match reference {
            Reference::Uuid(uuid, of) => match uuids.get(uuid) {
                Some(kind) if of.contains(kind) => continue,
                Some(kind) => format!("{uuid} is one of {kind}, and not of {}", of.join(" or ")),
                None => format!("nothing has the UUID {uuid}"),
            },
            Reference::Token(id, kind) => {
                if tokens.contains(&(kind, id)) || catalog.0.contains(&(kind, id.to_owned())) {
                    continue;
                }
                format!("there is no {} {id}", kind.as_str())
            }
        };
        faults.push(Fault { at, what: missing });
    }
    faults
}

enum Reference<'a> {
    Uuid(&'a str, &'static [&'static str]),
    Token(&'a str, Kind),
}

#[derive(Default)]
struct Walk<'a> {
    /// UUIDs that are defined, with the member whose items have them.
    uuids: BTreeMap<&'a str, &'a str>,
    tokens: BTreeSet<(Kind, &'a str)>,
    references: Vec<(String, Reference<'a>)>,
    faults: Vec<Fault>,
}

impl<'a> Walk<'a> {
    /// Takes in a value that is, or is an item of, the member of this name.
    fn value(&mut self, value: &'a Value, member: &'a str, at: &str) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    let below = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                    match (name.as_str(), value) {
                        ("uuid", Value::String(uuid)) => self.define_uuid(uuid, member, &below),
                        ("id", Value::String(id)) => self.define_token(id, member, &below),
                        _ => self.value(value, name, &below),
                    }
                }
            }
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.value(item, member, &format!("{at}/{i}"));
                }
            }
            Value::String(text) => self.text(text, member, at),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn fault(&mut self, at: &str, what: String) {
        self.faults.push(Fault { at: at.to_owned(), what });
    }

    fn define_uuid(&mut self, uuid: &'a str, member: &'a str, at: &str) {
        if !is_uuid(uuid) {
            self.fault(at, format!("{uuid:?} is no UUID of version 4 or 5"));
        }
        if self.uuids.insert(uuid, member).is_some() {
            self.fault(at, format!("the UUID {uuid} is there twice"));
        }
    }

    fn define_token(&mut self, id: &'a str, member: &str, at: &str) {
        let Some(kind) = Kind::of(member) else { return };
        if !self.tokens.insert((kind, id)) {
            self.fault(at, format!("the {} {id} is there twice", kind.as_str()));
        }
    }

    fn text(&mut self, text: &'a str, member: &str, at: &str) {
        if let Some((_, of)) = UUIDS.iter().find(|(name, _)| *name == member) {
            self.references.push((at.to_owned(), Reference::Uuid(text, of)));
        } else if let Some((_, kind)) = TOKENS.iter().find(|(name, _)| *name == member) {
            self.references.push((at.to_owned(), Reference::Token(text, *kind)));
        } else if FRAGMENTS.contains(&member) {
            if let Some(uuid) = text.strip_prefix('#') {
                self.references.push((at.to_owned(), Reference::Uuid(uuid, &["resources"])));
            }
        } else if member.ends_with("-uuid") || member.ends_with("-uuids") || member.ends_with("-ids") {
            self.fault(at, format!("{member} is a kind of reference that is not looked at"));
        } else if member == "prose" {
            for rest in text.split(INSERT.0).skip(1) {
                let id = rest.split(INSERT.1).next().unwrap_or_default();
                self.references.push((at.to_owned(), Reference::Token(id, Kind::Parameter)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const A: &str = "268465ca-fb5b-50b5-ba83-9573d1e34b82";
    const B: &str = "707f48ac-9803-5122-8c58-6ae3dd2505e6";

    fn said(document: &Value) -> Vec<String> {
        faults(document, &Ids::of_controls(["164.312(b)"])).iter().map(Fault::to_string).collect()
    }

    #[test]
    fn each_kind_of_fault_is_told_with_its_place() {
        let sound = json!({ "x": { "components": [{ "uuid": A }], "back-matter": { "resources": [{ "uuid": B }] },
            "subjects": [{ "subject-uuid": A }], "links": [{ "href": format!("#{B}") }, { "href": "catalog.json" }],
            "target-id": "c-164.312_b_smt", "controls": [{ "control-id": "c-164.312_b" }] } });
        assert_eq!(said(&sound), Vec::<String>::new());
        for (pointer, new, expected) in [
            (
                "/x/subjects/0/subject-uuid",
                json!(B),
                "/x/subjects/0/subject-uuid: 707f48ac-9803-5122-8c58-6ae3dd2505e6 is one of resources, and not of components",
            ),
            ("/x/links/0/href", json!("#x"), "/x/links/0/href: nothing has the UUID x"),
            ("/x/target-id", json!("c-164.312_c_smt"), "/x/target-id: there is no part c-164.312_c_smt"),
            ("/x/controls/0/control-id", json!("c-1"), "/x/controls/0/control-id: there is no control c-1"),
            (
                "/x/subjects",
                json!({ "user-uuid": A }),
                "/x/subjects/user-uuid: user-uuid is a kind of reference that is not looked at",
            ),
            ("/x/subjects", json!({ "prose": "{{ insert: param, p }}" }), "/x/subjects/prose: there is no parameter p"),
            (
                "/x/subjects",
                json!({ "parts": [{ "id": "p" }, { "id": "p" }] }),
                "/x/subjects/parts/1/id: the part p is there twice",
            ),
            ("/x/subjects", json!({ "uuid": "p" }), "/x/subjects/uuid: \"p\" is no UUID of version 4 or 5"),
        ] {
            let mut broken = sound.clone();
            *broken.pointer_mut(pointer).unwrap() = new;
            assert_eq!(said(&broken), [expected]);
        }
        let mut twice = sound;
        twice["x"]["tasks"] = json!([{ "uuid": A }]);
        // Which of the two a reference leads to cannot be said.
        assert!(said(&twice)[0].ends_with("is there twice"), "{:?}", said(&twice));
    }
}
