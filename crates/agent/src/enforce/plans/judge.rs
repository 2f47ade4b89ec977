//! Judging what lies where an answer is expected. Whoever wrote it is taken for hostile. Pure.

use std::io;

use writ_evidence::records::Transcript;
use writ_evidence::scrub::scrub;
use writ_trust::digest::Digest;
use writ_trust::text::one_line;
use writ_wire::plan::{self, Plan, is_name};

use crate::enforce::incident::Answer;

/// What stands for the name of a model that was no name any more once it was scrubbed.
const SCRUBBED: &str = "[scrubbed]";

/// What was read in answer to a request, or why it could not be. `model` is the one that the policy lets be asked: what is told of
/// another is not taken, for the policy says what is paid, and nobody else.
///
/// What is offered, and until when, the incident knows: it judges the rest.
pub fn judge(read: io::Result<Vec<u8>>, request: Digest, model: Option<&str>) -> Answer {
    let refused = |rule, message: String, plan, transcript| {
        let message = one_line(message);
        Answer::Refused { rule, message, plan, transcript }
    };
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(e) => {
            return refused("plan-unreadable", format!("what lies there as a plan cannot be read: {e}"), None, None);
        }
    };
    let digest = Some(Digest::of(&bytes));
    let plan = match Plan::parse(&bytes) {
        Ok(plan) => plan,
        Err(e) => return refused("plan-shape", format!("it is no plan: {e}"), digest, None),
    };
    if plan.request != request {
        // What it tells of a model belongs to that other request: nothing is counted twice.
        let message = "it answers another request than the one that is open".to_owned();
        return refused("plan-request", message, digest, None);
    }
    let call = plan.transcript.as_ref().filter(|call| call.excess().is_none() && model == Some(call.model.as_str()));
    let call = call.map(|call| Box::new(transcript(call)));
    if let Some(what) = plan.excess() {
        let message = format!("its {what} is too long or too large, or no plain name");
        return refused("plan-bounds", message, digest, call);
    }
    let (planner, reason) = (scrub(&plan.planner).into_owned(), one_line(scrub(&plan.reason)));
    Answer::Plan { planner, runbooks: plan.runbooks(), reason, plan: Digest::of(&bytes), transcript: call }
}

/// What a planner tells of a model, as evidence may hold it. Its word that the texts are scrubbed is not taken.
fn transcript(call: &plan::Transcript) -> Transcript {
    // What is scrubbed may become longer than a name is in evidence, and no bundle would hold it.
    let model = scrub(&call.model);
    Transcript {
        model: if is_name(&model) { model.into_owned() } else { SCRUBBED.to_owned() },
        prompt: call.prompt,
        asked: plain(&call.asked),
        answered: plain(&call.answered),
        outcome: call.outcome.clone(),
        input_tokens: call.input_tokens,
        output_tokens: call.output_tokens,
        cost_microdollars: call.cost_microdollars,
        took_ms: call.took_ms,
    }
}

