//! Where the pages of the documentation are: a tree of somebody's own and an appliance have none of them.

/// The address of a page, such as `page!("audit.md")`.
macro_rules! page {
    ($name:literal) => {
        concat!("https://github.com/writ-project/writ/blob/main/docs/", $name)
    };
}
pub(crate) use page;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// What a program prints names no file that whoever reads it does not have.
    fn named_as_files(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                named_as_files(&path, found);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            let printed = text.split("#[cfg(test)]").next().unwrap_or_default().lines();
            let is_comment = |line: &str| line.starts_with("//") && !line.starts_with("///");
            for line in printed.map(str::trim_start).filter(|line| !is_comment(line)) {
                let mut names = line.match_indices("docs/");
                if names.any(|(at, _)| line[at..].contains(".md") && !line[..at].ends_with("/blob/main/")) {
                    found.push(format!("{}: {line}", path.display()));
                }
            }
        }
    }

    #[test]
    fn pages_are_named_by_their_addresses() {
        let mut found = Vec::new();
        for part in ["agent", "audit", "bucket", "cli", "client", "depot", "nix"] {
            named_as_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(part).join("src"), &mut found);
        }
        assert!(found.is_empty(), "{found:#?}");
    }

    #[test]
    fn every_page_that_is_named_is_there() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        for page in ["appliance.md", "audit.md", "metrics.md", "mistakes.md", "policy.md"] {
            assert!(docs.join(page).is_file(), "{page}");
        }
    }
}
