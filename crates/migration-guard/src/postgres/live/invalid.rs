//! What an earlier migration has left half done.

use crate::live::question::relation;
use crate::snapshot::Snapshot;
use crate::sql::Name;

/// An index or a constraint that does not do its work.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Broken {
    /// What sort of thing.
    pub kind: BrokenKind,
    /// The table, as SQL writes it.
    pub table: String,
    /// The index or the constraint, as SQL writes it.
    pub name: String,
    /// In one sentence without a full stop.
    pub message: String,
    /// SQL that mends it.
    pub help: String,
}

/// What sort of [`Broken`] thing.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum BrokenKind {
    /// A concurrent build failed: no query uses it, and every write pays for it.
    InvalidIndex,
    /// New rows obey it, old ones may not.
    UnvalidatedConstraint,
}

pub(super) fn broken(snapshot: &Snapshot) -> Vec<Broken> {
    let mut found = Vec::new();
    for table in &snapshot.tables {
        let relation = relation(table);
        for index in table.indexes.iter().filter(|i| !i.valid) {
            let name = Name {
                schema: Some(table.schema.clone()).filter(|s| s != "public"),
                name: index.name.clone(),
            };
            found.push(Broken {
                kind: BrokenKind::InvalidIndex,
                message: format!("index {name} of {relation} is invalid, and no query uses it"),
                help: format!(
                    "REINDEX INDEX CONCURRENTLY {name}; or DROP INDEX CONCURRENTLY {name}"
                ),
                table: relation.clone(),
                name: name.to_string(),
            });
        }
        for constraint in table.constraints.iter().filter(|c| !c.validated) {
            let name = Name::bare(&constraint.name);
            found.push(Broken {
                kind: BrokenKind::UnvalidatedConstraint,
                message: format!("{name} of {relation} is not validated: old rows may break it"),
                help: format!("ALTER TABLE {relation} VALIDATE CONSTRAINT {name}"),
                table: relation.clone(),
                name: name.to_string(),
            });
        }
    }
    found
}
