//! Names behind a title. Those behind a label are found by it, and others are not found.

use super::{Pattern, WORD, vouched};

pub fn rows() -> Vec<Pattern> {
    let particle = "(?:de la |de los |de |del |da |di |van der |van den |van |von der |von |zu |le |la )?";
    vec![
        vouched("name", &format!(r"(?-u:\b)(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Mme|Mlle|Sr|Sra|Srta)\.? (?:med\. |dent\. |rer\. nat\. )?(?P<v>{particle}{WORD}(?: {particle}{WORD}){{0,2}})")).hinted(&["Mr", "Ms", "Miss", "Mx", "Dr", "Prof", "Mme", "Mlle", "Sr"]),
        vouched("name", &format!(r"(?-u:\b)(?:Herrn?|Frau|Doña|Señora?|Monsieur|Madame|M\.) (?P<v>{particle}{WORD}(?: {particle}{WORD}){{0,2}})")).hinted(&["Herr", "Frau", "Doña", "Señor", "Monsieur", "Madame", "M. "]),
    ]
}
