//! A client by hand: it sends exactly what it is told to, line by line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// A server that this test started, and both ends of it.
pub struct Session {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    next: u64,
}

/// What a tool answered.
pub struct Told {
    pub refused: bool,
    pub document: Value,
    pub text: String,
}

impl Session {
    /// Starts a server, and says nothing yet.
    pub fn start(arguments: &[String]) -> Self {
        let mut writ = Command::new(env!("CARGO_BIN_EXE_writ"));
        writ.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = writ.spawn().unwrap();
        let (to, from) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, to, from, next: 0 }
    }

    /// Starts one, and begins as the protocol asks.
    pub fn open(arguments: &[String]) -> Self {
        let mut session = Self::start(arguments);
        let info = session.initialize("2025-06-18");
        assert_eq!(info["protocolVersion"], "2025-06-18", "{info}");
        session
    }

    /// Initializes with a version of the protocol; gives what the server says of itself.
    pub fn initialize(&mut self, version: &str) -> Value {
        let client = json!({ "name": "by hand\u{1b}", "version": "1.0" });
        let asked = json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": client });
        let info = self.ask("initialize", asked).unwrap();
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string());
        info
    }

    /// Sends a line as it is.
    pub fn send(&mut self, line: &str) {
        let to = self.to.as_mut().unwrap();
        writeln!(to, "{line}").unwrap();
        to.flush().unwrap();
    }

    /// The next line, as JSON.
    pub fn receive(&mut self) -> Value {
        let mut line = String::new();
        assert!(self.from.read_line(&mut line).unwrap() > 0, "the server went");
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"))
    }

    /// Asks, and gives the result or the error.
    pub fn ask(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string());
        let answer = loop {
            let answer = self.receive();
            // What was no message of ours is answered without an id.
            if answer["id"] == id {
                break answer;
            }
        };
        match answer.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(answer["result"].clone()),
        }
    }

    /// Calls a tool.
    pub fn call(&mut self, tool: &str, arguments: Value) -> Told {
        let result = self.ask("tools/call", json!({ "name": tool, "arguments": arguments })).unwrap();
        Told {
            refused: result["isError"] == true,
            text: result["content"][0]["text"].as_str().unwrap().to_owned(),
            document: result["structuredContent"].clone(),
        }
    }

    /// Calls a tool that answers.
    pub fn get(&mut self, tool: &str, arguments: Value) -> Value {
        let told = self.call(tool, arguments);
        assert!(!told.refused, "{tool}: {}", told.text);
        told.document
    }

    /// Calls a tool that does not answer; gives why.
    pub fn refusal(&mut self, tool: &str, arguments: Value) -> String {
        let told = self.call(tool, arguments.clone());
        assert!(told.refused, "{tool} answers {arguments}: {}", told.text);
        assert!(told.text.lines().count() == 1 && told.text.len() < 5_000, "{}", told.text);
        told.text
    }

    /// That it still answers.
    pub fn lives(&mut self) {
        assert_eq!(self.ask("ping", json!({})).unwrap(), json!({}));
    }

    /// Closes this end, and waits for the server to go.
    pub fn close(mut self) -> Option<i32> {
        drop(self.to.take());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
