use std::collections::BTreeMap;
use std::fmt::Write as _;

use ripcord_rollback::evidence::{Evidence, Granularity, Overlap, RehearsedMigration};
use ripcord_rollback::plan::{Basis, Reason};
use serde::Serialize;

/// `migration rehearse --json`.
#[derive(Clone, Debug, Serialize)]
pub struct RehearsalReport {
    /// Version of this document.
    pub schema: u32,
    /// `rehearsed`, `blocked` or `nothing`.
    pub outcome: String,
    /// Why it is blocked, as a code; `ok` otherwise.
    pub reason_code: String,
    /// The class of the plan: `CodeOnly`, `Revert`, `PreserveAndRevert`, `Restore`, `ForwardOnly`.
    pub class: Option<String>,
    /// `proved` or `assumed`.
    pub basis: Option<String>,
    /// Why this class and not a cheaper one.
    pub reason: String,
    /// `proved`, `assumed` or `no`: whether both releases may serve on the new schema.
    pub overlap: Option<String>,
    /// `statement` or `migration`: how finely times and locks were observed.
    pub granularity: Option<String>,
    /// What was tried.
    pub migrations: Vec<MigrationReport>,
    /// What is exported before going back: a table, or columns of it.
    pub preserve: Vec<PreserveReport>,
    /// What the downs lose for good.
    pub lost: Vec<LostReport>,
    /// How long restoring the backup took.
    pub restore_seconds: Option<f64>,
    /// How long the migrations are expected to take on the live database.
    pub predicted_seconds: Option<f64>,
    /// The backup that was restored.
    pub backup: Option<String>,
    /// What people should know.
    pub findings: Vec<String>,
    /// Whether nothing of the scratch copy is left.
    pub scratch_dropped: bool,
}

/// One migration.
#[derive(Clone, Debug, Serialize)]
pub struct MigrationReport {
    /// The version.
    pub id: String,
    /// Seconds for the up.
    pub up_seconds: f64,
    /// Seconds for the down, if it ran.
    pub down_seconds: Option<f64>,
    /// The strongest lock on each table that others could see.
    pub locks: Vec<LockReport>,
    /// Tables that were written anew.
    pub rewrites: Vec<String>,
    /// Rows inserted, updated and deleted, by table.
    pub rows: BTreeMap<String, u64>,
    /// Bytes of write-ahead log.
    pub wal_bytes: u64,
    /// Its statements, where they were observed one by one.
    pub statements: Vec<StatementReport>,
    /// Whether its down brought schema and content back.
    pub reversible: bool,
    /// Why not.
    pub irreversible: Option<String>,
}

/// One statement.
#[derive(Clone, Debug, Serialize)]
pub struct StatementReport {
    /// The statement, shortened.
    pub text: String,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// The strongest lock on each table, of its transaction so far.
    pub locks: Vec<LockReport>,
}

/// A lock that was taken.
#[derive(Clone, Debug, Serialize)]
pub struct LockReport {
    /// The table.
    pub relation: String,
    /// As the server calls it.
    pub mode: String,
}

/// What is exported.
#[derive(Clone, Debug, Serialize)]
pub struct PreserveReport {
    /// The table.
    pub table: String,
    /// Its columns; null for all of it.
    pub columns: Option<Vec<String>>,
}

/// What is lost.
#[derive(Clone, Debug, Serialize)]
pub struct LostReport {
    /// The table.
    pub table: String,
    /// The column; null for whole rows.
    pub column: Option<String>,
    /// How many rows; null when they could not be counted.
    pub rows: Option<u64>,
}

impl RehearsalReport {
    /// From what was found out; whatever was made for it is gone by then.
    #[must_use]
    pub fn of(evidence: &Evidence) -> Self {
        Self {
            outcome: "rehearsed".into(),
            reason_code: "ok".into(),
            class: Some(evidence.class.to_string()),
            basis: Some(match evidence.basis {
                Basis::Proved => "proved".into(),
                Basis::Assumed => "assumed".into(),
            }),
            reason: evidence.reason.clone(),
            overlap: Some(match evidence.overlap {
                Overlap::Proved => "proved".into(),
                Overlap::Assumed => "assumed".into(),
                Overlap::No { .. } => "no".into(),
            }),
            granularity: Some(match evidence.granularity {
                Granularity::Statement => "statement".into(),
                Granularity::Migration => "migration".into(),
            }),
            migrations: evidence
                .migrations
                .iter()
                .map(MigrationReport::of)
                .collect(),
            preserve: evidence
                .preserve
                .iter()
                .map(|one| PreserveReport {
                    table: one.table.clone(),
                    columns: one.columns.clone(),
                })
                .collect(),
            lost: evidence
                .lost
                .iter()
                .map(|one| LostReport {
                    table: one.table.clone(),
                    column: one.column.clone(),
                    rows: one.rows,
                })
                .collect(),
            restore_seconds: Some(rounded(evidence.restore_seconds)),
            predicted_seconds: evidence.predicted_seconds.map(rounded),
            backup: Some(evidence.key.backup.clone()),
            findings: evidence.findings.clone(),
            ..Self::empty()
        }
    }

