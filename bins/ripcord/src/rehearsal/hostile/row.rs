use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;

use super::shape::{Column, Shape, Table};
use super::values::{any, distinct};
use crate::rehearsal::sql::{ident, literal};

/// How many tables away a row may be made that another one has to refer to.
const DEEPEST: u32 = 6;

/// Writes single rows that fit every constraint, as far as that can be done.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    client: &'a Client,
    shape: &'a Shape,
    /// Grows, so that no two values are the same.
    number: u64,
    /// Every row that was written, those that others refer to as well, with its table.
    pub(super) made: Vec<(u32, Inserted)>,
}

/// A row that was written.
#[derive(Clone, Debug)]
pub(super) struct Inserted {
    /// Its values as text, by column.
    pub(super) values: BTreeMap<i16, Option<String>>,
}

impl<'a> Rows<'a> {
    /// Values are numbered from `first`, so that a second round does not meet what the first has left.
    pub(super) fn new(client: &'a Client, shape: &'a Shape, first: u64) -> Self {
        Self {
            client,
            shape,
            number: first,
            made: Vec::new(),
        }
    }

    pub(super) const fn shape(&self) -> &'a Shape {
        self.shape
    }

    pub(super) fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// Writes a row with these values: what was not given is copied from another row, left to its default or made up.
    ///
    /// Why it could not be written is for people.
    pub(super) async fn insert(
        &mut self,
        table: u32,
        given: &BTreeMap<i16, String>,
    ) -> Result<Inserted, String> {
        Box::pin(self.insert_at(table, given, 0)).await
    }

    async fn insert_at(
        &mut self,
        oid: u32,
        given: &BTreeMap<i16, String>,
        depth: u32,
    ) -> Result<Inserted, String> {
        let shape = self.shape;
        let table = shape.tables.get(&oid).ok_or("there is no such table")?;
        let has_rows: bool = self
            .client
            .query_one(&format!("SELECT EXISTS (SELECT FROM {})", table.name), &[])
            .await
            .map_err(|e| said(&e))?
            .get(0);
        let fresh = fresh(table, given);
        let mut values = given.clone();
        for number in table.columns.keys() {
            if values.contains_key(number) {
                continue;
            }
            let value = self
                .value(table, *number, has_rows, fresh.contains(number), depth)
                .await?;
            if let Some(value) = value {
                values.insert(*number, value);
            }
        }
        let made = self.write(table, &values, has_rows).await?;
        self.made.push((oid, made.clone()));
        Ok(made)
    }

    /// An expression for one column, or `None` to leave it to its default.
    async fn value(
        &mut self,
        table: &Table,
        number: i16,
        has_rows: bool,
        fresh: bool,
        depth: u32,
    ) -> Result<Option<String>, String> {
        let Some(column) = table.columns.get(&number) else {
            return Ok(None);
        };
        if fresh && column.has_default {
            return Ok(None);
        }
        let reference = table.references.iter().find_map(|reference| {
            let at = reference.columns.iter().position(|c| *c == number)?;
            Some((reference, *reference.to_columns.get(at)?))
        });
        if let Some((reference, there)) = reference {
            if has_rows && !fresh {
                return Ok(Some(template(&column.name)));
            }
            if !column.required && !fresh {
                return Ok(Some("NULL".to_owned()));
            }
            return self
                .referred(reference.to, there, fresh, depth)
                .await
                .map(Some);
        }
        if fresh {
            let value = self.next();
            return distinct(column, value)
                .map(|value| Some(cast(&value, &column.kind)))
                .ok_or_else(|| format!("no two values are known for {}", column.kind));
        }
        if has_rows {
            return Ok(Some(template(&column.name)));
        }
        if column.has_default {
            return Ok(None);
        }
        if !column.required {
            return Ok(Some("NULL".to_owned()));
        }
        let labels = self.shape.labels.get(&column.type_oid);
        let value = self.next();
        any(column, value, labels)
            .map(|value| Some(cast(&value, &column.kind)))
            .ok_or_else(|| format!("no value is known for {}", column.kind))
    }

    /// A value that another table has, made there if need be.
    pub(super) async fn referred(
        &mut self,
        to: u32,
        column: i16,
        fresh: bool,
        depth: u32,
    ) -> Result<String, String> {
        let shape = self.shape;
        let table = shape
            .tables
            .get(&to)
            .ok_or("it refers to a table that is not there")?;
        let known = table
            .columns
            .get(&column)
            .ok_or("it refers to a column that is not there")?;
        let name = ident(&known.name);
        if !fresh {
            let sql = format!(
                "SELECT {name}::text FROM {} WHERE {name} IS NOT NULL LIMIT 1",
                table.name
            );
            let found = self
                .client
                .query_opt(&sql, &[])
                .await
                .map_err(|e| said(&e))?;
            if let Some(row) = found {
                return Ok(cast(&literal(row.get(0)), &known.kind));
            }
        }
        if depth >= DEEPEST {
            return Err(format!("{} is too many references away", table.name));
        }
        let made = Box::pin(self.insert_at(to, &BTreeMap::new(), depth + 1)).await?;
        match made.values.get(&column) {
            Some(Some(value)) => Ok(cast(&literal(value), &known.kind)),
            _ => Err(format!("a new row of {} has no {}", table.name, known.name)),
        }
    }

    async fn write(
        &self,
        table: &Table,
        values: &BTreeMap<i16, String>,
        has_rows: bool,
    ) -> Result<Inserted, String> {
        let name = |number: &i16| {
            let column = table.columns.get(number);
            ident(column.map(|c| c.name.as_str()).unwrap_or_default())
        };
        let columns: Vec<String> = values.keys().map(name).collect();
        let expressions: Vec<&str> = values.values().map(String::as_str).collect();
        let returned: Vec<String> = table
            .columns
            .keys()
            .map(|n| format!("r.{}::text", name(n)))
            .collect();
        let from = match has_rows {
            true => format!(" FROM (SELECT * FROM {} LIMIT 1) AS template", table.name),
            false => String::new(),
        };
        let what = match columns.is_empty() {
            true => "DEFAULT VALUES".to_owned(),
            false => format!(
                "({}) OVERRIDING SYSTEM VALUE SELECT {}{from}",
                columns.join(", "),
                expressions.join(", ")
            ),
        };
        let sql = format!(
            "INSERT INTO {} AS r {what} RETURNING ARRAY[{}]::text[]",
            table.name,
            returned.join(", ")
        );
        let row = self
            .client
            .query_opt(&sql, &[])
            .await
            .map_err(|e| said(&e))?
            .ok_or("a trigger or a rule kept it out")?;
        let texts: Vec<Option<String>> = row.get(0);
        Ok(Inserted {
            values: table.columns.keys().copied().zip(texts).collect(),
        })
    }
}

