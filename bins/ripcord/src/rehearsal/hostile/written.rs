use std::collections::BTreeMap;

use anyhow::Result;
use tokio_postgres::Client;

use super::goals::Goal;
use super::row::{Rows, cast, said};
use super::shape::{Column, Shape, Table};
use super::values::{any, candidates, distinct, unusual};
use crate::rehearsal::relations::Relations;
use crate::rehearsal::sql::{ident, literal};

/// A row's values as text, by column.
type Values = BTreeMap<i16, Option<String>>;

/// A row that only the new release could have written.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// What it is about, for people: `NULL in public.orders.note`.
    pub(crate) what: String,
    /// The table.
    pub(crate) table: u32,
    /// The table's name when it was written.
    pub(crate) name: String,
    /// Its values by column.
    values: BTreeMap<i16, Option<String>>,
    /// The columns' names when it was written.
    names: BTreeMap<i16, String>,
    /// Columns by which it is found again.
    key: Vec<i16>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Every value is there.
    Kept,
    /// The table is gone, and the row with it.
    TableGone,
    /// The row is gone.
    RowGone,
    /// These columns are gone, or hold something else: by the name that they had.
    Columns(Vec<String>),
}

/// Everything that was written.
#[derive(Debug, Default)]
pub(crate) struct Writing {
    /// A row for each goal that was reached.
    pub(crate) rows: Vec<Written>,
    /// Goals that were not, and why.
    pub(crate) failed: Vec<String>,
    /// Every row, those that others refer to as well.
    made: Vec<Written>,
}

/// Writes as many of the goals as it can, and says which ones it could not.
pub(crate) async fn write_all(
    client: &Client,
    shape: &Shape,
    goals: &[Goal],
    first: u64,
) -> Result<Writing> {
    let mut rows = Rows::new(client, shape, first);
    let mut written = Vec::new();
    let mut failed = Vec::new();
    for goal in goals {
        let Some(table) = shape.tables.get(&goal.table()) else {
            continue;
        };
        let what = goal.told(table);
        match reach(&mut rows, client, table, goal).await {
            Ok(Some(values)) => written.push(Written::new(goal.table(), table, what, values)),
            Ok(None) => {}
            Err(why) => failed.push(format!("could not write {what}: {why}")),
        }
    }
    let made = rows.made.into_iter().filter_map(|(oid, made)| {
        let table = shape.tables.get(&oid)?;
        Some(Written::new(oid, table, table.name.clone(), made.values))
    });
    Ok(Writing {
        rows: written,
        failed,
        made: made.collect(),
    })
}

impl Writing {
    /// Takes the rows away again where they still are, without triggers.
    pub(crate) async fn take_away(&self, client: &Client, now: &Relations) -> Result<()> {
        let mut sql = "BEGIN; SET LOCAL session_replication_role = replica;".to_owned();
        for one in &self.made {
            if let Some((table, condition)) = one.place(now) {
                sql.push_str(&format!(
                    "DELETE FROM {table} WHERE (tableoid, ctid) = (SELECT tableoid, ctid FROM {table} WHERE {condition} LIMIT 1);"
                ));
            }
        }
        sql.push_str("COMMIT");
        client.batch_execute(&sql).await?;
        Ok(())
    }

    /// Tables that rows were written into.
    pub(crate) fn tables(&self) -> std::collections::BTreeSet<String> {
        self.made.iter().map(|one| one.name.clone()).collect()
    }
}

