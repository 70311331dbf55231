//! Whether what an archive holds still fits the tables it came from.

use tokio_postgres::Client;

use super::document::{Content, Described};
use super::live::{Key, LiveTable};
use crate::{Error, ErrorKind};

/// How many obstacles an error names.
const NAMED: usize = 10;

/// An exported table, and where it goes.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) described: Described,
    pub(super) live: LiveTable,
    /// How rows are found again; `None` when only all of their values tell them apart.
    pub(super) key: Option<Key>,
}

/// Looks for each table, in the transaction of `client`.
///
/// # Errors
/// `Mismatch`, naming everything that does not fit.
pub(super) async fn targets(client: &Client, tables: &[Described]) -> Result<Vec<Target>, Error> {
    let mut found = Vec::new();
    let mut obstacles = Vec::new();
    for table in tables {
        let live = match LiveTable::find(client, &table.schema, &table.table).await {
            Ok(Some(live)) => live,
            Ok(None) => {
                obstacles.push(format!("{} is not there", table.name));
                continue;
            }
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                obstacles.push(format!("{} is not a table any more", table.name));
                continue;
            }
            Err(error) => return Err(error),
        };
        let before = obstacles.len();
        compare(table, &live, &mut obstacles);
        let key = key_of(table, &live);
        if key.is_none() && !table.key.is_empty() {
            obstacles.push(format!(
                "{}: {} is not its key any more",
                table.name,
                table.key.join(", ")
            ));
        }
        if obstacles.len() == before {
            found.push(Target {
                described: table.clone(),
                live,
                key,
            });
        }
    }
    if obstacles.is_empty() {
        return Ok(found);
    }
    let more = obstacles.len().saturating_sub(NAMED);
    let mut detail = obstacles[..obstacles.len() - more].join("; ");
    if more > 0 {
        detail.push_str(&format!("; and {more} more"));
    }
    let error = Error::new(
        "put back",
        "the export",
        ErrorKind::Mismatch,
        format!("the tables are not as they were: {detail}"),
    );
    Err(error.with_help("bring the schema to where the export was made, and try again"))
}

fn compare(table: &Described, live: &LiveTable, obstacles: &mut Vec<String>) {
    let name = &table.name;
    for column in &table.columns {
        match live.column(&column.name) {
            None => obstacles.push(format!("{name} has no column {}", column.name)),
            Some(now) if now.generated => obstacles.push(format!(
                "{name}: {} is computed from other columns now",
                column.name
            )),
            Some(now) if now.kind != column.kind => obstacles.push(format!(
                "{name}: {} was {} and is {}",
                column.name, column.kind, now.kind
            )),
            Some(_) => {}
        }
    }
    if table.content == Content::Columns {
        return;
    }
    for column in &live.columns {
        let known = table.columns.iter().any(|known| known.name == column.name);
        if !known && !column.generated && !column.can_be_left_out {
            obstacles.push(format!(
                "{name}: {} needs a value, which the export does not have",
                column.name
            ));
        }
    }
}

/// A key of these very columns, in whatever order.
fn key_of(table: &Described, live: &LiveTable) -> Option<Key> {
    let mut wanted = table.key.clone();
    wanted.sort_unstable();
    live.keys
        .iter()
        .find(|key| {
            let mut columns = key.columns.clone();
            columns.sort_unstable();
            columns == wanted
        })
        .cloned()
}
