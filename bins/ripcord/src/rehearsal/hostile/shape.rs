use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use tokio_postgres::Client;

/// What can be written into which table, as the catalogue shows it at one moment.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// Tables by OID. Partitions are written through their roots.
    pub tables: BTreeMap<u32, Table>,
    /// Labels of enumerations, by the type's OID, in order.
    pub labels: BTreeMap<u32, Vec<String>>,
}

/// One table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// As it is written in statements.
    pub name: String,
    /// By number, generated ones left out.
    pub columns: BTreeMap<i16, Column>,
    /// Columns of the primary key.
    pub key: Vec<i16>,
    /// Sets of columns of which no two rows may have the same values.
    pub unique: BTreeSet<Vec<i16>>,
    /// Conditions that each row has to meet.
    pub checks: BTreeSet<Check>,
    /// References to other tables.
    pub references: BTreeSet<Reference>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// As the catalogue has it.
    pub name: String,
    /// `numeric(10,2)`.
    pub kind: String,
    /// The type's OID, of a domain's base type and of an array's own.
    pub type_oid: u32,
    /// `N`umber, `S`tring, `D`ate, `B`oolean, `E`num, `U`ser-defined, `A`rray and so on.
    pub category: char,
    /// What is written into length or precision, or -1.
    pub modifier: i32,
    /// Whether NULL is refused.
    pub required: bool,
    /// Whether it gets a value when none is given.
    pub has_default: bool,
    /// Whether a value may only be given with an override.
    pub always_generated: bool,
}

/// A check constraint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Check {
    /// The condition, without `CHECK`.
    pub condition: String,
    /// Columns it names.
    pub columns: Vec<i16>,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Columns here.
    pub columns: Vec<i16>,
    /// The table it refers to.
    pub to: u32,
    /// Columns there, in the same order.
    pub to_columns: Vec<i16>,
}

const COLUMNS: &str = "
SELECT c.oid, format('%I.%I', n.nspname, c.relname), a.attnum, a.attname::text,
       format_type(a.atttypid, a.atttypmod), coalesce(nullif(t.typbasetype, 0), t.oid),
       t.typcategory::text, a.atttypmod, a.attnotnull OR t.typnotnull, a.atthasdef OR a.attidentity <> '',
       a.attidentity = 'a'
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute a
    ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_class'::regclass
                  AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e')";

const UNIQUE: &str = "
SELECT indrelid, indisprimary, array(SELECT k FROM unnest(indkey::int2[]) WITH ORDINALITY AS u(k, o)
                                     WHERE o <= indnkeyatts ORDER BY o)
FROM pg_catalog.pg_index
WHERE indisunique AND indisvalid AND indpred IS NULL AND indexprs IS NULL";

const CHECKS: &str = "
SELECT conrelid, pg_get_expr(conbin, conrelid), coalesce(conkey, '{}')
FROM pg_catalog.pg_constraint WHERE contype = 'c' AND conrelid <> 0";

const REFERENCES: &str = "
SELECT conrelid, conkey, confrelid, confkey FROM pg_catalog.pg_constraint WHERE contype = 'f'";

const LABELS: &str = "
SELECT enumtypid, array_agg(enumlabel::text ORDER BY enumsortorder) FROM pg_catalog.pg_enum GROUP BY enumtypid";

impl Shape {
    /// Reads it.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn read(client: &Client) -> Result<Self> {
        let asked = "cannot read what can be written into the scratch database";
        let mut shape = Self::default();
        for row in client.query(COLUMNS, &[]).await.context(asked)? {
            let table = shape.tables.entry(row.get(0)).or_default();
            table.name = row.get(1);
            let Some(number) = row.get::<_, Option<i16>>(2) else {
                continue;
            };
            let category: String = row.get(6);
            table.columns.insert(
                number,
                Column {
                    name: row.get(3),
                    kind: row.get(4),
                    type_oid: row.get(5),
                    category: category.chars().next().unwrap_or('X'),
                    modifier: row.get(7),
                    required: row.get(8),
                    has_default: row.get(9),
                    always_generated: row.get(10),
                },
            );
        }
        for row in client.query(UNIQUE, &[]).await.context(asked)? {
            if let Some(table) = shape.tables.get_mut(&row.get(0)) {
                let columns: Vec<i16> = row.get(2);
                if row.get(1) {
                    table.key.clone_from(&columns);
                }
                table.unique.insert(columns);
            }
        }
        for row in client.query(CHECKS, &[]).await.context(asked)? {
            if let Some(table) = shape.tables.get_mut(&row.get(0)) {
                table.checks.insert(Check {
                    condition: row.get(1),
                    columns: row.get(2),
                });
            }
        }
        for row in client.query(REFERENCES, &[]).await.context(asked)? {
            if let Some(table) = shape.tables.get_mut(&row.get(0)) {
                table.references.insert(Reference {
                    columns: row.get(1),
                    to: row.get(2),
                    to_columns: row.get(3),
                });
            }
        }
        for row in client.query(LABELS, &[]).await.context(asked)? {
            shape.labels.insert(row.get(0), row.get(1));
        }
        Ok(shape)
    }
}
