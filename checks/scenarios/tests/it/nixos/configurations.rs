//! The files that the modules write are what the daemons parse, to the last key.

use std::fs;
use std::path::Path;

use writ_agent::config::Config;
use writ_agent::logs::config::Config as LogsConfig;
use writ_agent::planner::config::Config as PlannerConfig;
use writ_agent::sync::config::Config as SyncConfig;

use super::machines;

#[test]
fn the_daemons_parse_what_the_modules_write() {
    let machines = machines(Path::new("/nix/store/writ"));
    let dir = tempfile::tempdir().unwrap();
    let file = |machine: &str, name: &str| {
        let text =
            machines[machine]["etc"][format!("writ/{name}")].as_str().unwrap_or_else(|| panic!("{machine}: no {name}"));
        let path = dir.path().join(format!("{machine}-{name}"));
        fs::write(&path, text).unwrap();
        path
    };
    for machine in ["theatre", "ward", "full", "small", "folder"] {
        let config = Config::read(&file(machine, "enforce.toml")).unwrap_or_else(|e| panic!("{machine}: {e}"));
        assert_eq!(config.state_dir, Path::new("/var/lib/writ/enforce"), "{machine}");
        assert_eq!(config.outbox_dir, Path::new("/var/lib/writ/spool/outbox"), "{machine}");
        assert_eq!(config.presence_dir(), Path::new("/var/lib/writ/spool/presence"), "{machine}");
    }
    for machine in ["theatre", "ward", "full", "small"] {
        let config = SyncConfig::read(&file(machine, "sync.toml")).unwrap_or_else(|e| panic!("{machine}: {e}"));
        assert_eq!(config.inbox(), Config::read(&file(machine, "enforce.toml")).unwrap().releases, "{machine}");
        assert_eq!(config.state_dir, Path::new("/var/lib/writ/sync"), "{machine}");
    }
    for machine in ["theatre", "ward", "full", "small"] {
        let config = LogsConfig::read(&file(machine, "logs.toml")).unwrap_or_else(|e| panic!("{machine}: {e}"));
        assert_eq!(config.sources.len(), 5, "{machine}");
        assert_eq!(config.spool, Path::new("/var/lib/writ/spool"), "{machine}");
    }
    let full = Config::read(&file("full", "enforce.toml")).unwrap();
    assert_eq!(full.keep_delivered.as_str(), "60d");
    assert_eq!(full.pause_code_file.as_deref(), Some(Path::new("/var/lib/writ/pause-code")));
    assert_eq!(full.trust, Path::new("/etc/writ/trust.json"));
    let full = SyncConfig::read(&file("full", "sync.toml")).unwrap();
    assert_eq!((full.depot.as_str(), full.allow_http, full.batch), ("http://10.0.0.1:8080", true, 20));
    assert_eq!(full.ca_file.as_deref(), Some(Path::new("/etc/writ/depot-ca.pem")));
    let asking = PlannerConfig::read(&file("asking", "planner.toml")).unwrap().model.unwrap();
    assert_eq!((asking.port, asking.ca_file.as_deref()), (8443, Some(Path::new("/etc/model-ca.pem"))));
    assert_eq!(asking.credentials.as_deref(), Some(Path::new("/run/credentials/writ-planner.service")));
    assert!(machines["folder"]["etc"].get("writ/planner.toml").is_none(), "a machine whose policy names no model");
    assert!(machines["folder"]["etc"].get("writ/sync.toml").is_none(), "a machine without a depot has no courier");
}
