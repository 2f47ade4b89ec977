//! A scan by the real clamscan, with a signature of ours.

use std::fs;

use serde_json::json;

use super::Desk;
use crate::peers;

#[test]
fn a_scan_is_recorded_with_what_it_found() {
    let desk = Desk::new();
    fs::create_dir(desk.path("database")).unwrap();
    // `hdb`: MD5, size, name (clamav-documentation, "Hash-based signatures").
    fs::write(desk.path("database/own.hdb"), "44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test-Signature\n").unwrap();
    fs::write(desk.path("live/few/letter"), r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")
        .unwrap();
    // What stands behind its line break is no file of this machine.
    let broken = desk.path("live/few/x\n/no");
    fs::create_dir_all(&broken).unwrap();
    fs::copy(desk.path("live/few/letter"), broken.join("such")).unwrap();
    let program = peers::program("clamav", "usr/bin/clamscan").display().to_string();
    let database = format!("--database={}", desk.text("database"));
    let scan = |folder: &str| {
        let folder = desk.text(folder);
        let arguments = ["scan", "quick", "--", &program, &database, "--infected", "--recursive", &folder];
        desk.record(&arguments, |command| {
            let libraries =
                ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"].map(|dir| peers::folder("clamav").join(dir));
            command.env("LD_LIBRARY_PATH", libraries.map(|path| path.display().to_string()).join(":"));
        })
    };
    let said = scan("live/few");
    assert_eq!(said.code, 0, "a finding is a result: {}", said.text);
    assert!(said.text.contains("SCAN SUMMARY"), "what the scanner sums up is repeated: {}", said.text);
    assert!(!said.text.contains("letter"), "names of files are for the record alone: {}", said.text);
    let facts = || desk.read("scan")["facts"]["scan"].clone();
    assert_eq!((&facts()["infected"], &facts()["complete"]), (&json!(2), &json!(true)));
    assert_eq!(facts()["files"], json!([desk.text("live/few/letter")]));
    assert!(facts()["last_detection"].as_str().unwrap().contains("Eicar-Test-Signature"), "{}", facts());
    let at = facts()["complete_at"].clone();

    fs::remove_file(desk.path("database/own.hdb")).unwrap();
    let said = scan("live/few");
    assert_eq!(said.code, 1, "{}", said.text);
    assert_eq!((&facts()["complete"], &facts()["complete_at"]), (&json!(false), &at));
}