/// One column of each set that has to differ from row to row: the one that the server fills, or else one that refers
/// to nothing.
fn fresh(table: &Table, given: &BTreeMap<i16, String>) -> BTreeSet<i16> {
    let refers = |number: &i16| table.references.iter().any(|r| r.columns.contains(number));
    let mut chosen = BTreeSet::new();
    for set in &table.unique {
        if set
            .iter()
            .any(|c| given.contains_key(c) || chosen.contains(c))
        {
            continue;
        }
        let has_default = |c: &&i16| table.columns.get(c).is_some_and(|c| c.has_default);
        // A boolean or a date that says when would not stay different for long.
        let varied = |c: &&i16| {
            !refers(c)
                && table
                    .columns
                    .get(c)
                    .is_some_and(|c| !matches!(c.category, 'B' | 'E' | 'A'))
        };
        let best = set
            .iter()
            .find(has_default)
            .or_else(|| set.iter().find(varied))
            .or_else(|| set.first());
        chosen.extend(best);
    }
    // Without any key a copy of another row would be that very row.
    if table.unique.is_empty() && given.is_empty() {
        let plain = |(number, column): &(&i16, &Column)| {
            !refers(number) && !matches!(column.category, 'B' | 'E' | 'A')
        };
        chosen.extend(table.columns.iter().find(plain).map(|(number, _)| *number));
    }
    chosen
}

fn template(column: &str) -> String {
    format!("template.{}", ident(column))
}

pub(super) fn cast(value: &str, kind: &str) -> String {
    format!("({value})::{kind}")
}

/// What the server says, on one line.
pub(super) fn said(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => db.message().replace('\n', " "),
        None => error.to_string(),
    }
}