    /// When the deployment must not go on.
    #[must_use]
    pub fn blocked(reason: &Reason) -> Self {
        Self {
            outcome: "blocked".into(),
            reason_code: reason.code.clone(),
            reason: reason.text.clone(),
            ..Self::empty()
        }
    }

    /// When there is nothing to try.
    #[must_use]
    pub fn nothing(why: &str) -> Self {
        Self {
            outcome: "nothing".into(),
            reason_code: "ok".into(),
            reason: why.into(),
            ..Self::empty()
        }
    }

    fn empty() -> Self {
        Self {
            schema: 1,
            outcome: String::new(),
            reason_code: String::new(),
            class: None,
            basis: None,
            reason: String::new(),
            overlap: None,
            granularity: None,
            migrations: Vec::new(),
            preserve: Vec::new(),
            lost: Vec::new(),
            restore_seconds: None,
            predicted_seconds: None,
            backup: None,
            findings: Vec::new(),
            scratch_dropped: true,
        }
    }

    /// For people: what will happen, and what going back costs.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let Some(class) = &self.class else {
            let _ = match self.outcome.as_str() {
                "blocked" => writeln!(text, "blocked ({}): {}", self.reason_code, self.reason),
                _ => writeln!(text, "{}", self.reason),
            };
            return text;
        };
        let basis = self.basis.as_deref().unwrap_or_default();
        let _ = writeln!(text, "way back: {class} ({basis})");
        let _ = writeln!(text, "  because {}", self.reason);
        for one in &self.preserve {
            let what = match &one.columns {
                Some(columns) => format!("{} ({})", one.table, columns.join(", ")),
                None => one.table.clone(),
            };
            let _ = writeln!(text, "  exported before going back: {what}");
        }
        for one in &self.lost {
            let column = one
                .column
                .as_ref()
                .map(|c| format!(".{c}"))
                .unwrap_or_default();
            let rows = one
                .rows
                .map_or_else(String::new, |rows| format!(", {rows} rows"));
            let _ = writeln!(text, "  not brought back: {}{column}{rows}", one.table);
        }
        let both = match self.overlap.as_deref() {
            Some("proved") => "may serve together (proved)",
            Some("assumed") => "may serve together (assumed)",
            _ => "must not serve together: the service stops while it migrates",
        };
        let _ = writeln!(text, "old and new release {both}");
        let _ = writeln!(text, "migrations, as measured on the copy:");
        for one in &self.migrations {
            one.tell(&mut text);
        }
        if let (Some(restore), Some(migrate)) = (self.restore_seconds, self.predicted_seconds) {
            let _ = writeln!(
                text,
                "migrating takes about {migrate:.1} s, restoring the backup {restore:.1} s"
            );
        }
        for finding in &self.findings {
            let _ = writeln!(text, "note: {finding}");
        }
        text
    }
}

impl MigrationReport {
    fn of(one: &RehearsedMigration) -> Self {
        let locks = |all: &[ripcord_rollback::evidence::TakenLock]| {
            all.iter()
                .map(|lock| LockReport {
                    relation: lock.relation.clone(),
                    mode: lock.mode.clone(),
                })
                .collect()
        };
        Self {
            id: one.id.clone(),
            up_seconds: rounded(one.up_seconds),
            down_seconds: one.down_seconds.map(rounded),
            locks: locks(&one.locks),
            rewrites: one.rewrites.clone(),
            rows: one.rows.clone(),
            wal_bytes: one.wal_bytes,
            statements: one
                .statements
                .iter()
                .map(|statement| StatementReport {
                    text: statement.text.clone(),
                    seconds: rounded(statement.seconds),
                    locks: locks(&statement.locks),
                })
                .collect(),
            reversible: one.reversible,
            irreversible: one.irreversible.clone(),
        }
    }

    fn tell(&self, text: &mut String) {
        let back = match (&self.irreversible, self.down_seconds) {
            (Some(_), _) => "no way back".to_owned(),
            (None, Some(seconds)) => format!("down {seconds:.2} s"),
            (None, None) => "down not tried".to_owned(),
        };
        let _ = writeln!(text, "  {}: up {:.2} s, {back}", self.id, self.up_seconds);
        let strong = self.locks.iter().filter(|l| l.mode != "AccessShareLock");
        for lock in strong {
            let rewritten = match self.rewrites.contains(&lock.relation) {
                true => ", written anew",
                false => "",
            };
            let _ = writeln!(text, "    {} on {}{rewritten}", lock.mode, lock.relation);
        }
        if let Some(why) = &self.irreversible {
            let _ = writeln!(text, "    {why}");
        }
    }
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
