//! What a database looks like, for judging migrations where the database is out of reach.

/// The version of the file's format.
const FORMAT: u32 = 1;

/// The shape of a database: tables, columns, keys, indexes, sizes. No row of it.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Snapshot {
    /// The format's version, 1.
    pub schema: u32,
    /// The server's version as it counts itself: 150018 for 15.18.
    pub server_version: u32,
    /// The database's name.
    pub database: String,
    /// When it was taken, RFC 3339 in UTC, by the server's clock.
    pub taken_at: String,
    /// The schemas in which a name without a schema is looked up, first things first.
    pub search_path: Vec<String>,
    /// How fast a table was read, if there was one that is large enough to measure it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub scan_bytes_per_second: Option<u64>,
    /// The versions that the migration tool's table names as applied, if it was asked.
    #[cfg_attr(feature = "serde", serde(default))]
    pub applied: Vec<String>,
    /// Tables, materialized views and foreign tables, by schema and name.
    pub tables: Vec<Table>,
    /// Views and what they are made of.
    #[cfg_attr(feature = "serde", serde(default))]
    pub views: Vec<View>,
    /// Domains with a NOT NULL or a CHECK, by name without the schema.
    #[cfg_attr(feature = "serde", serde(default))]
    pub constrained_domains: Vec<String>,
}

/// A table.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Table {
    /// The schema.
    pub schema: String,
    /// The name, as the catalogue has it.
    pub name: String,
    /// What sort of table.
    pub kind: TableKind,
    /// The partitioned table that it is a part of: schema and name.
    pub partition_of: Option<(String, String)>,
    /// Takes the rows that no other partition takes.
    pub default_partition: bool,
    /// In the order of the table.
    pub columns: Vec<Column>,
    /// Keys and checks.
    pub constraints: Vec<Constraint>,
    /// Indexes, those of constraints included.
    pub indexes: Vec<Index>,
    /// Enabled triggers that fire for each row.
    pub triggers: Vec<String>,
    /// Publications that carry it.
    pub publications: Vec<String>,
    /// Bytes on disk of the rows, large values included; of a partitioned table itself none.
    pub bytes: i64,
    /// Bytes on disk of the indexes.
    pub index_bytes: i64,
    /// The planner's estimate of the number of rows; `None` if it was never analysed.
    pub rows: Option<i64>,
}

/// What sort of [`Table`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum TableKind {
    /// A table with rows of its own.
    #[default]
    Ordinary,
    /// A table whose rows are in its partitions.
    Partitioned,
    /// The stored result of a query.
    MaterializedView,
    /// A table of another server.
    Foreign,
}

/// A column.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Column {
    /// The name.
    pub name: String,
    /// The type as the server writes it: `character varying(20)`.
    #[cfg_attr(feature = "serde", serde(rename = "type"))]
    pub ty: String,
    /// Whether it refuses nulls.
    pub not_null: bool,
    /// Its default, as SQL.
    pub default: Option<String>,
    /// Where its values come from.
    pub generated: Generated,
}

/// Where a column's values come from.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Generated {
    /// From whoever writes the row, or its default.
    #[default]
    No,
    /// From a sequence of its own.
    Identity,
    /// From the other columns.
    Computed,
}

/// A key or a check.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Constraint {
    /// The name.
    pub name: String,
    /// What sort of constraint.
    pub kind: ConstraintType,
    /// Its columns in its order.
    pub columns: Vec<String>,
    /// The table that a foreign key references: schema and name.
    pub references: Option<(String, String)>,
    /// The columns that a foreign key references.
    pub referenced_columns: Vec<String>,
    /// Whether all rows are known to obey it.
    pub validated: bool,
    /// As SQL, as it would stand after ADD CONSTRAINT.
    pub definition: String,
}

/// What sort of [`Constraint`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum ConstraintType {
    /// PRIMARY KEY.
    PrimaryKey,
    /// UNIQUE.
    Unique,
    /// FOREIGN KEY.
    ForeignKey,
    /// CHECK.
    #[default]
    Check,
    /// EXCLUDE.
    Exclude,
    /// NOT NULL, which has a name since version 18.
    NotNull,
}

/// An index.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Index {
    /// The name; its schema is the table's.
    pub name: String,
    /// Columns by name, expressions in parentheses; with what is not usual: `name text_pattern_ops`, `at DESC`.
    pub columns: Vec<String>,
    /// The access method: `btree`.
    pub method: String,
    /// Whether it refuses a second row with the same values.
    pub unique: bool,
    /// Whether it is the primary key's.
    pub primary: bool,
    /// Whether queries may use it; a concurrent build that failed leaves one that they may not.
    pub valid: bool,
    /// The condition of a partial index, as SQL.
    pub predicate: Option<String>,
    /// Whether an expression is among its columns.
    pub expressions: bool,
    /// The constraint that needs it.
    pub constraint: Option<String>,
}

