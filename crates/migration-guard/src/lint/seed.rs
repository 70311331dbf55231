//! A replay that begins with what a database already holds, instead of with nothing.

use std::collections::BTreeMap;

use crate::lint::indexes::Index;
use crate::lint::state::{ColumnState, ConstraintState, Table};
use crate::lint::{Dialect, Estimate, Finding, LintOptions, State, TableSize};
use crate::snapshot::{self, ConstraintType, Generated, Snapshot, TableKind};
use crate::sql::model::{ConstraintKind, Expr, ForeignKey, Name, Type, Volatility};
use crate::sql::types::canonical;

impl State {
    /// Before the first file: empty, or as the snapshot of the options has it.
    pub(crate) fn begin(options: &LintOptions) -> Self {
        let mut state = Self::default();
        state.dialect = options.dialect;
        if let (Dialect::Postgres, Some(snapshot)) = (options.dialect, &options.snapshot) {
            state.seed(snapshot);
        }
        state
    }

    fn seed(&mut self, snapshot: &Snapshot) {
        self.live = true;
        for table in &snapshot.tables {
            let name = named(&table.schema, &table.name);
            let known = known(snapshot, table);
            for key in keys(snapshot, &name) {
                for index in table.indexes.iter().filter(|i| i.constraint.is_none()) {
                    self.indexes.insert(&index.name, known_index(&key, index));
                }
                if let Some(parent) = &known.partition_of {
                    self.link(&key, parent, known.default_partition);
                }
                for name in known.constraints.keys() {
                    self.constrained.add(name, &key);
                }
                self.tables.insert(key, known.clone());
            }
        }
        self.constrained_domains
            .extend(snapshot.constrained_domains.iter().cloned());
        for view in &snapshot.views {
            let name = named(&view.schema, &view.name).to_string();
            for used in &view.uses {
                let table = named(&used.schema, &used.table);
                for key in keys(snapshot, &table) {
                    let known = self.views.entry(key).or_default();
                    known.push((name.clone(), used.column.clone()));
                }
            }
            self.relations.insert(named(&view.schema, &view.name).key());
        }
    }
}

/// A table of the search path's first schema is also meant without its schema.
fn keys(snapshot: &Snapshot, table: &Name) -> Vec<String> {
    let mut keys = vec![table.key()];
    let found = snapshot.table(None, &table.name);
    if found.is_some_and(|t| Some(&t.schema) == table.schema.as_ref()) && table.key() != table.name
    {
        keys.push(table.name.clone());
    }
    keys
}

fn named(schema: &str, name: &str) -> Name {
    Name {
        schema: Some(schema.to_owned()),
        name: name.to_owned(),
    }
}

fn known(snapshot: &Snapshot, table: &snapshot::Table) -> Table {
    let mut known = Table {
        live: true,
        complete: true,
        rows: true,
        partitioned: table.kind == TableKind::Partitioned,
        partition_of: table
            .partition_of
            .as_ref()
            .map(|(schema, name)| named(schema, name).key()),
        default_partition: table.default_partition,
        ..Table::default()
    };
    for column in &table.columns {
        known.columns.insert(
            column.name.clone(),
            ColumnState {
                ty: Some(spelled(&column.ty)),
                not_null: column.not_null,
                default: column.default.is_some() || column.generated != Generated::No,
                ..ColumnState::default()
            },
        );
    }
    for constraint in &table.constraints {
        let kind = kind(constraint);
        match &kind {
            ConstraintKind::PrimaryKey { columns, .. } => {
                known.primary_key = Some(columns.clone());
            }
            ConstraintKind::ForeignKey(key) => {
                known.referenced.push(key.table.clone());
                if let Some(other) = snapshot.table(key.table.schema.as_deref(), &key.table.name) {
                    let keys = keys(snapshot, &named(&other.schema, &other.name));
                    let more = keys.iter().skip(1).map(|key| Name::of_key(key));
                    known.referenced.extend(more);
                }
            }
            ConstraintKind::Check(_) => {
                for column in &constraint.columns {
                    if let Some(column) = known.columns.get_mut(column) {
                        column.checked = true;
                    }
                }
            }
            _ => {}
        }
        known.constraints.insert(
            constraint.name.clone(),
            ConstraintState {
                kind,
                valid: constraint.validated,
            },
        );
        known
            .uses
            .insert(constraint.name.clone(), constraint.columns.clone());
    }
    known
}

fn known_index(table: &str, index: &snapshot::Index) -> Index {
    Index {
        table: table.to_owned(),
        columns: index.columns.clone(),
        unique: index.unique,
        partial: index.predicate.is_some(),
        method: Some(index.method.clone()),
        valid: index.valid,
    }
}

