//! What a model answered: whoever wrote it is taken for hostile. Pure.

use serde::Deserialize;
use serde::de::IgnoredAny;
use writ_trust::json;
use writ_trust::text::one_line;

use super::foreign::{self, Count};
use super::outcome::Outcome;
use super::prompt::{Expected, MOST_TOKENS};

/// The largest answer, in bytes.
pub const MAX_ANSWER: usize = 256 * 1024;
/// The largest content of one, in bytes.
const MAX_CONTENT: usize = 16 * 1024;
/// What stands at the end of a text that is not all of it.
pub const CUT: &str = "[cut]";

/// The most bytes that a token is believed to stand for: whoever counts fewer tokens would be paid too little in the books.
const MOST_BYTES_OF_A_TOKEN: u64 = 8;

/// What was read of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// What it said, or the beginning of what cannot be read.
    pub said: String,
    /// Tokens that it counted of what it was asked, where that can be believed.
    pub input_tokens: Option<u64>,
    /// Tokens that it counted of what it answered, where that can be believed.
    pub output_tokens: Option<u64>,
    /// Runbooks in order and its reason; or what is wrong, by name and in words.
    pub choice: Result<(Vec<String>, String), Wrong>,
}

/// What is wrong, by name and in words.
pub type Wrong = (Outcome, String);

// OpenAI's `chat.completion` object, as far as it is looked at: https://platform.openai.com/docs/api-reference/chat/object
#[derive(Deserialize)]
struct Completion {
    id: String,
    object: String,
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: Option<u64>,
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<IgnoredAny>>,
    #[serde(default)]
    function_call: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: Count,
    #[serde(default)]
    completion_tokens: Count,
}

/// What stands in the content.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    request: String,
    runbooks: Vec<String>,
    reason: String,
}

/// Reads an answer to a prompt whose body had so many bytes.
pub fn read(bytes: &[u8], expected: &Expected, sent: usize) -> Read {
    let completion: Completion = match foreign::parse(bytes, MAX_ANSWER) {
        Ok(completion) => completion,
        Err(why) => {
            let mut said = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_CONTENT)]).into_owned();
            if bytes.len() > MAX_CONTENT {
                said.push_str(CUT);
            }
            return Read { said, input_tokens: None, output_tokens: None, choice: malformed(&why) };
        }
    };
    let usage =
        completion.usage.as_ref().map_or((Count(None), Count(None)), |u| (u.prompt_tokens, u.completion_tokens));
    // No tokenizer makes more tokens than bytes, beside a few that mark the messages, and none makes as few as that of a text. What
    // is beyond is no count.
    let believed = |count: Count, bytes: usize| {
        let bytes = bytes as u64;
        let least = (bytes / MOST_BYTES_OF_A_TOKEN).max(1);
        count.0.filter(|count| (least..=bytes.saturating_add(MOST_TOKENS)).contains(count))
    };
    let first = completion.choices.first().map(|choice| &choice.message);
    let said =
        first.and_then(|message| message.content.clone().or_else(|| message.refusal.clone())).unwrap_or_default();
    Read {
        input_tokens: believed(usage.0, sent),
        output_tokens: believed(usage.1, said.len()),
        choice: judge(&completion, expected),
        said,
    }
}

fn malformed<T>(why: &str) -> Result<T, Wrong> {
    Err((Outcome::Malformed, one_line(why)))
}

fn judge(completion: &Completion, expected: &Expected) -> Result<(Vec<String>, String), Wrong> {
    if completion.object != "chat.completion" || completion.id.is_empty() {
        return malformed("it is no chat.completion");
    }
    let [choice] = completion.choices.as_slice() else { return malformed("it has not one choice") };
    let message = &choice.message;
    if choice.index.unwrap_or(0) != 0 || message.role != "assistant" {
        return malformed("its choice is another one's");
    }
    let wants_tools =
        message.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty()) || message.function_call.is_some();
    if wants_tools || message.refusal.as_ref().is_some_and(|refusal| !refusal.is_empty()) {
        return Err((Outcome::Refused, "it did not answer, or wants a tool".to_owned()));
    }
    match choice.finish_reason.as_deref() {
        Some("stop") => {}
        Some("length") => return Err((Outcome::CutOff, "it was cut off at its bound".to_owned())),
        Some("content_filter" | "tool_calls" | "function_call") => {
            return Err((Outcome::Refused, "it did not answer, or wants a tool".to_owned()));
        }
        _ => return malformed("it came to no end that is known"),
    }
    let content = message.content.as_deref().unwrap_or_default();
    let said: Said = match json::parse(content.trim().as_bytes(), MAX_CONTENT) {
        Ok(said) => said,
        Err(e) => return malformed(&format!("its content is not what was asked for: {e}")),
    };
    chosen(said, expected)
}

