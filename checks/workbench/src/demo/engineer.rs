//! The engineer's part: keys, identities, `writ check`.

use anyhow::{Result, bail};
use writ_scenarios::run;
use writ_scenarios::workshop::{SITE, Workshop};

use super::screen::{quote, say};

/// Makes keys and puts the appliances' public ones into the flake.
pub fn keys_and_identities(desk: &Workshop) -> Result<()> {
    desk.make_keys()?;
    for appliance in ["front-desk", "back-office"] {
        desk.enrol(appliance)?;
    }
    desk.commit("Two appliances join the clinic")?;
    say(&format!("keys made; the public keys of two appliances committed to hosts/{SITE}/"));
    Ok(())
}

/// The whole tree must be clean.
pub fn check(desk: &Workshop) -> Result<()> {
    let output = desk.check()?;
    quote(&run::both(&output));
    if !output.status.success() {
        bail!("`writ check` found something in the policy of this repository");
    }
    Ok(())
}

/// A misspelt field, as it happens; `writ check` must say where and what was meant.
pub fn typo(desk: &Workshop) -> Result<()> {
    mistake(desk, "expect.active_state.eq", "expect.activ_state.eq", "active_state")
}

/// Makes a mistake in the front desk's policy, shows what `writ check` says, which must name `right`, and takes it back.
pub fn mistake(desk: &Workshop, good: &str, bad: &str, right: &str) -> Result<()> {
    let file = format!("hosts/{SITE}/front-desk/policy.nix");
    desk.edit(&file, good, bad)?;
    let output = desk.check()?;
    let text = run::both(&output);
    quote(&text);
    if output.status.code() != Some(1) || !text.contains(right) {
        bail!("`writ check` should have ended with 1 and named the right field");
    }
    desk.edit(&file, bad, good)
}