/// A view.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct View {
    /// The schema.
    pub schema: String,
    /// The name.
    pub name: String,
    /// What it reads.
    pub uses: Vec<Use>,
}

/// A column that a [`View`] reads.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Use {
    /// The table's schema.
    pub schema: String,
    /// The table.
    pub table: String,
    /// The column; `None` for the table as a whole.
    pub column: Option<String>,
}

impl Snapshot {
    /// An empty one of the current format.
    pub fn new(server_version: u32) -> Self {
        Self {
            schema: FORMAT,
            server_version,
            search_path: vec!["public".to_owned()],
            ..Self::default()
        }
    }

    /// The server's major version.
    pub fn major(&self) -> u32 {
        self.server_version / 10_000
    }

    /// The table that `schema` and `name` mean; without a schema the search path is asked.
    pub fn table(&self, schema: Option<&str>, name: &str) -> Option<&Table> {
        let of = |schema: &str| {
            let mut all = self.tables.iter();
            all.find(|t| t.name == name && t.schema == schema)
        };
        match schema {
            Some(schema) => of(schema),
            None => self.search_path.iter().find_map(|schema| of(schema)),
        }
    }

    /// The partitions of a table, those below them included.
    pub fn partitions<'a>(&'a self, table: &'a Table) -> Vec<&'a Table> {
        let mut found: Vec<&Table> = vec![table];
        let mut at = 0;
        while let Some(parent) = found.get(at).copied() {
            let is_child = |t: &&Table| {
                let of = t.partition_of.as_ref();
                of.is_some_and(|(schema, name)| *schema == parent.schema && *name == parent.name)
                    // A file that was written by hand may go round in circles.
                    && !found.iter().any(|known| std::ptr::eq(*known, *t))
            };
            let below: Vec<&Table> = self.tables.iter().filter(is_child).collect();
            found.extend(below);
            at += 1;
        }
        found.split_off(1)
    }

    /// Bytes on disk and estimated rows, partitions included.
    pub fn size(&self, table: &Table) -> Size {
        let mut size = Size {
            bytes: table.bytes,
            index_bytes: table.index_bytes,
            rows: table.rows,
        };
        let partitions = self.partitions(table);
        if table.kind == TableKind::Partitioned {
            size.rows = Some(0);
        }
        for part in partitions {
            size.bytes += part.bytes;
            size.index_bytes += part.index_bytes;
            if part.kind != TableKind::Partitioned {
                size.rows = size.rows.zip(part.rows).map(|(all, more)| all + more);
            }
        }
        size
    }

    /// Reads what [`Snapshot::to_json`] wrote; `path` is only used in messages.
    ///
    /// # Errors
    /// [`Workspace`](crate::ErrorKind::Workspace) for what is no snapshot,
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for one of another format.
    #[cfg(feature = "serde")]
    pub fn parse(path: &std::path::Path, text: &str) -> Result<Self, crate::Error> {
        use crate::{Error, ErrorKind};
        #[derive(serde::Deserialize)]
        struct Format {
            schema: u32,
        }
        let not_one = |error: serde_json::Error| {
            Error::of_file(ErrorKind::Workspace, "read the snapshot", path)
                .at(error.line() as u32, error.column() as u32)
                .because("it is not a snapshot of a schema")
                .with_help("migration-guard snapshot --out FILE")
                .with_source(error)
        };
        let format: Format = serde_json::from_str(text).map_err(not_one)?;
        if format.schema != FORMAT {
            return Err(
                Error::of_file(ErrorKind::Unsupported, "read the snapshot", path)
                    .because(format!("its format is {}, not {FORMAT}", format.schema))
                    .with_help("take it again: migration-guard snapshot --out FILE"),
            );
        }
        serde_json::from_str(text).map_err(not_one)
    }

    /// One JSON document, indented, with a line end after it.
    ///
    /// # Errors
    /// None that can happen with this type; serialisers can refuse.
    #[cfg(feature = "serde")]
    pub fn to_json(&self) -> Result<String, crate::Error> {
        let text = serde_json::to_string_pretty(self).map_err(|error| {
            crate::Error::new(
                crate::ErrorKind::Unsupported,
                "write the snapshot of",
                self.database.clone(),
            )
            .with_source(error)
        })?;
        Ok(text + "\n")
    }
}

/// How large a [`Table`] is, with its partitions.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes of the rows.
    pub bytes: i64,
    /// Bytes of the indexes.
    pub index_bytes: i64,
    /// The planner's estimate of the number of rows.
    pub rows: Option<i64>,
}
