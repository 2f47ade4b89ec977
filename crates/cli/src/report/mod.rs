//! `writ report`: what is handed to a client each month, each quarter and each year, and before an audit; offline.

mod annual;
mod audit_set;
mod convert;
mod folder;
mod learning;
mod make;
mod monthly;
mod options;
mod quarterly;

use crate::failure::Outcome;

/// Packets for clients and auditors: HTML, PDF, CSV and JSON, out of an audit folder
///
/// Each packet is made from one verified audit folder, offline, and judges every part of its period under the policy of that
/// time. The same folder, the same trust root and the same --now give the same bytes. Every figure leads to the bundles that it
/// rests on.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Once a month:
  writ audit fetch --depot https://depot.example.org --site clinic-001 --read-key ../keys/auditor.key \\
      --trust root-you-were-given.json --to audit
  writ report monthly audit --trust root-you-were-given.json --month 2026-10 --pdf --sign ../keys/alice.key \\
      --out clinic-001-2026-10
What the client does with it:
  sha256sum -c SHA256SUMS
  minisign -Vm SHA256SUMS -p alice.pub")]
pub enum Command {
    Monthly(monthly::Arguments),
    Quarterly(quarterly::Arguments),
    Annual(annual::Arguments),
    AuditSet(audit_set::Arguments),
    Learning(learning::Arguments),
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        match self {
            Self::Monthly(arguments) => arguments.run(),
            Self::Quarterly(arguments) => arguments.run(),
            Self::Annual(arguments) => arguments.run(),
            Self::AuditSet(arguments) => arguments.run(),
            Self::Learning(arguments) => arguments.run(),
        }
    }
}