/// Every runbook was offered and is named once, and they are as many as may be.
fn chosen(said: Said, expected: &Expected) -> Result<(Vec<String>, String), Wrong> {
    let Said { request, runbooks, reason } = said;
    if request != expected.request {
        return Err((Outcome::AnotherRequest, "it answers another request".to_owned()));
    }
    if runbooks.is_empty() {
        return malformed("it names no runbook");
    }
    if runbooks.len() > expected.most {
        return Err((Outcome::TooMany, format!("it names more than {} runbooks", expected.most)));
    }
    for (place, runbook) in runbooks.iter().enumerate() {
        if !expected.offered.contains(runbook) {
            return Err((Outcome::NotOffered, format!("{} was not offered", one_line(runbook))));
        }
        if runbooks[..place].contains(runbook) {
            return Err((Outcome::Repeated, format!("{} is named twice", one_line(runbook))));
        }
    }
    Ok((runbooks, reason))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn expected() -> Expected {
        Expected {
            request: "0123456789abcdef".into(),
            offered: vec!["RB-A".into(), "RB-B".into(), "RB-C".into()],
            most: 2,
        }
    }

    fn content() -> Value {
        json!({ "request": "0123456789abcdef", "runbooks": ["RB-B", "RB-A"], "reason": "it helped" })
    }

    fn good() -> Value {
        json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "small-1-2026",
            "choices": [{ "index": 0, "finish_reason": "stop", "logprobs": null,
                "message": { "role": "assistant", "content": content().to_string(), "refusal": null } }],
            "usage": { "prompt_tokens": 700, "completion_tokens": 20, "total_tokens": 720 },
            "timings": { "prompt_ms": 12.5 },
        })
    }

    fn read_value(value: &Value) -> Read {
        read(value.to_string().as_bytes(), &expected(), 2000)
    }

    fn with(pointer: &str, value: Value) -> Value {
        let mut answer = good();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        answer.pointer_mut(parent).unwrap()[key] = value;
        answer
    }

    fn outcome(value: &Value) -> &'static str {
        read_value(value).choice.map_or_else(|(outcome, _)| outcome.name(), |_| "chosen")
    }

    #[test]
    fn a_good_answer_names_runbooks_in_order() {
        let read = read_value(&good());
        assert_eq!(read.choice, Ok((vec!["RB-B".to_owned(), "RB-A".to_owned()], "it helped".to_owned())));
        assert_eq!((read.input_tokens, read.output_tokens), (Some(700), Some(20)));
    }

    /// Each answer and what it comes to.
    #[test]
    fn each_lie_has_its_name() {
        let says = |content: &str| with("/choices/0/message/content", json!(content));
        let say = |key: &str, value: Value| {
            let mut content = content();
            content[key] = value;
            says(&content.to_string())
        };
        for (answer, wanted) in [
            (good(), "chosen"),
            (say("reason", json!("因为它以前有帮助\n\u{1b}[2J")), "chosen"),
            (say("runbooks", json!(["RB-X"])), "not-offered"),
            (say("runbooks", json!(["RB-A; rm -rf /"])), "not-offered"),
            (say("runbooks", json!(["RB-A", "RB-A"])), "repeated"),
            (say("runbooks", json!(["RB-A", "RB-B", "RB-C"])), "too-many"),
            (say("runbooks", json!([])), "malformed"),
            (say("runbooks", json!("RB-A")), "malformed"),
            (say("runbooks", json!([{ "id": "RB-A" }])), "malformed"),
            (say("parameters", json!({ "path": "/etc/shadow" })), "malformed"),
            (say("request", json!("fedcba9876543210")), "another-request"),
            (says("I would run RB-A."), "malformed"),
            (says("Ich würde RB-A nehmen."), "malformed"),
            (says(""), "malformed"),
            (says("```json\n{}\n```"), "malformed"),
            (
                says(r#"{"request":"0123456789abcdef","runbooks":["RB-A"],"runbooks":["RB-B"],"reason":"x"}"#),
                "malformed",
            ),
            (says(&format!("{}1{}", "[".repeat(100), "]".repeat(100))), "malformed"),
            (says(&format!("{} {}", content(), " ".repeat(20_000))), "chosen"),
            (say("reason", json!("x".repeat(20_000))), "malformed"),
            (with("/choices/0/message/content", Value::Null), "malformed"),
            (with("/choices/0/message/content", json!(["RB-A"])), "malformed"),
            (with("/choices/0/message/refusal", json!("I cannot help")), "refused"),
            (with("/choices/0/message/tool_calls", json!([{ "id": "1" }])), "refused"),
            (with("/choices/0/message/tool_calls", json!([])), "chosen"),
            (with("/choices/0/message/function_call", json!({ "name": "sh" })), "refused"),
            (with("/choices/0/message/role", json!("user")), "malformed"),
            (with("/choices/0/index", json!(1)), "malformed"),
            (with("/choices/0/finish_reason", json!("length")), "cut-off"),
            (with("/choices/0/finish_reason", json!("content_filter")), "refused"),
            (with("/choices/0/finish_reason", Value::Null), "malformed"),
            (with("/choices", json!([])), "malformed"),
            (with("/choices", json!([good()["choices"][0], good()["choices"][0]])), "malformed"),
            (with("/object", json!("error")), "malformed"),
            (with("/id", json!(7)), "malformed"),
            (json!({ "error": { "message": "no" } }), "malformed"),
            (json!([good()]), "malformed"),
        ] {
            assert_eq!(outcome(&answer), wanted, "{answer}");
        }
        let bytes = |bytes: &[u8]| read(bytes, &expected(), 2000).choice.unwrap_err().0.name();
        let text = good().to_string();
        assert_eq!(bytes(&text.as_bytes()[..text.len() - 1]), "malformed");
        assert_eq!(bytes(text.replacen("\"id\"", "\"id\":\"x\",\"id\"", 1).as_bytes()), "malformed");
        assert_eq!(bytes(text.replace("12.5", "NaN").as_bytes()), "malformed");
        assert_eq!(bytes(b""), "malformed");
        assert_eq!(bytes(&vec![b' '; MAX_ANSWER + 1]), "malformed");
        let said = |long: usize| read(&vec![b'x'; long], &expected(), 2000).said;
        assert!(said(MAX_CONTENT + 1).ends_with("x[cut]") && said(MAX_CONTENT).ends_with('x'));
    }

    #[test]
    fn counts_that_cannot_be_are_none() {
        for odd in [
            json!(-5),
            json!(0),
            json!(1.5),
            json!("7"),
            json!(null),
            json!(u64::MAX),
            json!(1_000_000),
            json!([1]),
            json!(249),
        ] {
            let read = read_value(&with("/usage/prompt_tokens", odd.clone()));
            assert_eq!((read.input_tokens, read.choice.is_ok()), (None, true), "{odd}");
        }
        assert_eq!(read_value(&with("/usage/prompt_tokens", json!(250))).input_tokens, Some(250));
        assert_eq!(read_value(&with("/usage/completion_tokens", json!(1))).output_tokens, None);
        let mut none = good();
        none.as_object_mut().unwrap().remove("usage");
        assert_eq!((read_value(&none).input_tokens, read_value(&none).output_tokens), (None, None));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever is changed in an answer: what comes of it was offered, once each, and is as many as may be.
        #[test]
        fn no_bytes_choose_what_was_not_offered(at in any::<usize>(), with in any::<u8>(), cut in any::<u16>()) {
            let mut bytes = good().to_string().into_bytes();
            let at = at % bytes.len();
            bytes[at] = with;
            bytes.truncate(bytes.len().saturating_sub(usize::from(cut % 8)));
            if let Ok((runbooks, _)) = read(&bytes, &expected(), 2000).choice {
                prop_assert!((1..=2).contains(&runbooks.len()));
                prop_assert!(runbooks.iter().all(|runbook| expected().offered.contains(runbook)));
            }
        }
    }
}
