//! OpenSCAP beside the scan: fifty OVAL tests of file modes, as SCAP content writes them.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Result, bail};
use writ_scenarios::run;
use writ_tools::peers;

use super::clinic::{Clinic, FILES};
use super::figure;
use super::process::Cost;
use super::scan::median;

/// Prints CPU time and memory of one evaluation. It only judges: it heals nothing.
pub fn run(clinic: &Clinic) -> Result<Cost> {
    let folder = peers::unpack("openscap", &["openscap-scanner", "libopenscap25", "openscap-common"])?;
    let content = folder.join("fifty.xml");
    fs::write(&content, definitions(clinic)?)?;
    let command = || {
        let mut command = peers::command(&folder, "usr/bin/oscap");
        command.env("OSCAP_SCHEMA_PATH", folder.join("usr/share/openscap/schemas"));
        command.env("OSCAP_XSLT_PATH", folder.join("usr/share/openscap/xsl"));
        command.env("OSCAP_CPE_PATH", folder.join("usr/share/openscap/cpe"));
        command.args(["oval", "eval", "--skip-validation"]).arg(&content);
        command
    };
    let said = run::both(&run::any(&mut command())?);
    let judged = said.matches(": true").count();
    if judged != FILES {
        bail!("oscap found {judged} of {FILES} files as they should be:\n{said}");
    }
    let cost = median(|| super::process::cost(&mut command()))?;
    figure("oscap, CPU", &format!("{:.1} ms", cost.cpu_ms), None);
    figure("oscap, wall", &format!("{:.1} ms", cost.wall_ms), None);
    figure("oscap, peak memory", &format!("{:.1} MB", cost.peak_mb), None);
    Ok(cost)
}

/// Fifty definitions (OVAL 5.11, `unix:file_test`), each of one file's mode bits.
fn definitions(clinic: &Clinic) -> Result<String> {
    let (mut definitions, mut tests, mut objects) = (String::new(), String::new(), String::new());
    for n in 1..=FILES {
        write!(
            definitions,
            r#"<definition id="oval:writ:def:{n}" version="1" class="compliance"><metadata><title>file {n}</title>
<description>its mode</description></metadata><criteria><criterion test_ref="oval:writ:tst:{n}"/></criteria></definition>"#
        )?;
        write!(
            tests,
            r#"<file_test xmlns="{UNIX}" id="oval:writ:tst:{n}" version="1" check="all" comment="mode of file {n}">
<object object_ref="oval:writ:obj:{n}"/><state state_ref="oval:writ:ste:1"/></file_test>"#
        )?;
        let file = clinic.file(n).display().to_string();
        write!(
            objects,
            r#"<file_object xmlns="{UNIX}" id="oval:writ:obj:{n}" version="1"><filepath>{file}</filepath></file_object>"#
        )?;
    }
    let bits: String = BITS.iter().map(|(bit, set)| format!(r#"<{bit} datatype="boolean">{set}</{bit}>"#)).collect();
    Ok(format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<oval_definitions xmlns="http://oval.mitre.org/XMLSchema/oval-definitions-5" xmlns:oval="http://oval.mitre.org/XMLSchema/oval-common-5">
<generator><oval:schema_version>5.11</oval:schema_version><oval:timestamp>2026-01-01T00:00:00</oval:timestamp></generator>
<definitions>{definitions}</definitions><tests>{tests}</tests><objects>{objects}</objects>
<states><file_state xmlns="{UNIX}" id="oval:writ:ste:1" version="1">{bits}</file_state></states></oval_definitions>
"#
    ))
}

const UNIX: &str = "http://oval.mitre.org/XMLSchema/oval-definitions-5#unix";
/// Mode 0644, bit by bit, in the order of the schema.
const BITS: [(&str, bool); 12] = [
    ("suid", false),
    ("sgid", false),
    ("sticky", false),
    ("uread", true),
    ("uwrite", true),
    ("uexec", false),
    ("gread", true),
    ("gwrite", false),
    ("gexec", false),
    ("oread", true),
    ("owrite", false),
    ("oexec", false),
];
