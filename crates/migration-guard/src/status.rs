use crate::{Applied, Migration, Problem, ProblemKind, Status};

/// Puts a workspace and a state table side by side.
pub(crate) fn status(all: Vec<Migration>, applied: Vec<Applied>, dirty: &[String]) -> Status {
    let mut problems = Vec::new();
    let mut say = |kind, version: &str, explanation: String| {
        problems.push(Problem {
            kind,
            version: version.to_owned(),
            explanation,
        });
    };
    for version in dirty {
        say(
            ProblemKind::Dirty,
            version,
            format!("a run of version {version} was interrupted or failed half-way"),
        );
    }
    for row in &applied {
        let version = &row.version;
        match all.iter().find(|m| m.version == *version) {
            None => say(
                ProblemKind::Missing,
                version,
                format!("version {version} is applied, and this release does not hold it"),
            ),
            Some(migration) => {
                if row
                    .checksum
                    .as_ref()
                    .is_some_and(|c| *c != migration.checksum)
                {
                    say(
                        ProblemKind::Edited,
                        version,
                        format!(
                            "{} is not what was applied as version {version}",
                            migration.up.display()
                        ),
                    );
                }
            }
        }
    }
    let newest = applied
        .iter()
        .filter_map(|a| a.version.parse::<i64>().ok())
        .max();
    let pending: Vec<Migration> = all
        .into_iter()
        .filter(|m| !applied.iter().any(|a| a.version == m.version))
        .collect();
    for migration in &pending {
        if let Some(newest) = newest.filter(|n| *n > migration.number()) {
            say(
                ProblemKind::OutOfOrder,
                &migration.version,
                format!(
                    "version {} is pending and older than {newest}, which is applied",
                    migration.version
                ),
            );
        }
    }
    Status {
        pending,
        applied,
        problems,
    }
}