fn kind(constraint: &snapshot::Constraint) -> ConstraintKind {
    let columns = constraint.columns.clone();
    match constraint.kind {
        ConstraintType::PrimaryKey => ConstraintKind::PrimaryKey {
            columns,
            using_index: None,
        },
        ConstraintType::Unique => ConstraintKind::Unique {
            columns,
            using_index: None,
        },
        ConstraintType::ForeignKey => {
            let (schema, name) = constraint.references.clone().unwrap_or_default();
            ConstraintKind::ForeignKey(ForeignKey {
                table: named(&schema, &name),
                columns,
                to: constraint.referenced_columns.clone(),
                on_delete: None,
                match_full: constraint.definition.contains(" MATCH FULL"),
            })
        }
        ConstraintType::Exclude => ConstraintKind::Exclude,
        ConstraintType::NotNull => ConstraintKind::NotNull {
            column: columns.into_iter().next(),
        },
        ConstraintType::Check => ConstraintKind::Check(Expr {
            text: constraint.definition.clone(),
            volatility: Volatility::Fixed,
            not_null_of: not_null_of(constraint),
        }),
    }
}

/// The column, if the server's own spelling says `CHECK ((column IS NOT NULL))`.
fn not_null_of(constraint: &snapshot::Constraint) -> Option<String> {
    let [column] = constraint.columns.as_slice() else {
        return None;
    };
    let rest = constraint.definition.strip_prefix("CHECK ((")?;
    let end = rest.find(" IS NOT NULL))")?;
    let said = &rest[..end];
    let is = said == column || said == format!("\"{}\"", column.replace('"', "\"\""));
    is.then(|| column.clone())
}

/// A type as `format_type` writes it.
fn spelled(text: &str) -> Type {
    let array = text.ends_with("[]");
    let text = text.trim_end_matches("[]").replace('"', "");
    let (name, args) = match (text.find('('), text.find(')')) {
        (Some(open), Some(close)) if open < close => (
            format!("{}{}", &text[..open], &text[close + 1..]),
            text[open + 1..close].to_owned(),
        ),
        _ => (text.clone(), String::new()),
    };
    Type {
        name: canonical(&name).to_owned(),
        args: args
            .split(',')
            .filter_map(|a| a.trim().parse().ok())
            .collect(),
        array,
    }
}

/// Gives each finding the size of its table, and to one that reads or writes all of it an estimate.
pub(crate) fn measure(findings: &mut [Finding], snapshot: &Snapshot) {
    let mut sizes: BTreeMap<String, Option<snapshot::Size>> = BTreeMap::new();
    for finding in findings {
        let Some(table) = finding.table.clone() else {
            continue;
        };
        let size = sizes.entry(table.clone()).or_insert_with(|| {
            let is = |t: &&snapshot::Table| {
                let name = named(&t.schema, &t.name);
                let bare = Name::bare(&t.name).to_string() == table
                    && snapshot
                        .table(None, &t.name)
                        .is_some_and(|u| u.schema == t.schema);
                bare || name.to_string() == table
            };
            let found = snapshot.tables.iter().find(is);
            found.map(|t| snapshot.size(t))
        });
        let Some(size) = size else {
            continue;
        };
        finding.size = Some(TableSize {
            table,
            bytes: size.bytes + size.index_bytes,
            rows: size.rows,
        });
        if (finding.rewrite || finding.scan)
            && let Some(speed) = snapshot.scan_bytes_per_second
        {
            finding.estimate = Some(if finding.rewrite {
                Estimate::of_rewrite(*size, speed)
            } else {
                Estimate::of_scan(*size, speed)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_types_are_those_of_the_files() {
        let ty = |text: &str| spelled(text).to_string();
        assert_eq!(ty("character varying(20)"), "varchar(20)");
        assert_eq!(ty("timestamp(3) with time zone"), "timestamptz(3)");
        assert_eq!(ty("numeric(10,2)"), "numeric(10, 2)");
        assert_eq!(ty("integer[]"), "integer[]");
        assert_eq!(ty("app.\"Mood\""), "app.Mood");
    }

    #[test]
    fn only_the_plain_check_proves_not_null() {
        let check = |definition: &str| {
            not_null_of(&snapshot::Constraint {
                columns: vec!["it".to_owned()],
                definition: definition.to_owned(),
                ..snapshot::Constraint::default()
            })
        };
        assert_eq!(check("CHECK ((it IS NOT NULL))").as_deref(), Some("it"));
        assert_eq!(check("CHECK ((\"it\" IS NOT NULL))").as_deref(), Some("it"));
        assert_eq!(check("CHECK (((it IS NOT NULL) OR (it > 0)))"), None);
    }
}
