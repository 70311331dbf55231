//! What a project answers, and what it means in the crate's own words.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use crate::frameworks::Framework;
use crate::sql::Script;
use crate::{Applied, ErrorKind, Migration, Problem, ProblemKind, Status, Transactional};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply<T> {
    Ok(T),
    Error(Failed),
}

/// Why there is no answer.
#[derive(Debug, Deserialize)]
pub(super) struct Failed {
    pub(super) kind: String,
    pub(super) text: String,
    #[serde(default)]
    pub(super) sqlstate: Option<String>,
}

impl Failed {
    pub(super) fn error_kind(&self) -> ErrorKind {
        match (self.sqlstate.as_deref(), self.kind.as_str()) {
            // A deadlock is a lock that could not be had, too; both are tried again.
            (Some("55P03" | "40P01"), _) => ErrorKind::LockTimeout,
            (Some("57014"), _) => ErrorKind::StatementTimeout,
            (Some("57P01" | "57P02" | "57P03"), _) => ErrorKind::Connection,
            (Some(state), _) if state.starts_with("08") => ErrorKind::Connection,
            (Some(_), _) => ErrorKind::Database,
            (None, "connection") => ErrorKind::Connection,
            (None, "workspace" | "elsewhere") => ErrorKind::Workspace,
            (None, "unsupported" | "no-database") => ErrorKind::Unsupported,
            (None, "order") => ErrorKind::OutOfOrder,
            (None, "irreversible") => ErrorKind::Irreversible,
            (None, _) => ErrorKind::Tool,
        }
    }
}

/// It ran to its end, and this is what its table says then.
#[derive(Debug, Deserialize)]
pub(super) struct DoneIt {
    pub(super) applied: bool,
}

/// All that a project and its database say.
#[derive(Debug, Deserialize)]
pub(super) struct Looked {
    /// In the order in which they would run on an empty database.
    pub(super) migrations: Vec<Known>,
    /// In the order in which they were written down.
    applied: Vec<Row>,
    pub(super) conflicts: Vec<Conflict>,
}

/// One migration of the project.
#[derive(Debug, Deserialize)]
pub(super) struct Known {
    pub(super) version: String,
    name: String,
    file: PathBuf,
    checksum: Option<String>,
    pub(super) parents: Vec<String>,
    pub(super) pending: bool,
    transactional: bool,
    /// Why there is no way back, if there is none.
    pub(super) irreversible: Option<String>,
    up: String,
    /// What runs besides SQL.
    up_opaque: Vec<String>,
    down: String,
    down_opaque: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Row {
    version: String,
    when: Option<f64>,
    /// Whether the project holds it.
    known: bool,
}

/// Heads that nobody has merged.
#[derive(Debug, Deserialize)]
pub(super) struct Conflict {
    /// The app, where there are apps.
    pub(super) of: String,
    pub(super) heads: Vec<String>,
}

impl Conflict {
    /// One sentence: whose heads they are, and their names.
    pub(super) fn told(&self) -> String {
        let heads = self.heads.join(", ");
        match self.of.as_str() {
            "" => format!("the history has several heads: {heads}"),
            app => format!("app {app} has several heads: {heads}"),
        }
    }

    pub(super) fn remedy(framework: Framework) -> &'static str {
        match framework {
            Framework::Django => "python manage.py makemigrations --merge",
            Framework::Alembic => "alembic merge heads",
        }
    }
}

impl Looked {
    pub(super) fn find(&self, version: &str) -> Option<&Known> {
        self.migrations.iter().find(|m| m.version == version)
    }

    /// All of them with what is known of their SQL, in the order of the graph.
    pub(super) fn migrations(&self, framework: Framework) -> Vec<Migration> {
        let all = self.migrations.iter();
        all.map(|m| m.migration(framework)).collect()
    }

    /// Oldest first: as they were written down, but never before what they depend on.
    fn applied(&self) -> Vec<Applied> {
        let mut left: Vec<&Row> = self.applied.iter().collect();
        let mut order: Vec<Applied> = Vec::new();
        while !left.is_empty() {
            let waits = |row: &Row| {
                let parents = self.find(&row.version).map(|m| m.parents.as_slice());
                parents
                    .unwrap_or_default()
                    .iter()
                    .any(|p| left.iter().any(|other| other.version == *p))
            };
            let next = left.iter().position(|row| !waits(row)).unwrap_or_default();
            let row = left.remove(next);
            let mut applied = Applied::new(&row.version);
            applied.name = self.find(&row.version).map(|m| m.name.clone());
            applied.when = row
                .when
                .and_then(|s| Duration::try_from_secs_f64(s).ok())
                .and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
            order.push(applied);
        }
        order
    }

    pub(super) fn is_applied(&self, version: &str) -> bool {
        self.applied.iter().any(|row| row.version == version)
    }

