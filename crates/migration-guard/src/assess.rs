use crate::effect::{Effect, StatementEffect, classify};
use crate::lint::{Dialect, Finding, Lint, LintOptions, Loss, Severity, Unit, lint};
use crate::sql::Script;
use crate::{Error, ErrorKind, Migration};

/// What a chain of pending migrations means, before anything is run.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Assessment {
    /// One entry for each migration, in the order in which they run.
    pub migrations: Vec<Assessed>,
    /// Statements in all the up files.
    pub statements: usize,
    /// Statements that were understood; each of the others is a finding.
    pub analysed: usize,
}

/// What one pending migration means.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Assessed {
    /// The version.
    pub version: String,
    /// The name.
    pub name: String,
    /// Whether there is a way back at all. It says nothing about data.
    pub reversible: Reversible,
    /// Whether every statement is on the closed list of additive DDL.
    pub additive: bool,
    /// The verdict on each statement.
    pub statements: Vec<StatementEffect>,
    /// What is lost for good when it runs.
    pub losses: Vec<Loss>,
    /// What the rules have to say.
    pub findings: Vec<Finding>,
    /// Tables whose every row is written anew under a lock.
    pub rewrites: Vec<String>,
    /// Tables whose every row is read under a lock that makes writers wait.
    pub scans: Vec<String>,
}

/// Whether there is a way back.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Reversible {
    /// There is a down file or section that does something. Whether it is the inverse, only running shows.
    Yes,
    /// There is no down file or section.
    DownMissing,
    /// It has no statement, or only ones without effect.
    DownEmpty,
}

impl Assessment {
    /// Whether every migration is additive.
    pub fn is_additive(&self) -> bool {
        self.migrations.iter().all(|m| m.additive)
    }

    /// Whether every migration has a way back.
    pub fn is_reversible(&self) -> bool {
        self.migrations
            .iter()
            .all(|m| m.reversible == Reversible::Yes)
    }

    /// All losses, in order.
    pub fn losses(&self) -> impl Iterator<Item = &Loss> {
        self.migrations.iter().flat_map(|m| &m.losses)
    }

    /// All findings, in order.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.migrations.iter().flat_map(|m| &m.findings)
    }

    /// The worst severity, if there is any finding.
    pub fn worst(&self) -> Option<Severity> {
        self.findings().map(|f| f.severity).max()
    }

    /// The tables that any finding names, for a look at their size.
    pub fn tables(&self) -> Vec<String> {
        let mut tables: Vec<String> = self
            .findings()
            .filter_map(|f| f.table.clone())
            .chain(self.losses().map(|l| l.table.clone()))
            .collect();
        tables.sort();
        tables.dedup();
        tables
    }

    /// The same as a [`Lint`], for [`render`](crate::render).
    pub fn to_lint(&self) -> Lint {
        Lint {
            findings: self.findings().cloned().collect(),
            statements: self.statements,
            analysed: self.analysed,
            ..Lint::default()
        }
    }
}

/// Judges `pending` (in the order in which they run) as one chain, for this crate's own runner.
///
/// # Errors
/// As [`assess_with`].
pub fn assess(pending: &[Migration]) -> Result<Assessment, Error> {
    assess_with(pending, &LintOptions::with_own_runner())
}

/// Judges `pending` (in the order in which they run) as one chain.
///
/// # Errors
/// [`Syntax`](crate::ErrorKind::Syntax) with file, line and column when an up or a down file
/// does not parse; [`Unsupported`](crate::ErrorKind::Unsupported) for another dialect.
pub fn assess_with(pending: &[Migration], options: &LintOptions) -> Result<Assessment, Error> {
    if options.dialect != Dialect::Postgres {
        return Err(Error::new(ErrorKind::Unsupported, "assess", "MySQL")
            .because("what is additive and what can be taken back is known of PostgreSQL only")
            .with_help("lint judges MySQL and MariaDB"));
    }
    let mut units = Vec::new();
    let mut reversible = Vec::new();
    for migration in pending {
        units.push(Unit {
            script: Script::parse(&migration.up, &migration.up_sql)?,
            transaction: migration.transaction,
        });
        reversible.push(way_back(migration)?);
    }
    let report = lint(&units, options)?;
    let scripts: Vec<Script> = units.iter().map(|u| u.script.clone()).collect();
    let effects = classify(&scripts);
    let mut assessment = Assessment {
        migrations: Vec::new(),
        statements: report.statements,
        analysed: report.analysed,
    };
    for ((migration, reversible), statements) in pending.iter().zip(reversible).zip(effects) {
        let mut findings: Vec<Finding> = report
            .findings
            .iter()
            .filter(|f| f.file == migration.up)
            .cloned()
            .collect();
        findings.extend(no_way_back(migration, reversible));
        assessment
            .migrations
            .push(assessed(migration, reversible, statements, findings));
    }
    Ok(assessment)
}