async fn reach(
    rows: &mut Rows<'_>,
    client: &Client,
    table: &Table,
    goal: &Goal,
) -> Result<Option<Values>, String> {
    let mut given = BTreeMap::new();
    match goal {
        Goal::Row { .. } => {}
        Goal::NewColumn { column, .. } => {
            let Some(known) = table.columns.get(column) else {
                return Err("the column is not there".to_owned());
            };
            return filled(rows, table, goal.table(), *column, known)
                .await
                .map(Some);
        }
        Goal::Full { .. } => {
            let refers = |n: &i16| table.references.iter().any(|r| r.columns.contains(n));
            let bare = bare(client, table).await?;
            let plain = table
                .columns
                .iter()
                .filter(|(n, _)| bare.contains(n) && !refers(n));
            for (column, known) in plain {
                let number = rows.next();
                let value = match known.category {
                    // A default of its own says what is allowed.
                    'E' | 'A' => None,
                    _ => distinct(known, number),
                };
                if let Some(value) = value {
                    given.insert(*column, cast(&value, &known.kind));
                }
            }
            // A check may refuse what was made up.
            if let Ok(made) = rows.insert(goal.table(), &given).await {
                return Ok(Some(made.values));
            }
            given.clear();
        }
        Goal::Null { column, .. } => {
            given.insert(*column, "NULL".to_owned());
        }
        Goal::Label { column, label, .. } => {
            let kind = table
                .columns
                .get(column)
                .map(|c| c.kind.clone())
                .unwrap_or_default();
            given.insert(*column, cast(&literal(label), &kind));
        }
        Goal::Beyond {
            column,
            old,
            modifier,
            ..
        } => return beyond(rows, client, table, *column, old, *modifier).await,
        Goal::Against { check, .. } => {
            return against(rows, client, table, check).await.map(Some);
        }
        Goal::Twice { columns, .. } => {
            for column in columns {
                if let Some(known) = table.columns.get(column) {
                    given.insert(*column, format!("template.{}", ident(&known.name)));
                }
            }
            // Without a row to copy the first one is the first of the two.
            if rows.insert(goal.table(), &BTreeMap::new()).await.is_err() {
                return Err("no row could be written twice".to_owned());
            }
        }
        Goal::Orphan { columns, .. } => {
            for column in columns {
                if let Some(known) = table.columns.get(column) {
                    let number = rows.next();
                    let value = distinct(known, number)
                        .ok_or_else(|| format!("no value is known for {}", known.kind))?;
                    given.insert(*column, cast(&value, &known.kind));
                }
            }
        }
    }
    rows.insert(goal.table(), &given)
        .await
        .map(|made| Some(made.values))
}

/// A row with something in this column, and not NULL: what is empty shows nothing about what becomes of it.
async fn filled(
    rows: &mut Rows<'_>,
    table: &Table,
    oid: u32,
    column: i16,
    known: &Column,
) -> Result<Values, String> {
    let reference = table.references.iter().find_map(|reference| {
        let at = reference.columns.iter().position(|c| *c == column)?;
        Some((reference.to, *reference.to_columns.get(at)?))
    });
    let mut tries = Vec::new();
    match reference {
        Some((to, there)) => tries.push(rows.referred(to, there, false, 0).await?),
        None => {
            let number = rows.next();
            let labels = rows.shape().labels.get(&known.type_oid);
            let first = any(known, number, labels);
            let others = unusual().into_iter().flatten().map(|text| literal(&text));
            tries.extend(
                first
                    .into_iter()
                    .chain(others)
                    .map(|value| cast(&value, &known.kind)),
            );
        }
    }
    let mut why = None;
    for value in tries {
        match rows.insert(oid, &BTreeMap::from([(column, value)])).await {
            Ok(made) if made.values.get(&column).is_some_and(Option::is_some) => {
                return Ok(made.values);
            }
            Ok(_) => {
                why.get_or_insert_with(|| "a trigger takes it away".to_owned());
            }
            Err(error) => {
                why.get_or_insert(error);
            }
        }
    }
    Err(why.unwrap_or_else(|| format!("no value is known for {}", known.kind)))
}

/// Columns in which no row has a value: what is copied from another row would say nothing about them.
async fn bare(client: &Client, table: &Table) -> Result<Vec<i16>, String> {
    let numbers: Vec<i16> = table.columns.keys().copied().collect();
    let counts: Vec<String> = table
        .columns
        .values()
        .map(|column| format!("count({})", ident(&column.name)))
        .collect();
    let sql = format!(
        "SELECT ARRAY[{}]::int8[] FROM (SELECT * FROM {} LIMIT 1000) AS part",
        counts.join(", "),
        table.name
    );
    let row = client.query_one(&sql, &[]).await.map_err(|e| said(&e))?;
    let counts: Vec<i64> = row.get(0);
    let bare = numbers
        .into_iter()
        .zip(counts)
        .filter(|(_, count)| *count == 0);
    Ok(bare.map(|(number, _)| number).collect())
}

/// A row with a value that the new type takes and the old one does not give back: the server decides. `None` where there
/// is none, as between `json` and `jsonb`.
async fn beyond(
    rows: &mut Rows<'_>,
    client: &Client,
    table: &Table,
    column: i16,
    old: &str,
    modifier: i32,
) -> Result<Option<Values>, String> {
    let Some(known) = table.columns.get(&column) else {
        return Err("the column is not there".to_owned());
    };
    let oid = rows.table_of(table);
    let mut why = None;
    for value in candidates(modifier) {
        let new = cast(&literal(&value), &known.kind);
        let held = client
            .query_one(&format!("SELECT {new}::text"), &[])
            .await
            .is_ok();
        // In steps, because a cast that is not there says nothing about values.
        let back = format!("SELECT ({new}::text::{old})::text = {new}::text");
        let fits = match client.query_one(&back, &[]).await {
            Ok(row) => row.get::<_, Option<bool>>(0).unwrap_or(true),
            Err(_) => false,
        };
        if !held || fits {
            continue;
        }
        match rows.insert(oid, &BTreeMap::from([(column, new)])).await {
            Ok(made) => return Ok(Some(made.values)),
            Err(error) => why = Some(error),
        }
    }
    why.map_or(Ok(None), Err)
}

