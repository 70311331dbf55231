//! From what was asked for to what an archive will hold.

use super::document::{Column, Content, Described};
use super::live::{LiveColumn, LiveTable};
use super::pack::file_name;
use super::request::Extract;
use crate::{Error, ErrorKind};

/// What the archive's table number so and so will be.
pub(super) fn describe(
    number: usize,
    wanted: &Extract,
    live: &LiveTable,
) -> Result<Described, Error> {
    let key = live.keys.first().map(|key| key.columns.clone());
    let (content, columns, generated) = match &wanted.columns {
        None => {
            let (generated, columns) = live.columns.iter().partition(|column| column.generated);
            (Content::Rows, columns, generated)
        }
        Some(names) => (Content::Columns, some_columns(live, names)?, Vec::new()),
    };
    if columns.is_empty() {
        return Err(unusable(live, "it has no columns to export"));
    }
    Ok(Described {
        schema: live.schema.clone(),
        table: live.table.clone(),
        name: live.name.clone(),
        content,
        key: key.unwrap_or_default(),
        columns: columns.into_iter().map(column).collect(),
        generated: generated.into_iter().map(|c| c.name.clone()).collect(),
        filter: wanted.filter.clone(),
        file: file_name(number, &live.name),
    })
}

/// What somebody should know about it.
pub(super) fn notes(table: &Described) -> Vec<String> {
    let name = &table.name;
    let mut notes = Vec::new();
    if !table.generated.is_empty() {
        let columns = table.generated.join(", ");
        notes.push(format!(
            "{name}: {columns} left out, computed from other columns"
        ));
    }
    if table.key.is_empty() {
        notes.push(format!(
            "{name} has no key, so its rows are told apart by all of their values"
        ));
    }
    let plain: Vec<String> = table
        .columns
        .iter()
        .filter(|column| column.restored_as.is_some())
        .map(|column| format!("{} ({})", column.name, column.kind))
        .collect();
    if !plain.is_empty() {
        notes.push(format!(
            "{name}: a copy that is restored for itself has {} as text",
            plain.join(", ")
        ));
    }
    if let Some(filter) = &table.filter {
        notes.push(format!("{name}: only rows where {filter}"));
    }
    notes
}

/// The key, and these.
fn some_columns<'a>(live: &'a LiveTable, names: &[String]) -> Result<Vec<&'a LiveColumn>, Error> {
    let Some(key) = live.keys.first() else {
        let error = unusable(
            live,
            "it has neither a primary key nor a unique index over columns that are never null, so \
             its rows could not be found again",
        );
        return Err(error.with_help("export the whole table"));
    };
    let mut columns: Vec<&LiveColumn> = key
        .columns
        .iter()
        .filter_map(|name| live.column(name))
        .collect();
    for name in names {
        let Some(column) = live.column(name) else {
            let detail = format!("it has no column {name}");
            return Err(Error::new(
                "export columns of",
                &live.name,
                ErrorKind::NotFound,
                detail,
            ));
        };
        if column.generated {
            let detail = format!("{name} is computed from other columns");
            return Err(unusable(live, &detail));
        }
        if !columns.iter().any(|known| known.name == *name) {
            columns.push(column);
        }
    }
    if columns.len() == key.columns.len() {
        return Err(unusable(live, "name columns that are not part of its key"));
    }
    Ok(columns)
}

fn column(live: &LiveColumn) -> Column {
    Column {
        name: live.name.clone(),
        kind: live.kind.clone(),
        restored_as: (!live.is_everywhere).then(|| "text".to_owned()),
    }
}

fn unusable(live: &LiveTable, detail: &str) -> Error {
    Error::new(
        "export columns of",
        &live.name,
        ErrorKind::InvalidInput,
        detail,
    )
}