fn assessed(
    migration: &Migration,
    reversible: Reversible,
    statements: Vec<StatementEffect>,
    findings: Vec<Finding>,
) -> Assessed {
    let unique = |mut tables: Vec<String>| {
        tables.sort();
        tables.dedup();
        tables
    };
    let of = |wanted: fn(&Finding) -> bool| {
        unique(
            findings
                .iter()
                .filter(|f| wanted(f))
                .filter_map(|f| f.table.clone())
                .collect(),
        )
    };
    let mut losses: Vec<Loss> = Vec::new();
    for loss in findings.iter().filter_map(|f| f.data_loss.clone()) {
        if !losses.contains(&loss) {
            losses.push(loss);
        }
    }
    Assessed {
        version: migration.version.clone(),
        name: migration.name.clone(),
        reversible,
        additive: statements.iter().all(|s| s.effect == Effect::Additive),
        statements,
        losses,
        rewrites: of(|f| f.rewrite),
        scans: of(|f| f.scan && f.lock.is_some_and(crate::LockMode::blocks_writes)),
        findings,
    }
}

fn way_back(migration: &Migration) -> Result<Reversible, Error> {
    let (Some(path), Some(sql)) = (&migration.down, &migration.down_sql) else {
        return Ok(Reversible::DownMissing);
    };
    Ok(if Script::parse(path, sql)?.is_effectless() {
        Reversible::DownEmpty
    } else {
        Reversible::Yes
    })
}

fn no_way_back(migration: &Migration, reversible: Reversible) -> Option<Finding> {
    let message = match reversible {
        Reversible::Yes => return None,
        Reversible::DownMissing => format!("{} has no way back", migration.version),
        Reversible::DownEmpty => {
            format!(
                "the way back of {} changes nothing and would report success",
                migration.version
            )
        }
    };
    let file = match reversible {
        Reversible::DownEmpty => migration.down.clone().unwrap_or_default(),
        _ => migration.up.clone(),
    };
    // Of a file with sections the lines above the way back are empty.
    let line = match (reversible, &migration.down_sql) {
        (Reversible::DownEmpty, Some(sql)) => sql.lines().position(|l| !l.trim().is_empty()),
        _ => None,
    };
    Some(Finding {
        rule: "irreversible-no-down".to_owned(),
        severity: Severity::Warning,
        file,
        line: line.map_or(1, |above| above as u32 + 1),
        column: 1,
        message,
        why: "a rollback of the schema is not possible".to_owned(),
        help: Some("write the way back, and rehearse it".to_owned()),
        table: None,
        lock: None,
        rewrite: false,
        scan: false,
        data_loss: None,
        size: None,
        estimate: None,
        statement: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LossKind;

    fn migration(version: u32, up: &str) -> Migration {
        Migration::new(version.to_string(), "m", format!("{version}_m.up.sql"), up)
    }

    #[test]
    fn the_chain_is_judged_as_one() {
        let first = migration(1, "CREATE TABLE a (id bigint PRIMARY KEY);")
            .with_down("1_m.down.sql", "DROP TABLE a;");
        let second = migration(2, "ALTER TABLE a ADD COLUMN b text UNIQUE; DROP TABLE old;");
        let third = migration(3, "ALTER TABLE t DROP COLUMN c;")
            .with_down("3.down.sql", "-- no\nSELECT 1;");
        let assessment = assess(&[first, second, third]).unwrap();
        let [first, second, third] = &assessment.migrations[..] else {
            panic!("three migrations")
        };
        assert!(first.additive && first.reversible == Reversible::Yes);
        assert!(first.losses.is_empty() && first.rewrites.is_empty());
        assert_eq!(second.reversible, Reversible::DownMissing);
        assert!(!second.additive);
        assert_eq!(second.losses.len(), 1);
        assert_eq!(second.losses[0].table, "old");
        assert_eq!(second.losses[0].kind, LossKind::Table);
        assert_eq!(third.reversible, Reversible::DownEmpty);
        assert_eq!(third.losses[0].column.as_deref(), Some("c"));
        assert_eq!((assessment.statements, assessment.analysed), (4, 4));
        assert_eq!(assessment.worst(), Some(Severity::Blocker));
    }

    #[test]
    fn a_bad_down_file_is_an_error_too() {
        let bad = migration(1, "SELECT 1;").with_down("1.down.sql", "DROP TABEL a;");
        assert_eq!(assess(&[bad]).unwrap_err().kind(), crate::ErrorKind::Syntax);
    }
}
