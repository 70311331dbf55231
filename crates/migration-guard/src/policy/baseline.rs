use std::collections::BTreeSet;
use std::path::Path;

use crate::lint::Fingerprints;
use crate::{Error, ErrorKind, Lint};

const SCHEMA: u64 = 1;

/// The findings of an old project, by fingerprint, so that only new ones are reported.
///
/// A file of text: a line that says what it is, then one line a finding, the fingerprint and for
/// people the rule and the file. A fingerprint is made of rule, file, table and statement, so it
/// outlives lines added above and not a change of the statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    known: BTreeSet<String>,
}

impl Baseline {
    /// Of everything that `lint` reports.
    pub fn render(lint: &Lint) -> String {
        let mut fingerprints = Fingerprints::default();
        let mut lines: Vec<String> = lint
            .findings
            .iter()
            .map(|finding| {
                let print = fingerprints.of(finding);
                let file = finding
                    .file
                    .display()
                    .to_string()
                    .replace(['\n', '\r'], " ");
                format!("{print} {} {file}\n", finding.rule)
            })
            .collect();
        lines.sort_by(|a, b| a[33..].cmp(&b[33..]).then_with(|| a.cmp(b)));
        let head = format!(
            "# Findings of migration-guard that were there before; schema {SCHEMA}.\n\
             # Remove a line to be told of it again.\n"
        );
        head + &lines.concat()
    }

    /// What [`Self::render`] wrote.
    ///
    /// # Errors
    /// [`Workspace`](crate::ErrorKind::Workspace) with file and line when it is something else.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let mut known = BTreeSet::new();
        for (line, number) in text.lines().zip(1..) {
            let schema = line
                .strip_prefix('#')
                .and_then(|l| l.split_once("; schema "));
            if let Some((_, schema)) = schema
                && schema.trim_end_matches('.') != SCHEMA.to_string()
            {
                return Err(Error::of_file(ErrorKind::Workspace, "read baseline", path)
                    .at(number, 1)
                    .because(format!(
                        "it has schema {schema}, which a newer version wrote"
                    ))
                    .with_help("use that version, or write the baseline anew"));
            }
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let print = line.split(' ').next().unwrap_or_default();
            if print.len() != 32 || !print.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(Error::of_file(ErrorKind::Workspace, "read baseline", path)
                    .at(number, 1)
                    .because("this line does not begin with a fingerprint")
                    .with_help("write it anew with `lint --write-baseline`"));
            }
            known.insert(print.to_owned());
        }
        Ok(Self { known })
    }

    pub(super) fn knows(&self, fingerprint: &str) -> bool {
        self.known.contains(fingerprint)
    }

    /// How many findings it has.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}
