//! `writ secret set`: a value for appliances, encrypted to each.

use super::chosen::TreeOption;
use super::value::ValueOptions;
use super::write;
use crate::failure::{Answer, Outcome};

/// Give appliances the value of a secret
///
/// Encrypts the value to the key of each appliance (age, X25519), and writes hosts/SITE/APPLIANCE/secrets/NAME.age with a note
/// beside it. The value is asked for, or read from standard input; it is never an argument, and nothing that is written tells
/// anything of it but its length. The name must stand in `secrets` of site.nix.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ secret set --site clinic-001 backup                       asks for it
  pass show clinic/backup | writ secret set --site clinic-001 backup
  writ secret set --site clinic-001 vpn --appliance front-desk < vpn.key
  writ secret set --site clinic-001 api-key --generate 32 --print | pass insert -m clinic/api-key

Read without Writ, on the appliance: age -d -i /var/lib/writ/secrets.key backup.age

Exit codes: 0 written; 1 refused: nothing was written; 2 could not run.")]
pub struct Arguments {
    /// The secret
    name: String,
    /// The site
    #[arg(long)]
    site: String,
    /// Only this appliance; may be repeated
    #[arg(long = "appliance", value_name = "NAME")]
    appliances: Vec<String>,
    #[command(flatten)]
    value: ValueOptions,
    #[command(flatten)]
    tree: TreeOption,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let site = self.tree.site(&self.site)?;
        site.keeps(&self.name)?;
        let appliances = site.appliances(&self.appliances)?;
        let to = write::recipients(&appliances)?;
        let value = self.value.value(&self.name)?;
        write::write(&self.name, &value, &to)?;
        self.value.tell(&value);
        write::advise(&self.site, &self.name);
        Ok(Answer::Yes)
    }
}
