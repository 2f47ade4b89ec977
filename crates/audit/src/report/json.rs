//! For programs: pretty JSON with keys in a fixed order.

use serde::Serialize;

/// A result as JSON, ending in a line break.
pub fn render(result: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(result).map(|text| text + "\n")
}
