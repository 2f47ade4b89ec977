//! Which bucket, how it is reached, and who asks.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use writ_bucket::{Address, Bucket, Credentials, Settings};

use crate::upkeep::{Outcome, UpkeepError};

/// Where archives go.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// The bucket, as in s3://evidence or s3://evidence/depot-1; one with Object Lock
    #[arg(long, value_name = "S3")]
    pub to: Address,
    /// The server that it is on, as in https://s3.eu-central-1.amazonaws.com
    #[arg(long, value_name = "URL")]
    pub endpoint: String,
    /// The region that requests are signed for
    #[arg(long, default_value = "us-east-1", value_parser = region)]
    pub region: String,
    /// The access key: a file in the form of AWS' shared credentials, which nobody else may read
    #[arg(long, value_name = "FILE")]
    pub credentials: PathBuf,
    /// Certificates (PEM) of the authorities that vouch for the server, instead of the public web's
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Plain HTTP beyond loopback: for a network that is itself protected
    #[arg(long)]
    pub allow_http: bool,
    /// How long the server may be silent
    #[arg(long, value_name = "SPAN", default_value = "30s", value_parser = crate::options::span)]
    pub patience: Duration,
}

fn region(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    match (1..=40).contains(&text.len()) && text.bytes().all(fits) {
        true => Ok(text.to_owned()),
        false => Err("expected one as in eu-central-1".to_owned()),
    }
}

impl Target {
    /// The bucket.
    pub fn bucket(&self) -> Outcome<Bucket> {
        let by =
            Credentials::read(&self.credentials).map_err(|e| UpkeepError::Unusable(format!("--credentials {e}")))?;
        let settings = Settings {
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            ca_file: self.ca_file.clone(),
            allow_http: self.allow_http,
            patience: self.patience,
        };
        Bucket::new(&self.to, &settings, by).map_err(|e| UpkeepError::Unusable(format!("--endpoint {e}")))
    }

    /// What a ledger is of.
    pub fn name(&self) -> String {
        format!("{} at {}", self.to, self.endpoint.trim_end_matches('/'))
    }

    /// The port that is connected to.
    pub fn port(&self) -> Option<u16> {
        writ_client::Settings::new(&self.endpoint).port()
    }
}
