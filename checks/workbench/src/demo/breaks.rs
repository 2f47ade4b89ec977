//! Six real things that break, each seen, healed, verified and told by a bundle.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};
use writ_scenarios::appliance::Appliance;
use writ_scenarios::{outbox, run};

use super::screen::say;
use super::timeline::{Timeline, now};

const PROFILE: &str = "/nix/var/nix/profiles/system";

struct Break {
    what: &'static str,
    check: &'static str,
    how: fn(&Appliance) -> Result<()>,
    /// What an administrator would look at, before and after.
    look: fn(&Appliance) -> Result<String>,
}

const BREAKS: [Break; 6] = [
    Break {
        what: "a file's mode: chmod 0666 /etc/ehr/connector.conf",
        check: "ehr.connector-config",
        how: |a| a.run("chmod", &["0666", "/etc/ehr/connector.conf"]).map(drop),
        look: |a| a.run("stat", &["-c", "%a %U:%G", "/etc/ehr/connector.conf"]),
    },
    Break {
        what: "a managed file's content: /etc/issue.net",
        check: "workstation.banner",
        how: |a| Ok(fs::write(a.container.path("/etc/issue.net"), "welcome, everybody\n")?),
        look: |a| a.run("sha256sum", &["/etc/issue.net"]),
    },
    Break {
        what: "a service: systemctl stop ehr-connector",
        check: "ehr.connector-service",
        how: |a| a.run("systemctl", &["stop", "ehr-connector.service"]).map(drop),
        look: |a| {
            Ok(run::both(&run::any(&mut a.container.command("systemctl", &["is-active", "ehr-connector.service"]))?))
        },
    },
    Break {
        what: "the firewall: nft flush ruleset",
        check: "access.firewall",
        how: |a| a.run("nft", &["flush", "ruleset"]).map(drop),
        look: |a| a.run("nft", &["-s", "list", "ruleset"]),
    },
    Break {
        what: "a certificate: one that has expired",
        check: "transmission.certificate",
        how: expire_certificate,
        // The new certificate is another one; that it is valid again is what matters.
        look: |a| {
            let inside = "/var/lib/ehr/tls/server.crt";
            let output =
                run::any(&mut a.container.command("openssl", &["x509", "-noout", "-checkend", "0", "-in", inside]))?;
            Ok(output.status.to_string())
        },
    },
    Break {
        what: "the system profile, moved behind our back",
        check: "system.generation",
        how: move_profile,
        look: |a| a.run("readlink", &["-f", PROFILE]),
    },
];

/// Breaks each thing and waits for the bundle that closes its incident.
pub fn all(appliance: &Appliance, timeline: &mut Timeline) -> Result<()> {
    for one in &BREAKS {
        let before = (one.look)(appliance)?;
        let after = outbox::last_sequence(&appliance.outbox())?;
        let broken_at = now();
        (one.how)(appliance)?;
        let closed = appliance.await_bundle(after, one.what, |f| {
            f.text(&["kind"]) == "incident-closed" && f.text(&["incident", "check"]) == one.check
        })?;
        let event = timeline.incident(one.what, broken_at, &closed);
        let millis = |m: Option<i64>| m.map_or("?".to_owned(), |m| m.to_string());
        say(one.what);
        say(&format!(
            "    detected after {} ms, healed after {} ms, verified after {} ms: {} ({})",
            millis(event.detected_ms),
            millis(event.healed_ms),
            millis(event.verified_ms),
            event.outcome,
            event.bundle_id
        ));
        let restored = (one.look)(appliance)?;
        if event.outcome != "success" || restored != before {
            bail!("{} was not healed:\nbefore:\n{before}after:\n{restored}{}", one.what, appliance.last_words());
        }
    }
    Ok(())
}

/// Points the profile at another path of the appliance's own store.
fn move_profile(appliance: &Appliance) -> Result<()> {
    let current = appliance.run("readlink", &["-f", PROFILE])?;
    for entry in fs::read_dir(appliance.container.path("/nix/store"))? {
        let other = format!("/nix/store/{}", entry?.file_name().to_string_lossy());
        if other != current.trim() && !other.contains("/.") {
            return appliance.run("ln", &["-sfn", &other, PROFILE]).map(drop);
        }
    }
    bail!("the appliance's store holds nothing but its system")
}

/// Puts a certificate in place that ended yesterday.
fn expire_certificate(appliance: &Appliance) -> Result<()> {
    let place = appliance.container.path("/var/lib/ehr/tls");
    let scratch = tempfile::tempdir()?;
    let made = scratch.path().join("expired.crt");
    let key = place.join("server.key");
    let openssl = |arguments: &[&str]| {
        let mut command = Command::new("openssl");
        command.current_dir(scratch.path()).args(arguments);
        run::checked(&mut command)
    };
    let key_text = key.to_string_lossy().into_owned();
    openssl(&["req", "-new", "-key", &key_text, "-subj", "/CN=front-desk", "-out", "request.pem"])?;
    fs::write(scratch.path().join("index.txt"), "")?;
    fs::write(scratch.path().join("serial"), "01\n")?;
    fs::write(
        scratch.path().join("ca.cnf"),
        "[ca]\ndefault_ca=one\n[one]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n",
    )?;
    let dates = ["-startdate", "20200101000000Z", "-enddate", "20210101000000Z"];
    let mut arguments = vec!["ca", "-batch", "-config", "ca.cnf", "-selfsign", "-keyfile", &key_text];
    arguments.extend(["-in", "request.pem", "-out", "expired.crt", "-notext"]);
    arguments.extend(dates);
    openssl(&arguments)?;
    fs::copy(&made, place.join("server.crt")).context("cannot put the expired certificate in place")?;
    Ok(())
}
