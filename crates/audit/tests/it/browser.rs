//! A real Chromium, driven as W3C WebDriver says, by way of Debian's chromedriver.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value as Json, json};

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// By what WebDriver knows an element (W3C WebDriver §12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser of its own, ended with its driver.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _home: tempfile::TempDir,
}

impl Browser {
    /// Starts one from unpacked packages.
    pub fn start(packages: &Path) -> Self {
        let home = tempfile::tempdir().unwrap();
        let folders = ["usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/pulseaudio", "lib/x86_64-linux-gnu"];
        let libraries = folders.map(|folder| packages.join(folder).display().to_string()).join(":");
        let mut driver = Command::new(packages.join("usr/bin/chromedriver"))
            .arg("--port=0")
            .env("LD_LIBRARY_PATH", libraries)
            .env("HOME", home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(driver.stdout.take().unwrap());
        let mut line = String::new();
        let port = loop {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "chromedriver ended before it served");
            if let Some((_, port)) = line.trim_end().trim_end_matches('.').rsplit_once("on port ")
                && let Ok(port) = port.parse()
                && port != 0
            {
                break port;
            }
        };
        // Whoever does not read what it says stops it in the end.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        let mut browser = Self { driver, port, session: String::new(), _home: home };
        let options = json!({ "binary": packages.join("usr/lib/chromium/chromium"),
            "args": ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"] });
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let session = browser.ask("POST", "/session", &wanted)["sessionId"].as_str().unwrap().to_owned();
        browser.session = session;
        browser
    }

    /// What the page shows of these files.
    pub fn shown(&self, page: &Path, digest: &str, files: &Path) -> Json {
        self.command("url", &json!({ "url": format!("file://{}", page.display()) }));
        self.type_into("#digest", digest);
        let names = std::fs::read_dir(files).unwrap().map(|entry| entry.unwrap().path().display().to_string());
        self.type_into("#files", &names.collect::<Vec<_>>().join("\n"));
        self.command("timeouts", &json!({ "script": PATIENCE.as_millis() }));
        let look = "const done = arguments[0], result = document.getElementById('result');
            const look = () => {
                if (!result.className) return false;
                const rows = [...document.querySelectorAll('tbody tr')].map((row) => [...row.children].map((cell) => cell.textContent));
                done({ quality: result.className, sentence: result.textContent, rows });
                return true;
            };
            const watch = new MutationObserver(() => look() && watch.disconnect());
            look() || watch.observe(result, { attributes: true, childList: true });";
        self.command("execute/async", &json!({ "script": look, "args": [] }))
    }

    fn type_into(&self, selector: &str, text: &str) {
        let found = self.command("element", &json!({ "using": "css selector", "value": selector }));
        let id = found[ELEMENT].as_str().unwrap();
        self.command(&format!("element/{id}/value"), &json!({ "text": text }));
    }

    fn command(&self, what: &str, body: &Json) -> Json {
        self.ask("POST", &format!("/session/{}/{what}", self.session), body)
    }

    fn ask(&self, method: &str, path: &str, body: &Json) -> Json {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let body = body.to_string();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).unwrap();
        // It leaves the connection open, whatever it was asked for.
        let mut answer = BufReader::new(stream);
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let mut line = String::new();
            assert!(answer.read_line(&mut line).unwrap() > 0, "chromedriver hung up: {head}");
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
            head += &line;
        }
        let mut said = vec![0; length];
        answer.read_exact(&mut said).unwrap();
        let mut said: Json = serde_json::from_slice(&said).unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{said:#}");
        said["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.ask("DELETE", &format!("/session/{}", self.session), &json!({}));
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
