use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use ripcord_backup::Source as _;
use ripcord_backup::sources::{
    Extract, ExtractSource, OnConflict, PostgresOptions, PostgresSource, PutBackOptions,
};
use ripcord_conninfo::Conninfo;
use ripcord_rollback::evidence::Preserve;

use super::hostile::{Fate, Shape, Written};
use super::relations::Relations;
use super::scratch::told;
use super::state::OWN;

/// What the downs drop of what the new release writes: whatever is there before and not after, unless a row that was
/// written for that is found again with all of its values.
pub(super) fn to_preserve(
    up: &Relations,
    down: &Relations,
    shape: &Shape,
    written: &[Written],
    fates: &[Fate],
    hides: &dyn Fn(&str) -> bool,
) -> Vec<Preserve> {
    let mut tables: BTreeSet<String> = BTreeSet::new();
    let mut columns: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let gone = up.without(down);
    let kept = |oid: u32, column: i16| {
        let mut of_table = written
            .iter()
            .zip(fates)
            .filter(|(one, _)| one.table == oid);
        of_table.any(|(one, fate)| one.kept(fate, column))
    };
    let root_is_gone = gone
        .iter()
        .any(|a| down.get(a.oid).is_none() && up.get(a.oid).is_some_and(|r| r.partitioned));
    let through_its_table = |column: &str| {
        let mut same = gone.iter().filter(|a| a.column == column);
        same.any(|a| up.get(a.oid).is_some_and(|r| r.partitioned))
    };
    for attribute in &gone {
        let Some(relation) = up.get(attribute.oid) else {
            continue;
        };
        // A materialised view follows from other tables, and partitions go with their table.
        let writable =
            shape.tables.contains_key(&attribute.oid) || (relation.child && !root_is_gone);
        if hides(&relation.name) || !writable {
            continue;
        }
        if down.get(attribute.oid).is_none() {
            tables.insert(relation.name.clone());
        } else if relation.child && through_its_table(&attribute.column) {
            // Its rows are the table's.
        } else if !kept(attribute.oid, attribute.number) {
            columns
                .entry(relation.name.clone())
                .or_default()
                .insert(attribute.column.clone());
        }
    }
    for (one, fate) in written.iter().zip(fates) {
        match fate {
            Fate::Kept => {}
            Fate::TableGone | Fate::RowGone => {
                tables.insert(one.name.clone());
            }
            Fate::Columns(lost) => columns
                .entry(one.name.clone())
                .or_default()
                .extend(lost.iter().cloned()),
        }
    }
    // Without the key, or with nothing but the key, only whole rows can be found again.
    columns.retain(|name, wanted| {
        let table = shape.tables.values().find(|table| table.name == *name);
        let whole = table.is_some_and(|table| {
            let mut key = table.key.iter().filter_map(|n| table.columns.get(n));
            table.key.is_empty() || key.any(|column| wanted.contains(&column.name))
        });
        if whole {
            tables.insert(name.clone());
        }
        !whole && !tables.contains(name)
    });
    let tables = tables.into_iter().map(|table| Preserve {
        table,
        columns: None,
    });
    let columns = columns.into_iter().map(|(table, columns)| Preserve {
        table,
        columns: Some(columns.into_iter().collect()),
    });
    tables.chain(columns).collect()
}

/// The tables and columns of one database, as something that can be exported and put back.
fn extract(database: &Conninfo, preserve: &[Preserve]) -> ExtractSource {
    let extracts = preserve
        .iter()
        .map(|one| match &one.columns {
            Some(columns) => Extract::columns(&one.table, columns),
            None => Extract::table(&one.table),
        })
        .collect();
    ExtractSource::new(source(database), extracts)
}

fn source(database: &Conninfo) -> PostgresSource {
    let mut options = PostgresOptions::default();
    options.application_name = OWN.to_owned();
    PostgresSource::new(database.clone(), options)
}

/// Writes them into a file.
pub(super) async fn export(database: &Conninfo, preserve: &[Preserve], file: &Path) -> Result<()> {
    let mut sink = tokio::fs::File::create(file)
        .await
        .with_context(|| format!("cannot write {}", file.display()))?;
    extract(database, preserve)
        .dump(&mut sink)
        .await
        .map_err(told)?;
    sink.sync_all().await?;
    Ok(())
}

/// Puts them back.
pub(super) async fn put_back(database: &Conninfo, file: &Path) -> Result<()> {
    let mut archive = tokio::fs::File::open(file)
        .await
        .with_context(|| format!("cannot read {}", file.display()))?;
    let mut options = PutBackOptions::default();
    options.on_conflict = OnConflict::Overwrite;
    source(database)
        .put_back(&mut archive, &options)
        .await
        .map(drop)
        .map_err(told)
}

/// Columns whose content has to be the same before an export and after it was put back.
pub(super) fn watched(preserve: &[Preserve], up: &Relations) -> BTreeMap<String, BTreeSet<String>> {
    let mut watched: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for one in preserve {
        let relation = up.iter().map(|(_, r)| r).find(|r| r.name == one.table);
        let Some(relation) = relation else {
            continue;
        };
        let columns = match &one.columns {
            Some(columns) => columns.iter().cloned().collect(),
            None => relation.columns.values().cloned().collect(),
        };
        watched.insert(one.table.clone(), columns);
    }
    watched
}
