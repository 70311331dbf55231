use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use tokio_postgres::Client;

/// Tables and materialised views at one moment, by OID: what a rename keeps and a new table does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relations {
    by_oid: BTreeMap<u32, Relation>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// As fingerprints name it: `public.orders`.
    pub name: String,
    /// Whether it is a partitioned table, whose rows are in others.
    pub partitioned: bool,
    /// Whether it is a partition, or another table's child.
    pub child: bool,
    /// The file; another one after a rewrite. Zero where there is none.
    file: u32,
    /// Rows inserted, updated and deleted since the server started, what was rolled back included.
    writes: [i64; 3],
    /// Columns by number, generated ones left out: a rename keeps the number.
    pub columns: BTreeMap<i16, String>,
}

/// What happened to relations between two moments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Those whose rows may be others now, by either name.
    pub tables: BTreeSet<String>,
    /// Those that were written anew.
    pub rewritten: BTreeSet<String>,
    /// Rows inserted, updated and deleted, by table.
    pub rows: BTreeMap<String, u64>,
}

/// A column that is not there at another moment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attribute {
    /// The table's OID.
    pub oid: u32,
    /// The column's number.
    pub number: i16,
    /// The table as fingerprints name it.
    pub table: String,
    /// The column.
    pub column: String,
}

const RELATIONS: &str = "
SELECT c.oid, format('%I.%I', n.nspname, c.relname), c.relkind = 'p', c.relispartition,
       coalesce(pg_relation_filenode(c.oid), 0),
       pg_stat_get_tuples_inserted(c.oid), pg_stat_get_tuples_updated(c.oid), pg_stat_get_tuples_deleted(c.oid),
       coalesce((SELECT array_agg(a.attnum ORDER BY a.attnum) FROM pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), '{}'),
       coalesce((SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), '{}')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'";

impl Relations {
    /// Reads them. Sessions that wrote have to be over, so that the server has counted what they did.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn read(client: &Client) -> Result<Self> {
        let rows = client
            .query(RELATIONS, &[])
            .await
            .context("cannot read the tables of the scratch database")?;
        let by_oid = rows
            .iter()
            .map(|row| {
                let (numbers, names): (Vec<i16>, Vec<String>) = (row.get(8), row.get(9));
                let relation = Relation {
                    name: row.get(1),
                    partitioned: row.get(2),
                    child: row.get(3),
                    file: row.get(4),
                    writes: [row.get(5), row.get(6), row.get(7)],
                    columns: numbers.into_iter().zip(names).collect(),
                };
                (row.get(0), relation)
            })
            .collect();
        Ok(Self { by_oid })
    }

    /// The relation of this number.
    #[must_use]
    pub fn get(&self, oid: u32) -> Option<&Relation> {
        self.by_oid.get(&oid)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Relation)> {
        self.by_oid.iter().map(|(oid, relation)| (*oid, relation))
    }

    /// What happened between this moment and a later one.
    #[must_use]
    pub fn until(&self, later: &Self) -> Touched {
        let mut touched = Touched::default();
        for (oid, now) in &later.by_oid {
            let Some(before) = self.by_oid.get(oid) else {
                touched.tables.insert(now.name.clone());
                continue;
            };
            let written: i64 = now
                .writes
                .iter()
                .zip(before.writes)
                .map(|(now, before)| (now - before).max(0))
                .sum();
            let rewritten = now.file != before.file && now.file != 0;
            if written > 0 {
                let rows = u64::try_from(written).unwrap_or_default();
                touched.rows.insert(now.name.clone(), rows);
            }
            if rewritten {
                touched.rewritten.insert(now.name.clone());
            }
            if written > 0 || rewritten || now.columns != before.columns || now.name != before.name
            {
                touched.tables.insert(now.name.clone());
                touched.tables.insert(before.name.clone());
            }
        }
        for (oid, before) in &self.by_oid {
            if !later.by_oid.contains_key(oid) {
                touched.tables.insert(before.name.clone());
            }
        }
        touched
    }

    /// Columns, those of whole tables too, that are not there at another moment.
    #[must_use]
    pub fn without(&self, other: &Self) -> BTreeSet<Attribute> {
        let mut found = BTreeSet::new();
        for (oid, relation) in &self.by_oid {
            let there = other.by_oid.get(oid);
            for (number, column) in &relation.columns {
                if there.is_none_or(|there| !there.columns.contains_key(number)) {
                    found.insert(Attribute {
                        oid: *oid,
                        number: *number,
                        table: relation.name.clone(),
                        column: column.clone(),
                    });
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation(name: &str, file: u32, writes: i64, columns: &[(i16, &str)]) -> Relation {
        Relation {
            name: name.to_owned(),
            partitioned: false,
            child: false,
            file,
            writes: [writes, 0, 0],
            columns: columns.iter().map(|(n, c)| (*n, (*c).to_owned())).collect(),
        }
    }

    fn at(all: &[(u32, Relation)]) -> Relations {
        Relations {
            by_oid: all.iter().cloned().collect(),
        }
    }

    #[test]
    fn a_rename_is_no_new_column() {
        let before = at(&[(1, relation("public.t", 7, 3, &[(1, "id"), (2, "note")]))]);
        let after = at(&[(1, relation("public.t", 7, 3, &[(1, "id"), (2, "remark")]))]);
        assert!(after.without(&before).is_empty());
        assert!(before.until(&after).tables.contains("public.t"));
        assert!(before.until(&before).tables.is_empty());
    }

    #[test]
    fn a_rewrite_and_written_rows_are_told_apart() {
        let before = at(&[
            (1, relation("public.t", 7, 3, &[(1, "id")])),
            (2, relation("public.u", 8, 0, &[(1, "id")])),
        ]);
        let after = at(&[
            (1, relation("public.t", 9, 3, &[(1, "id")])),
            (2, relation("public.u", 8, 5, &[(1, "id")])),
        ]);
        let touched = before.until(&after);
        assert_eq!(touched.rewritten, BTreeSet::from(["public.t".to_owned()]));
        assert_eq!(touched.rows, BTreeMap::from([("public.u".to_owned(), 5)]));
    }

    #[test]
    fn columns_of_a_dropped_table_are_missing() {
        let before = at(&[(1, relation("public.t", 7, 3, &[(1, "id")]))]);
        let lost = before.without(&Relations::default());
        assert_eq!(lost.len(), 1);
        assert_eq!(before.until(&Relations::default()).tables.len(), 1);
    }
}