    pub(super) fn status(&self, framework: Framework) -> Status {
        let pending = self.migrations.iter().filter(|m| m.pending);
        Status {
            pending: pending.map(|m| m.migration(framework)).collect(),
            applied: self.applied(),
            problems: self.problems(),
        }
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for conflict in &self.conflicts {
            problems.push(Problem {
                kind: ProblemKind::Conflict,
                version: conflict.heads.first().cloned().unwrap_or_default(),
                explanation: conflict.told(),
            });
        }
        for row in self.applied.iter().filter(|row| !row.known) {
            let version = &row.version;
            problems.push(Problem {
                kind: ProblemKind::Missing,
                version: version.clone(),
                explanation: format!(
                    "version {version} is applied, and this release does not hold it"
                ),
            });
        }
        for one in self.migrations.iter().filter(|m| !m.pending) {
            for parent in &one.parents {
                let Some(parent) = self.find(parent).filter(|p| p.pending) else {
                    continue;
                };
                problems.push(Problem {
                    kind: ProblemKind::OutOfOrder,
                    version: parent.version.clone(),
                    explanation: format!(
                        "version {} is pending, and {}, which depends on it, is applied",
                        parent.version, one.version
                    ),
                });
            }
        }
        problems
    }
}

impl Known {
    fn migration(&self, framework: Framework) -> Migration {
        let up = with_opaque(&self.up, &self.up_opaque);
        let changes_nothing = is_effectless(&self.file, &up);
        let mut migration = Migration::new(&self.version, &self.name, &self.file, up);
        if let Some(checksum) = &self.checksum {
            migration.checksum.clone_from(checksum);
        }
        if self.irreversible.is_none() {
            let mut down = with_opaque(&self.down, &self.down_opaque);
            if changes_nothing && is_effectless(&self.file, &down) {
                // A merge, or a change of models that the database does not see: all there is to
                // take back is the record.
                down = framework.forget(&self.version);
            }
            migration = migration.with_down(&self.file, down);
        }
        migration.transaction = self.transaction(&migration.up_sql);
        migration.down_transaction =
            self.transaction(migration.down_sql.as_deref().unwrap_or_default());
        migration
    }

    fn transaction(&self, sql: &str) -> Transactional {
        let leaves_it = Script::parse(&self.file, sql).is_ok_and(|s| s.controls_transactions());
        if self.transactional && !leaves_it {
            Transactional::Yes
        } else {
            Transactional::No
        }
    }
}

fn is_effectless(file: &Path, sql: &str) -> bool {
    Script::parse(file, sql).is_ok_and(|script| script.is_effectless())
}

/// Code stands in the SQL as a block in a language that nobody can read, which is what it is: no
/// rule takes it for harmless, and it counts as not analysed.
fn with_opaque(sql: &str, opaque: &[String]) -> String {
    let mut text = sql.trim_end().to_owned();
    for what in opaque {
        if !text.is_empty() {
            text.push('\n');
        }
        let what = what.replace("$ripcord$", "").replace(['\n', '\r'], " ");
        text.push_str(&format!("DO LANGUAGE python $ripcord$ {what} $ripcord$;"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(rows: &[&str]) -> Looked {
        let one = |version: &str, parents: &[&str]| {
            serde_json::json!({
                "version": version, "name": "n", "file": "m.py", "checksum": null, "parents": parents,
                "pending": !rows.contains(&version), "transactional": true, "irreversible": null,
                "up": "", "up_opaque": [], "down": "", "down_opaque": [],
            })
        };
        let applied: Vec<_> = rows
            .iter()
            .map(|v| serde_json::json!({"version": v, "when": 1.5, "known": *v != "x.1"}))
            .collect();
        serde_json::from_value(serde_json::json!({
            "migrations": [one("a.1", &[]), one("b.1", &["a.1"]), one("a.2", &["a.1"])],
            "applied": applied,
            "conflicts": [],
        }))
        .unwrap()
    }

    #[test]
    fn the_order_of_writing_down_counts_but_not_against_the_graph() {
        let order = |rows: &[&str]| {
            let applied = looked(rows).applied();
            let versions: Vec<String> = applied.into_iter().map(|a| a.version).collect();
            versions.join(" ")
        };
        assert_eq!(order(&["a.1", "a.2", "b.1"]), "a.1 a.2 b.1");
        assert_eq!(order(&["b.1", "a.2", "a.1"]), "a.1 b.1 a.2");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let status = looked(&["b.1", "x.1"]).status(Framework::Django);
        let have: Vec<_> = status
            .problems
            .iter()
            .map(|p| (p.kind, p.version.as_str()))
            .collect();
        assert_eq!(
            have,
            [
                (ProblemKind::Missing, "x.1"),
                (ProblemKind::OutOfOrder, "a.1")
            ]
        );
    }

    #[test]
    fn code_is_neither_harmless_nor_analysed() {
        let sql = with_opaque("SELECT 1;", &["Raw Python operation".to_owned()]);
        let script = Script::parse(Path::new("m.py"), &sql).unwrap();
        assert!(!script.is_effectless());
        assert_eq!((script.statements().len(), script.analysed()), (2, 1));
    }
}
