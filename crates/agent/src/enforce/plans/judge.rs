//! Judging what lies where an answer is expected. Whoever wrote it is taken for hostile. Pure.

use std::io;

use writ_trust::digest::Digest;
use writ_trust::text::one_line;
use writ_wire::plan::Plan;

use crate::enforce::incident::Answer;

/// What was read in answer to a request, or why it could not be.
///
/// What is offered, and until when, the incident knows: it judges the rest.
pub fn judge(read: io::Result<Vec<u8>>, request: Digest) -> Answer {
    let refused = |rule, message: String, plan| Answer::Refused { rule, message: one_line(message), plan };
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(e) => return refused("plan-unreadable", format!("what lies there as a plan cannot be read: {e}"), None),
    };
    let digest = Some(Digest::of(&bytes));
    let plan = match Plan::parse(&bytes) {
        Ok(plan) => plan,
        Err(e) => return refused("plan-shape", format!("it is no plan: {e}"), digest),
    };
    if let Some(what) = plan.excess() {
        return refused("plan-bounds", format!("its {what} is too long, or no plain name"), digest);
    }
    if plan.request != request {
        return refused("plan-request", "it answers another request than the one that is open".to_owned(), digest);
    }
    let reason = plan.why();
    Answer::Plan { planner: plan.planner, runbook: plan.runbook, reason, plan: Digest::of(&bytes) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn request() -> Digest {
        Digest::of(b"request")
    }

    fn good() -> Value {
        json!({ "schema": "writ.plan.v1", "request": request(), "planner": "p/1", "runbook": "RB-A", "reason": "why" })
    }

    fn rule(plan: &Value) -> &'static str {
        match judge(Ok(plan.to_string().into_bytes()), request()) {
            Answer::Refused { rule, .. } => rule,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_lie_breaks_its_rule() {
        let with = |name: &str, value: Value| {
            let mut plan = good();
            plan[name] = value;
            plan
        };
        assert!(
            matches!(judge(Ok(good().to_string().into_bytes()), request()), Answer::Plan { runbook, .. } if runbook == "RB-A")
        );
        assert_eq!(rule(&with("request", json!(Digest::of(b"another")))), "plan-request");
        assert_eq!(rule(&with("made_at", json!("2099-01-01T00:00:00Z"))), "plan-shape");
        assert_eq!(rule(&with("parameters", json!({ "path": "/etc/shadow" }))), "plan-shape");
        assert_eq!(rule(&with("runbook", json!("x".repeat(200)))), "plan-bounds");
        assert_eq!(rule(&with("planner", json!("a\nb"))), "plan-bounds");
        let unreadable = judge(Err(io::ErrorKind::FileTooLarge.into()), request());
        assert!(matches!(unreadable, Answer::Refused { rule: "plan-unreadable", plan: None, .. }));
    }

    proptest! {
        /// Whatever is written, what comes of it names this request.
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), at in any::<usize>(), with in any::<u8>()) {
            judge(Ok(bytes), request());
            let mut bytes = good().to_string().into_bytes();
            let at = at % bytes.len();
            bytes[at] = with;
            if let Answer::Plan { planner, runbook, .. } = judge(Ok(bytes.clone()), request()) {
                prop_assert_eq!(Plan::parse(&bytes).unwrap().request, request());
                prop_assert!(planner.len() <= 128 && runbook.len() <= 128);
            }
        }
    }
}
