//! The schemas that are written by hand.

/// Their names and texts.
pub const FILES: &[(&str, &str)] = &[
    ("check-report-v1", include_str!("../../../../../checks/schemas/check-report-v1.json")),
    ("closure-v1", include_str!("../../../../../checks/schemas/closure-v1.json")),
    ("collected-v1", include_str!("../../../../../checks/schemas/collected-v1.json")),
    ("comparison-v1", include_str!("../../../../../checks/schemas/comparison-v1.json")),
    ("diff-v1", include_str!("../../../../../checks/schemas/diff-v1.json")),
    ("doctor-v1", include_str!("../../../../../checks/schemas/doctor-v1.json")),
    ("drafted-v1", include_str!("../../../../../checks/schemas/drafted-v1.json")),
    ("evidence-bundle-v1", include_str!("../../../../../checks/schemas/evidence-bundle-v1.json")),
    ("explain-v1", include_str!("../../../../../checks/schemas/explain-v1.json")),
    ("fetched-v1", include_str!("../../../../../checks/schemas/fetched-v1.json")),
    ("key-v1", include_str!("../../../../../checks/schemas/key-v1.json")),
    ("log-entry-v1", include_str!("../../../../../checks/schemas/log-entry-v1.json")),
    ("log-restart-v1", include_str!("../../../../../checks/schemas/log-restart-v1.json")),
    ("new-key-v1", include_str!("../../../../../checks/schemas/new-key-v1.json")),
    ("posture-v1", include_str!("../../../../../checks/schemas/posture-v1.json")),
    ("query-v1", include_str!("../../../../../checks/schemas/query-v1.json")),
    ("receipt-v1", include_str!("../../../../../checks/schemas/receipt-v1.json")),
    ("release-v1", include_str!("../../../../../checks/schemas/release-v1.json")),
    ("releases-v1", include_str!("../../../../../checks/schemas/releases-v1.json")),
    ("roots-v1", include_str!("../../../../../checks/schemas/roots-v1.json")),
    ("trust-v1", include_str!("../../../../../checks/schemas/trust-v1.json")),
    ("verification-v1", include_str!("../../../../../checks/schemas/verification-v1.json")),
    ("verify-v1", include_str!("../../../../../checks/schemas/verify-v1.json")),
    ("watch-v1", include_str!("../../../../../checks/schemas/watch-v1.json")),
];
