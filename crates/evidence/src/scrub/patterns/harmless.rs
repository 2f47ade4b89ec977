//! What is harmless, although parts of it may look otherwise.

use std::sync::LazyLock;

use regex::Regex;

use super::regex;

/// Digests, store paths, times of logs, addresses of machines, names of bundles.
pub static HARMLESS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // Digests, store paths, UUIDs.
        r"(?-u:\b)(?:sha256|sha512|sha1|md5|blake2b?)[:-][0-9A-Za-z+/=_-]{16,}",
        r"(?-u:\b)[0-9a-f]{32,}(?-u:\b)",
        r"/nix/store/[0-9a-z]{32}-[0-9A-Za-z+._?=-]+",
        r"(?-u:\b)[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}(?-u:\b)",
        // Names of algorithms, instances of units.
        r"(?-u:\b)[a-z0-9-]+@(?:openssh\.com|libssh\.org|lysator\.liu\.se|ssh\.com)(?-u:\b)",
        r"(?-u:\b)[A-Za-z0-9:_.\\-]+@[A-Za-z0-9:_.\\-]*\.(?:service|socket|timer|target|mount|path|slice|scope|device|swap|automount)(?-u:\b)",
        // Our own names.
        r"(?-u:\b)(?:EB|INC)-[0-9]{8}-[0-9]{4,16}(?-u:\b)",
        r"(?-u:\b)id:[0-9a-f]{32}(?-u:\b)",
        // Times of logs.
        r"(?-u:\b)[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?",
        r"(?-u:\b)[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}[ T,]{1,2}[0-9]{1,2}:[0-9]{2}",
        // Firmware says when it was built.
        r"BIOS [0-9A-Za-z.()_-]+ [0-9]{2}/[0-9]{2}/[0-9]{4}",
        // Addresses of machines.
        r"(?-u:\b)(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?:[/:][0-9]{1,5})?(?-u:\b)",
        r"(?-u:\b)(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?-u:\b)",
    ]
    .into_iter()
    .map(regex)
    .collect()
});
