//! `writ export verify-page`: the page with which an auditor checks evidence in a browser.

use std::path::PathBuf;

use writ_audit::report::verify_page;

use crate::failure::{Answer, Outcome};
use crate::{files, screen};

/// The page that checks evidence in a browser, without a network
///
/// One HTML file, to be kept by the auditor: it takes trust roots, releases, bundles, receipts and their signature files, or a
/// whole audit folder, and checks signatures and inclusion in the site's log from their exact bytes. It needs a browser with
/// Ed25519 in WebCrypto (Chromium 137, Firefox 129, Safari 17, or later) and this program no more.
///
/// The digest of the file is printed on standard error; the documentation of this version lists it, so that a copy from anywhere can
/// be told from another: https://github.com/writ-project/writ/blob/main/docs/audit.md
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ export verify-page --out verify.html && sha256sum verify.html
  writ export verify-page | sha256sum

Exit codes: 0 written; 2 could not run.")]
pub struct Arguments {
    /// Write the page to this file, instead of to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let page = verify_page::page();
        match &self.out {
            Some(path) => files::replace(path, page.as_bytes(), 0o644, "the page")?,
            None => screen::line(page.trim_end_matches('\n')),
        }
        screen::aside(&format!("its digest is {}", verify_page::digest()));
        Ok(Answer::Yes)
    }
}