/// A row that meets what is asked now and not what was asked before.
async fn against(
    rows: &mut Rows<'_>,
    client: &Client,
    table: &Table,
    check: &super::shape::Check,
) -> Result<Values, String> {
    let oid = rows.table_of(table);
    let mut why = "no value was found that the check refused".to_owned();
    for column in &check.columns {
        let Some(known) = table.columns.get(column) else {
            continue;
        };
        for value in unusual() {
            let value = match value {
                Some(text) => cast(&literal(&text), &known.kind),
                None => cast("NULL", &known.kind),
            };
            // With nothing but this column the condition may already say no.
            let sql = format!(
                "SELECT NOT ({}) FROM (SELECT {value} AS {}) AS r",
                check.condition,
                ident(&known.name)
            );
            let refused = match check.columns.len() {
                1 => match client.query_one(&sql, &[]).await {
                    Ok(row) => row.get::<_, Option<bool>>(0).unwrap_or(false),
                    Err(_) => false,
                },
                _ => true,
            };
            if !refused {
                continue;
            }
            match rows.insert(oid, &BTreeMap::from([(*column, value)])).await {
                Ok(made) => return Ok(made.values),
                Err(error) => why = error,
            }
        }
    }
    Err(why)
}

impl Rows<'_> {
    fn table_of(&self, table: &Table) -> u32 {
        self.shape()
            .tables
            .iter()
            .find(|(_, known)| known.name == table.name)
            .map_or(0, |(oid, _)| *oid)
    }
}

impl Goal {
    /// The table.
    pub(super) fn table(&self) -> u32 {
        match self {
            Self::Row { table }
            | Self::Full { table }
            | Self::NewColumn { table, .. }
            | Self::Null { table, .. }
            | Self::Beyond { table, .. }
            | Self::Label { table, .. }
            | Self::Against { table, .. }
            | Self::Twice { table, .. }
            | Self::Orphan { table, .. } => *table,
        }
    }

    fn told(&self, table: &Table) -> String {
        let column = |number: &i16| {
            let known = table.columns.get(number);
            format!(
                "{}.{}",
                table.name,
                known.map(|c| c.name.as_str()).unwrap_or_default()
            )
        };
        let columns = |numbers: &[i16]| {
            let names: Vec<String> = numbers
                .iter()
                .filter_map(|n| table.columns.get(n))
                .map(|c| c.name.clone())
                .collect();
            format!("{} ({})", table.name, names.join(", "))
        };
        match self {
            Self::Row { .. } | Self::Full { .. } => format!("a row of {}", table.name),
            Self::NewColumn { column: c, .. } => format!("a value in the new column {}", column(c)),
            Self::Null { column: c, .. } => format!("a NULL in {}", column(c)),
            Self::Beyond { column: c, old, .. } => {
                format!("a value in {} that {old} does not hold", column(c))
            }
            Self::Label {
                column: c, label, ..
            } => format!("the new label {label} in {}", column(c)),
            Self::Against { check, .. } => {
                format!(
                    "a row of {} against the former CHECK {}",
                    table.name, check.condition
                )
            }
            Self::Twice { columns: c, .. } => format!("a duplicate in {}", columns(c)),
            Self::Orphan { columns: c, .. } => {
                format!("a row that refers to nothing in {}", columns(c))
            }
        }
    }
}

/// Looks for the rows again.
pub(crate) async fn fates(client: &Client, written: &[Written], now: &Relations) -> Vec<Fate> {
    let mut found = Vec::new();
    for one in written {
        found.push(one.fate(client, now).await.unwrap_or(Fate::RowGone));
    }
    found
}

impl Written {
    fn new(oid: u32, table: &Table, what: String, values: BTreeMap<i16, Option<String>>) -> Self {
        Self {
            what,
            table: oid,
            name: table.name.clone(),
            names: table
                .columns
                .iter()
                .map(|(n, c)| (*n, c.name.clone()))
                .collect(),
            key: table.key.clone(),
            values,
        }
    }

