//! Predicates that no observation can satisfy, or a branch of which none can.

use serde_json::Value as Json;

use super::context::Context;
use super::domain::contradict;
use super::finding::Finding;
use super::predicates::is_sound;
use super::walk::predicates;
use crate::predicate::{Clause, Predicate};
use crate::schema::ProbeSchema;

/// Looks for contradictions in every predicate.
pub fn find(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for found in predicates(context) {
        let mut path = found.item.path(&found.keys);
        let mut own = Vec::new();
        scope(found.probe, found.predicate, &mut path, &[], &mut own);
        findings.extend(own.into_iter().map(|finding| found.item.place(finding)));
    }
}

/// A clause with the path to it.
type Placed = (Vec<String>, Clause);

/// One predicate, given the clauses that hold around it. What stands below `not` is left alone.
fn scope(
    probe: Option<&ProbeSchema>,
    predicate: &Json,
    path: &mut Vec<String>,
    around: &[Placed],
    findings: &mut Vec<Finding>,
) {
    let mut known = around.to_vec();
    let mut alternatives = Vec::new();
    collect(probe, predicate, path, &mut known, &mut alternatives);
    for end in around.len()..known.len() {
        let (culprit, clause) = &known[end];
        let so_far: Vec<&Clause> = known[..=end].iter().map(|(_, c)| c).filter(|c| c.field == clause.field).collect();
        if contradict(&so_far) {
            let all: Vec<String> = so_far.iter().map(|c| format!("`{c}`")).collect();
            let message = match all.len() {
                1 => format!("{} can never hold", all[0]),
                _ => format!("{} can never hold at once", all.join(" and ")),
            };
            findings.push(Finding::error("impossible-predicate", culprit.clone(), message));
            return;
        }
    }
    for (at, branch) in alternatives {
        scope(probe, branch, &mut at.clone(), &known, findings);
    }
}

/// The clauses that must all hold here, and the alternatives of every `any`.
fn collect<'a>(
    probe: Option<&ProbeSchema>,
    predicate: &'a Json,
    path: &mut Vec<String>,
    clauses: &mut Vec<Placed>,
    alternatives: &mut Vec<(Vec<String>, &'a Json)>,
) {
    for (key, inner) in predicate.as_object().into_iter().flatten() {
        path.push(key.clone());
        match (key.as_str(), inner) {
            ("not", _) => {}
            ("any" | "all", Json::Array(parts)) => {
                for (i, part) in parts.iter().enumerate() {
                    path.push(i.to_string());
                    if key == "all" {
                        collect(probe, part, path, clauses, alternatives);
                    } else {
                        alternatives.push((path.clone(), part));
                    }
                    path.pop();
                }
            }
            (field, Json::Object(ops)) => {
                for (op, operand) in ops {
                    let one = serde_json::json!({ field: { op.as_str(): operand } });
                    if let Ok(Predicate::Clause(clause)) = Predicate::from_json(&one)
                        && probe.is_none_or(|probe| is_sound(probe, field, clause.op, operand))
                    {
                        let at = path.iter().cloned().chain([op.clone()]).collect();
                        clauses.push((at, clause));
                    }
                }
            }
            _ => {}
        }
        path.pop();
    }
}
