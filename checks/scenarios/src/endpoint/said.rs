//! What an endpoint answers.

use std::io::{Read as _, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::{Asked, Manner, lock};

/// How much an answer without an end sends before the endpoint itself gives up, in bytes.
const ENDLESS: u64 = 1 << 30;
/// What stands in the place of a number of tokens until all else is written.
const TOKENS: u64 = 987_654_321;

/// An answer that is to be given.
pub struct Answer<'a> {
    /// To this.
    pub asked: &'a Asked,
    /// What it is to name.
    pub prefers: &'a [String],
    /// The body of the last good answer.
    pub last: &'a Mutex<Vec<u8>>,
}

impl Answer<'_> {
    /// Gives it.
    pub fn give(&self, client: &mut TcpStream, manner: &Manner, stop: &AtomicBool) -> Result<()> {
        let good = || self.body(&[self.choice(None)]);
        match manner {
            Manner::Behaves => self.give_and_remember(client, good()),
            Manner::Slow(time) => {
                thread::sleep(*time);
                self.give_and_remember(client, good())
            }
            Manner::Names(names) => send(client, 200, &self.body(&[self.choice(Some(names))])),
            Manner::Adds(members) => {
                let mut choice = self.choice(None);
                if let (Some(choice), Some(members)) = (choice.as_object_mut(), members.as_object()) {
                    choice.extend(members.clone());
                }
                send(client, 200, &self.body(&[choice]))
            }
            Manner::Says(text) => send(client, 200, &self.body(&[Value::String(text.clone())])),
            Manner::Contradicts(one, other) => {
                send(client, 200, &self.body(&[self.choice(Some(one)), self.choice(Some(other))]))
            }
            Manner::Counts(number) => send(client, 200, &self.counted(number, &[self.choice(None)])),
            Manner::Repeats => send(client, 200, &lock(self.last).clone()),
            Manner::Sends(body) => send(client, 200, body),
            Manner::Status(status) => {
                send(client, *status, &json!({ "error": { "message": "it does not work" } }).to_string().into_bytes())
            }
            Manner::Redirects(to) => {
                let head = format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {to}\r\nContent-Length: 0\r\n");
                Ok(client.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?)
            }
            Manner::Oversized(length) => {
                let mut body = good();
                body.resize(body.len().max(*length), b' ');
                send(client, 200, &body)
            }
            Manner::Truncated => {
                let body = good();
                client.write_all(head(200, body.len()).as_bytes())?;
                Ok(client.write_all(&body[..body.len() / 2])?)
            }
            Manner::Drips(pause) => {
                let body = good();
                client.write_all(head(200, body.len()).as_bytes())?;
                for byte in body {
                    thread::sleep(*pause);
                    client.write_all(&[byte])?;
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
                Ok(())
            }
            Manner::Endless => endless(client, stop),
            // Until the client has had enough.
            Manner::Silent => Ok(client.read(&mut [0; 1]).map(drop)?),
            Manner::Down => Ok(()),
        }
    }

    fn give_and_remember(&self, client: &mut TcpStream, body: Vec<u8>) -> Result<()> {
        let sent = send(client, 200, &body);
        *lock(self.last) = body;
        sent
    }

    /// How many tokens the question has: four bytes make about one.
    fn tokens(&self) -> String {
        (self.asked.body.len() / 4).to_string()
    }

    /// What the question's own schema takes, with these names, or those preferred of what is offered.
    fn choice(&self, named: Option<&[String]>) -> Value {
        let asked = self.asked.json();
        let schema = &asked["response_format"]["json_schema"]["schema"];
        match named {
            Some(names) => filled(schema, names, false),
            None => filled(schema, self.prefers, true),
        }
    }

    /// A whole answer with these choices.
    fn body(&self, choices: &[Value]) -> Vec<u8> {
        self.counted(&self.tokens(), choices)
    }

    /// The same with this in the place of each number of tokens. Choices that are text stand as they are, others as the JSON that
    /// they are.
    fn counted(&self, tokens: &str, choices: &[Value]) -> Vec<u8> {
        let text = |choice: &Value| match choice {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let choice = |(index, choice): (usize, &Value)| json!({ "index": index, "message": { "role": "assistant", "content": text(choice) }, "finish_reason": "stop" });
        let choices: Vec<Value> = choices.iter().enumerate().map(choice).collect();
        let body = json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1_790_000_000, "model": self.asked.json()["model"],
            "choices": choices, "usage": { "prompt_tokens": TOKENS, "completion_tokens": TOKENS, "total_tokens": TOKENS },
        });
        body.to_string().replace(&TOKENS.to_string(), tokens).into_bytes()
    }
}

/// A value that a schema takes; where it has names to choose among, those that are preferred, or the first. When it is not `honest`,
/// a list has those preferred whether or not they are among them.
fn filled(schema: &Value, prefers: &[String], honest: bool) -> Value {
    if let Some(of) = schema["enum"].as_array() {
        let offered = |name: &&String| of.contains(&Value::from(name.as_str()));
        return prefers
            .iter()
            .find(offered)
            .map(|name| json!(name))
            .or_else(|| of.first().cloned())
            .unwrap_or_default();
    }
    match schema["type"].as_str() {
        Some("object") => {
            let members = schema["properties"].as_object().into_iter().flatten();
            members.map(|(name, of)| (name.clone(), filled(of, prefers, honest))).collect::<Map<_, _>>().into()
        }
        Some("array") => {
            let most = schema["maxItems"].as_u64().and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
            let of = schema["items"]["enum"].as_array();
            let offered = |name: &&String| !honest || of.is_some_and(|of| of.contains(&Value::from(name.as_str())));
            let mut named: Vec<Value> = prefers.iter().filter(offered).take(most).map(|name| json!(name)).collect();
            if named.is_empty() {
                named.push(filled(&schema["items"], prefers, honest));
            }
            named.into()
        }
        Some("boolean") => false.into(),
        Some("integer" | "number") => 0.into(),
        _ => "it is what stands there for this".into(),
    }
}

fn head(status: u16, length: usize) -> String {
    let phrase = if status == 200 { "OK" } else { "So It Is" };
    format!(
        "HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
}

fn send(client: &mut TcpStream, status: u16, body: &[u8]) -> Result<()> {
    client.write_all(&[head(status, body.len()).as_bytes(), body].concat())?;
    Ok(())
}

fn endless(client: &mut TcpStream, stop: &AtomicBool) -> Result<()> {
    client.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")?;
    let block = [b' '; 64 * 1024];
    let mut sent = 0;
    while sent < ENDLESS && !stop.load(Ordering::Relaxed) && client.write_all(&block).is_ok() {
        sent += block.len() as u64;
    }
    Ok(())
}
