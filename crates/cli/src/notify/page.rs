//! The page behind a link: what it is about, and a button. Asking for it (GET) changes nothing: mail scanners follow links. The
//! button (POST) answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use writ_notify::book::Book;
use writ_notify::link::{LONGEST, Link, Links};

use super::store::{self, AnswerSchema, Answered};
use crate::clock;
use crate::status::http::{self, MAX_HEAD, Status};
use crate::status::server::{self, Answers};

const HTML: &str = "text/html; charset=utf-8";
/// No script, no style, nothing from elsewhere; a form that leads back here.
const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// How many incidents of several a page names.
const NAMED: usize = 40;

/// What pages show: a line for each incident, by the name that a link has.
pub type View = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

/// What is to be shown of a book.
pub fn view(book: &Book) -> BTreeMap<String, Vec<String>> {
    let line = |key: &String| {
        let incident = book.incidents.get(key)?;
        let stands = match (&incident.ended, &incident.acknowledged) {
            (Some(ended), _) => format!("ended at {}", ended.at),
            (None, Some(said)) => format!("acknowledged by {} at {}", said.by, said.at),
            (None, None) => "nobody has answered".to_owned(),
        };
        let of = format!("{}/{}", incident.site, incident.subject);
        Some(format!("[{}] {of}: {} ({}): {stands}", incident.severity, incident.title, incident.id))
    };
    let single = book.incidents.keys().filter_map(|key| Some((key.clone(), vec![line(key)?])));
    let groups =
        book.groups.iter().map(|(name, keys)| (name.clone(), keys.iter().take(NAMED).filter_map(line).collect()));
    single.chain(groups).collect()
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Its head is not whole yet.
    Unfinished,
    /// What this token is about.
    Show(String),
    /// To answer by this token.
    Answer(String),
    /// Nothing that is here.
    Refuse(Status),
}

/// Judges what has come of a request so far. Its body, if it has one, says nothing.
pub fn judge(bytes: &[u8]) -> Asked {
    let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") else {
        return if bytes.len() >= MAX_HEAD { Asked::Refuse(Status::TooLarge) } else { Asked::Unfinished };
    };
    if end > MAX_HEAD {
        return Asked::Refuse(Status::TooLarge);
    }
    let first = bytes[..end].split(|byte| *byte == b'\r').next().unwrap_or_default();
    let Ok(first) = std::str::from_utf8(first) else { return Asked::Refuse(Status::BadRequest) };
    let words: Vec<&str> = first.split(' ').collect();
    let [method, target, "HTTP/1.0" | "HTTP/1.1"] = words[..] else { return Asked::Refuse(Status::BadRequest) };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let token = target.strip_prefix("/a/").filter(|token| token.len() <= LONGEST && token.bytes().all(plain));
    let Some(token) = token.map(str::to_owned) else { return Asked::Refuse(Status::NotFound) };
    match method {
        "GET" => Asked::Show(token),
        "POST" => Asked::Answer(token),
        _ => Asked::Refuse(Status::MethodNotAllowed),
    }
}

/// What is served.
pub struct Pages {
    /// What judges links.
    pub links: Links,
    /// What they are about.
    pub view: View,
    /// Where answers go.
    pub state: PathBuf,
}

/// Serves for ever.
pub fn serve(listener: &TcpListener, pages: &Pages) -> std::io::Result<()> {
    server::serve(listener, pages, None)
}

impl Pages {
    fn lines(&self, token: &str) -> Option<(Link, Vec<String>)> {
        let link = self.links.judge(token, clock::now()).ok()?;
        let view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = view.get(&link.key)?.clone();
        Some((link, lines))
    }

    fn show(&self, token: &str) -> Vec<u8> {
        let Some((link, lines)) = self.lines(token) else { return refusal(Status::NotFound) };
        let form = format!(
            "<form method=\"post\" action=\"/a/{token}\"><button>{} has it</button></form>\n\
             <p>Then nobody else is called for it. It changes nothing else.</p>",
            escaped(&link.contact)
        );
        page("An incident", &lines, &form)
    }