/// A text of some lines without a patient's data, and without what commands a terminal.
fn plain(text: &str) -> String {
    let visible: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    scrub(&visible).into_owned()
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
        match judge(Ok(plan.to_string().into_bytes()), request(), None) {
            Answer::Refused { rule, .. } => rule,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_reason_is_scrubbed_and_names_stay() {
        let mut plan = good();
        plan["planner"] = json!("writ-planner/0.1.0");
        plan["reason"] = json!("SSN 219-09-9999\nof a patient");
        let Answer::Plan { planner, reason, .. } = judge(Ok(plan.to_string().into_bytes()), request(), None) else {
            panic!()
        };
        assert!(
            planner == "writ-planner/0.1.0" && !reason.contains("219-09-9999") && !reason.contains('\n'),
            "{reason}"
        );
    }

    #[test]
    fn each_lie_breaks_its_rule() {
        let with = |name: &str, value: Value| {
            let mut plan = good();
            plan[name] = value;
            plan
        };
        assert!(
            matches!(judge(Ok(good().to_string().into_bytes()), request(), None), Answer::Plan { runbooks, .. } if runbooks == ["RB-A"])
        );
        assert_eq!(rule(&with("request", json!(Digest::of(b"another")))), "plan-request");
        assert_eq!(rule(&with("made_at", json!("2099-01-01T00:00:00Z"))), "plan-shape");
        assert_eq!(rule(&with("parameters", json!({ "path": "/etc/shadow" }))), "plan-shape");
        assert_eq!(rule(&with("runbook", json!("x".repeat(200)))), "plan-bounds");
        assert_eq!(rule(&with("planner", json!("a\nb"))), "plan-bounds");
        assert_eq!(rule(&with("then", json!("RB-B"))), "plan-shape");
        assert_eq!(rule(&with("then", json!([{ "runbook": "RB-B", "parameters": {} }]))), "plan-shape");
        assert_eq!(rule(&with("then", json!(["RB-B", "a b"]))), "plan-bounds");
        assert_eq!(rule(&with("then", json!(["1", "2", "3", "4", "5"]))), "plan-bounds");
        let unreadable = judge(Err(io::ErrorKind::FileTooLarge.into()), request(), None);
        assert!(matches!(unreadable, Answer::Refused { rule: "plan-unreadable", plan: None, .. }));
    }

    /// The planner says that it scrubbed its texts; they are scrubbed again. What came of a call is told also where the plan is
    /// refused, but not of a call for another request, which was told with that one.
    #[test]
    fn what_is_told_of_a_model_is_scrubbed_again() {
        let call = json!({
            "model": "small:8b", "prompt": Digest::of(b"prompt"), "asked": "SSN 219-09-9999 \u{1b}[2J\nof a patient",
            "answered": "MRN: 00123456", "outcome": "schema", "input_tokens": 900, "cost_microdollars": 12, "took_ms": 800,
        });
        let of_model = |plan: &Value, model| match judge(Ok(plan.to_string().into_bytes()), request(), model) {
            Answer::Plan { transcript, .. } | Answer::Refused { transcript, .. } => transcript,
            Answer::None => None,
        };
        let of = |plan: &Value| of_model(plan, Some("small:8b"));
        let mut plan = good();
        plan["transcript"] = call;
        let told = of(&plan).unwrap();
        assert!(of_model(&plan, None).is_none() && of_model(&plan, Some("small:9b")).is_none());
        assert!(!told.asked.contains("219-09-9999") && !told.answered.contains("00123456"), "{told:?}");
        assert!(!told.asked.contains('\u{1b}') && told.asked.contains('\n'), "{told:?}");
        assert_eq!((told.cost_microdollars, told.input_tokens, told.output_tokens), (12, Some(900), None));
        plan["then"] = json!(["a b"]);
        assert!(rule(&plan) == "plan-bounds" && of(&plan).is_some());
        plan["transcript"]["cost_microdollars"] = json!(9_007_199_254_740_992_u64);
        assert!(rule(&plan) == "plan-bounds" && of(&plan).is_none());
        plan["request"] = json!(Digest::of(b"another"));
        assert!(rule(&plan) == "plan-request" && of(&plan).is_none());
    }

    /// Scrubbing makes what looks like many addresses longer than a name may be in evidence; the bundle is sealed all the same.
    #[test]
    fn a_model_that_is_no_name_once_it_is_scrubbed_has_none() {
        let model = "a@b.co,".repeat(18);
        assert!(is_name(&model) && !is_name(&scrub(&model)), "{}", scrub(&model));
        let mut plan = good();
        plan["transcript"] = json!({ "model": model, "prompt": Digest::of(b"prompt"), "asked": "why", "answered": "",
            "outcome": "timeout", "cost_microdollars": 0, "took_ms": 800 });
        let Answer::Plan { transcript: Some(told), .. } =
            judge(Ok(plan.to_string().into_bytes()), request(), Some(&model))
        else {
            panic!()
        };
        assert_eq!(told.model, SCRUBBED);
    }

    proptest! {
        /// Whatever is written, what comes of it names this request.
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), at in any::<usize>(), with in any::<u8>()) {
            judge(Ok(bytes), request(), None);
            let mut bytes = good().to_string().into_bytes();
            let at = at % bytes.len();
            bytes[at] = with;
            if let Answer::Plan { planner, runbooks, .. } = judge(Ok(bytes.clone()), request(), None) {
                prop_assert_eq!(Plan::parse(&bytes).unwrap().request, request());
                prop_assert!(planner.len() <= 128 && runbooks.iter().all(|runbook| runbook.len() <= 128));
            }
        }
    }
}