    /// Whether something was written into this column, and is still there.
    pub(crate) fn kept(&self, fate: &Fate, column: i16) -> bool {
        let held = self.values.get(&column).is_some_and(Option::is_some);
        held && match fate {
            Fate::Kept => true,
            Fate::Columns(lost) => self
                .names
                .get(&column)
                .is_some_and(|name| !lost.contains(name)),
            Fate::TableGone | Fate::RowGone => false,
        }
    }

    /// The table's name now, and a condition that finds the row.
    fn place(&self, now: &Relations) -> Option<(String, String)> {
        let table = now.get(self.table)?;
        let there = |n: &i16| table.columns.contains_key(n);
        let mut key: Vec<i16> = self.key.iter().copied().filter(there).collect();
        if key.is_empty() {
            key = self.names.keys().copied().filter(there).collect();
        }
        let mut conditions = Vec::new();
        for number in &key {
            let (Some(name), Some(value)) = (table.columns.get(number), self.values.get(number))
            else {
                continue;
            };
            conditions.push(match value {
                Some(value) => format!("{}::text = {}", ident(name), literal(value)),
                None => format!("{} IS NULL", ident(name)),
            });
        }
        (!conditions.is_empty()).then(|| (table.name.clone(), conditions.join(" AND ")))
    }

    async fn fate(&self, client: &Client, now: &Relations) -> Result<Fate, String> {
        let Some(table) = now.get(self.table) else {
            return Ok(Fate::TableGone);
        };
        let Some((name, condition)) = self.place(now) else {
            return Ok(Fate::RowGone);
        };
        let columns: Vec<String> = table
            .columns
            .values()
            .map(|name| format!("{}::text", ident(name)))
            .collect();
        let sql = format!(
            "SELECT ARRAY[{}]::text[] FROM {name} WHERE {condition} LIMIT 1",
            columns.join(", ")
        );
        let Some(row) = client.query_opt(&sql, &[]).await.map_err(|e| said(&e))? else {
            return Ok(Fate::RowGone);
        };
        let texts: Vec<Option<String>> = row.get(0);
        let values: BTreeMap<i16, Option<String>> =
            table.columns.keys().copied().zip(texts).collect();
        let mut lost = Vec::new();
        for (number, before) in &self.values {
            let there = match (values.get(number), before) {
                (Some(None), None) => true,
                (Some(Some(now)), Some(before)) => same(before, now),
                (Some(_), _) => false,
                // A column that is gone had nothing in it, or its value went to another one.
                (None, None) => true,
                (None, Some(before)) => values.iter().any(|(at, now)| {
                    // A column that was there before may have held the same all along, and a flag says nothing.
                    let came = match self.values.get(at) {
                        None => !matches!(before.as_str(), "true" | "false"),
                        Some(was) => was != now,
                    };
                    came && now.as_ref().is_some_and(|now| same(before, now))
                }),
            };
            if !there {
                lost.extend(self.names.get(number).cloned());
            }
        }
        Ok(match lost.is_empty() {
            true => Fate::Kept,
            false => Fate::Columns(lost),
        })
    }
}

/// Whether two texts are one value: `5.00` and `5.0000`, a time with and without its zone.
fn same(before: &str, now: &str) -> bool {
    if before == now {
        return true;
    }
    let number = |text: &str| {
        let plain = !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'));
        let trimmed = match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.'),
            false => text,
        };
        plain.then(|| trimmed.to_owned())
    };
    if let (Some(before), Some(now)) = (number(before), number(now)) {
        return before == now;
    }
    let (short, long) = match before.len() < now.len() {
        true => (before, now),
        false => (now, before),
    };
    long.strip_prefix(short).is_some_and(|rest| {
        let rest = rest.strip_prefix(" 00:00:00").unwrap_or(rest);
        let mut zone = rest.strip_prefix(['+', '-']).unwrap_or_default().chars();
        rest.is_empty() || zone.clone().count() >= 2 && zone.all(|c| c.is_ascii_digit() || c == ':')
    })
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn one_value_in_two_spellings() {
        assert!(same("5.00", "5.0000"));
        assert!(same("5", "5.00"));
        assert!(same("2020-02-03 04:05:06", "2020-02-03 04:05:06+00"));
        assert!(same("2020-02-03", "2020-02-03 00:00:00"));
        assert!(!same("5.01", "5.0"));
        assert!(!same("50", "5"));
        assert!(!same("xxxx", "xxx"));
    }
}