    fn answer_by(&self, token: &str) -> Vec<u8> {
        let Some((link, lines)) = self.lines(token) else { return refusal(Status::NotFound) };
        let answered = Answered {
            schema: AnswerSchema::V1,
            name: link.key,
            by: link.contact.clone(),
            how: "link".to_owned(),
            note: None,
            report: false,
            at: clock::now(),
        };
        match store::answer(&self.state, &answered) {
            Ok(()) => {
                page("Thank you", &lines, &format!("<p>{} has it. Nobody else is called.</p>", escaped(&link.contact)))
            }
            Err(_) => refusal(Status::Unavailable),
        }
    }
}

impl Answers for Pages {
    fn answer(&self, request: &[u8]) -> Option<Rc<[u8]>> {
        match judge(request) {
            Asked::Unfinished => None,
            Asked::Show(token) => Some(self.show(&token).into()),
            Asked::Answer(token) => Some(self.answer_by(&token).into()),
            Asked::Refuse(status) => Some(refusal(status).into()),
        }
    }

    fn late(&self) -> Rc<[u8]> {
        refusal(Status::Timeout).into()
    }
}

fn refusal(status: Status) -> Vec<u8> {
    http::answer(status, "text/plain; charset=utf-8", POLICY, format!("{}\n", status.line()).as_bytes())
}

fn page(title: &str, lines: &[String], rest: &str) -> Vec<u8> {
    let mut body = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<ul>\n"
    );
    for line in lines {
        let _ = writeln!(body, "<li>{}</li>", escaped(line));
    }
    let _ = write!(body, "</ul>\n{rest}\n</body></html>\n");
    http::answer(Status::Ok, HTML, POLICY, body.as_bytes())
}

fn escaped(text: &str) -> String {
    let one = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&#39;".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_post_answers_and_nothing_else_is_here() {
        let of = |text: &str| judge(format!("{text}\r\nHost: x\r\n\r\n").as_bytes());
        assert_eq!(of("GET /a/ab.c-_1 HTTP/1.1"), Asked::Show("ab.c-_1".into()));
        assert_eq!(of("POST /a/ab HTTP/1.1"), Asked::Answer("ab".into()));
        assert_eq!(judge(b"POST /a/ab HTTP/1.1\r\nContent-Length: 9\r\n\r\nby=nobody"), Asked::Answer("ab".into()));
        for line in ["HEAD /a/ab HTTP/1.1", "PUT /a/ab HTTP/1.1"] {
            assert_eq!(of(line), Asked::Refuse(Status::MethodNotAllowed), "{line}");
        }
        for line in
            ["GET / HTTP/1.1", "GET /a/../state.json HTTP/1.1", "GET /a/a?b HTTP/1.1", "GET http://x/a/a HTTP/1.1"]
        {
            assert_eq!(of(line), Asked::Refuse(Status::NotFound), "{line}");
        }
        assert_eq!(of(&format!("GET /a/{} HTTP/1.1", "x".repeat(LONGEST + 1))), Asked::Refuse(Status::NotFound));
        for line in ["", "GET /a/a", "GET /a/a HTTP/2", "GET  /a/a HTTP/1.1"] {
            assert_eq!(of(line), Asked::Refuse(Status::BadRequest), "{line}");
        }
        assert_eq!(judge(b"\xff\xfe\r\n\r\n"), Asked::Refuse(Status::BadRequest));
        assert_eq!(judge(b"GET /a/a HTTP/1.1\r\n"), Asked::Unfinished);
        assert_eq!(judge(&vec![b'x'; MAX_HEAD]), Asked::Refuse(Status::TooLarge));
    }

    #[test]
    fn what_is_shown_is_text() {
        let shown = String::from_utf8(page("T", &["<script>'\"&".to_owned()], "")).unwrap();
        assert!(shown.contains("&lt;script&gt;&#39;&quot;&amp;") && !shown.contains("<script"), "{shown}");
    }
}
