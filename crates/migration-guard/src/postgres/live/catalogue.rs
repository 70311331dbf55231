//! The queries behind a [`Snapshot`]. All of them read system catalogues only, which everybody may
//! and no lock on a table can hold up; what could be held up has a second way.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use crate::live::Unknown;
use crate::live::reader::{Reader, Refusal};
use crate::snapshot::{
    Column, Constraint, ConstraintType, Generated, Index, Snapshot, Table, TableKind, Use, View,
};

/// A snapshot, and what only matters while the server is there.
#[derive(Debug)]
pub(super) struct Catalogue {
    pub(super) snapshot: Snapshot,
    /// The tables' numbers, in the order of the snapshot's.
    pub(super) oids: Vec<u32>,
    /// Transactions since each table was last frozen, in the same order.
    pub(super) ages: Vec<i64>,
    pub(super) unknown: Vec<Unknown>,
}

/// Tables of people, without those of the server and of sessions.
const OURS: &str = "c.relkind IN ('r', 'p', 'm', 'f') \
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'";

pub(super) async fn read(reader: &Reader) -> Result<Catalogue, Refusal> {
    let mut catalogue = tables(reader).await?;
    let at: BTreeMap<u32, usize> = catalogue.oids.iter().copied().zip(0..).collect();
    let tables = &mut catalogue.snapshot.tables;
    for row in columns(reader).await? {
        if let Some(table) = of(&row, &at, tables) {
            table.columns.push(column(&row));
        }
    }
    for row in constraints(reader).await? {
        if let Some(table) = of(&row, &at, tables) {
            table.constraints.push(constraint(&row));
        }
    }
    for row in indexes(reader).await? {
        if let Some(table) = of(&row, &at, tables) {
            table.indexes.push(index(&row));
        }
    }
    for row in reader.rows(&names("tgname", TRIGGERS), &[]).await? {
        if let Some(table) = of(&row, &at, tables) {
            table.triggers.push(row.get(1));
        }
    }
    for row in reader.rows(PUBLICATIONS, &[]).await? {
        if let Some(table) = of(&row, &at, tables) {
            table.publications.push(row.get(1));
        }
    }
    catalogue.snapshot.views = views(reader).await?;
    let domains = reader.rows(DOMAINS, &[]).await?;
    catalogue.snapshot.constrained_domains = domains.iter().map(|r| r.get(0)).collect();
    sizes(reader, &mut catalogue, &at).await;
    Ok(catalogue)
}

fn of<'a>(row: &Row, at: &BTreeMap<u32, usize>, tables: &'a mut [Table]) -> Option<&'a mut Table> {
    let oid: u32 = row.get(0);
    at.get(&oid).and_then(|at| tables.get_mut(*at))
}

async fn tables(reader: &Reader) -> Result<Catalogue, Refusal> {
    let own = reader
        .rows(
            "SELECT pg_catalog.current_database()::text,
                    ARRAY(SELECT s::text FROM unnest(pg_catalog.current_schemas(false)) s),
                    pg_catalog.to_char(pg_catalog.timezone('UTC', pg_catalog.now()),
                                       'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
            &[],
        )
        .await?;
    let mut snapshot = Snapshot::new(reader.version.unsigned_abs());
    if let Some(own) = own.first() {
        snapshot.database = own.get(0);
        snapshot.search_path = own.get(1);
        snapshot.taken_at = own.get(2);
    }
    let rows = reader
        .rows(
            &format!(
                "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text,
                        pn.nspname::text, p.relname::text,
                        COALESCE(pt.partdefid = c.oid, false),
                        c.reltuples::float8,
                        c.relpages::bigint * pg_catalog.current_setting('block_size')::bigint,
                        CASE WHEN c.relkind IN ('r', 'm')
                             THEN pg_catalog.age(c.relfrozenxid)::bigint ELSE 0 END
                 FROM pg_catalog.pg_class c
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid AND c.relispartition
                 LEFT JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
                 LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
                 LEFT JOIN pg_catalog.pg_partitioned_table pt ON pt.partrelid = i.inhparent
                 WHERE {OURS} ORDER BY 2, 3"
            ),
            &[],
        )
        .await?;
    let mut oids = Vec::with_capacity(rows.len());
    let mut ages = Vec::with_capacity(rows.len());
    for row in &rows {
        let tuples: f64 = row.get(7);
        let bytes: i64 = row.get(8);
        // Before version 14 a table that was never analysed had no rows instead of a negative number.
        let known = tuples >= 0.0 && !(tuples == 0.0 && bytes == 0);
        let parent: Option<String> = row.get(4);
        snapshot.tables.push(Table {
            schema: row.get(1),
            name: row.get(2),
            kind: match row.get::<_, &str>(3) {
                "p" => TableKind::Partitioned,
                "m" => TableKind::MaterializedView,
                "f" => TableKind::Foreign,
                _ => TableKind::Ordinary,
            },
            partition_of: parent.zip(row.get(5)),
            default_partition: row.get(6),
            bytes,
            rows: known.then_some(tuples as i64),
            ..Table::default()
        });
        oids.push(row.get(0));
        ages.push(row.get(9));
    }
    Ok(Catalogue {
        snapshot,
        oids,
        ages,
        unknown: Vec::new(),
    })
}

/// The server locks a table to write an expression of it down. So those of locked tables are left
/// out, and all of them if one was locked a moment later.
async fn with_texts(
    reader: &Reader,
    query: impl Fn(&dyn Fn(&str, &str) -> String) -> String,
) -> Result<Vec<Row>, Refusal> {
    let of_free = |table: &str, text: &str| {
        format!(
            "CASE WHEN {table} NOT IN (SELECT l.relation FROM pg_catalog.pg_locks l
                                       WHERE l.mode = 'AccessExclusiveLock' AND l.relation IS NOT NULL)
                  THEN {text} END"
        )
    };
    match reader.rows(&query(&of_free), &[]).await {
        Err(refusal) if refusal.is_locked() => {
            reader
                .rows(&query(&|_, _| "NULL::text".to_owned()), &[])
                .await
        }
        done => done,
    }
}

async fn columns(reader: &Reader) -> Result<Vec<Row>, Refusal> {
    with_texts(reader, |text| {
        let default = text(
            "a.attrelid",
            "pg_catalog.pg_get_expr(d.adbin, d.adrelid)::text",
        );
        format!(
            "SELECT a.attrelid, a.attname::text,
                    pg_catalog.format_type(a.atttypid, a.atttypmod)::text, a.attnotnull,
                    CASE WHEN d.oid IS NOT NULL THEN COALESCE({default}, '?') END,
                    a.attidentity <> '', a.attgenerated <> ''
             FROM pg_catalog.pg_attribute a
             JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
             WHERE {OURS} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum"
        )
    })
    .await
}

fn column(row: &Row) -> Column {
    let identity: bool = row.get(5);
    let computed: bool = row.get(6);
    Column {
        name: row.get(1),
        ty: row.get(2),
        not_null: row.get(3),
        default: row.get(4),
        generated: match (identity, computed) {
            (true, _) => Generated::Identity,
            (_, true) => Generated::Computed,
            _ => Generated::No,
        },
    }
}

async fn constraints(reader: &Reader) -> Result<Vec<Row>, Refusal> {
    let of = |relation: &str, numbers: &str| {
        format!(
            "ARRAY(SELECT a.attname::text
                   FROM unnest({numbers}) WITH ORDINALITY u (n, o)
                   JOIN pg_catalog.pg_attribute a ON a.attrelid = {relation} AND a.attnum = u.n
                   ORDER BY u.o)"
        )
    };
    with_texts(reader, |text| {
        let definition = text("k.conrelid", "pg_catalog.pg_get_constraintdef(k.oid)::text");
        format!(
        "SELECT k.conrelid, k.conname::text, k.contype::text, {}, fn.nspname::text, f.relname::text,
                {}, k.convalidated, COALESCE({definition}, '')
         FROM pg_catalog.pg_constraint k
         JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         LEFT JOIN pg_catalog.pg_class f ON f.oid = k.confrelid
         LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
         WHERE {OURS} AND k.contype IN ('p', 'u', 'f', 'c', 'x', 'n') ORDER BY k.conrelid, k.conname",
        of("k.conrelid", "k.conkey"),
        of("k.confrelid", "k.confkey"),
    )
    })
    .await
}

fn constraint(row: &Row) -> Constraint {
    let schema: Option<String> = row.get(4);
    Constraint {
        name: row.get(1),
        kind: match row.get::<_, &str>(2) {
            "p" => ConstraintType::PrimaryKey,
            "u" => ConstraintType::Unique,
            "f" => ConstraintType::ForeignKey,
            "x" => ConstraintType::Exclude,
            "n" => ConstraintType::NotNull,
            _ => ConstraintType::Check,
        },
        columns: row.get(3),
        references: schema.zip(row.get(5)),
        referenced_columns: row.get(6),
        validated: row.get(7),
        definition: row.get(8),
    }
}

async fn indexes(reader: &Reader) -> Result<Vec<Row>, Refusal> {
    with_texts(reader, |text| {
        let column = text("i.indrelid", "pg_catalog.pg_get_indexdef(i.indexrelid, k + 1, false)");
        let predicate = text("i.indrelid", "pg_catalog.pg_get_expr(i.indpred, i.indrelid)::text");
        format!(
        "SELECT i.indrelid, x.relname::text,
                ARRAY(SELECT CASE WHEN i.indkey[k] = 0
                                  THEN '(' || COALESCE({column}, '?') || ')'
                                  ELSE (SELECT a.attname::text FROM pg_catalog.pg_attribute a
                                        WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[k]) END
                             || CASE WHEN o.opcdefault THEN '' ELSE ' ' || o.opcname END
                             || CASE WHEN i.indoption[k] & 1 = 1 THEN ' DESC' ELSE '' END
                      FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) k
                      JOIN pg_catalog.pg_opclass o ON o.oid = i.indclass[k] ORDER BY k)::text[],
                m.amname::text, i.indisunique, i.indisprimary, i.indisvalid,
                CASE WHEN i.indpred IS NOT NULL THEN COALESCE({predicate}, '?') END, i.indexprs IS NOT NULL,
                (SELECT k.conname::text FROM pg_catalog.pg_constraint k
                 WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x') LIMIT 1)
         FROM pg_catalog.pg_index i
         JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
         JOIN pg_catalog.pg_am m ON m.oid = x.relam
         JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE {OURS} ORDER BY i.indrelid, x.relname"
    )
    })
    .await
}

fn index(row: &Row) -> Index {
    Index {
        name: row.get(1),
        columns: row.get(2),
        method: row.get(3),
        unique: row.get(4),
        primary: row.get(5),
        valid: row.get(6),
        predicate: row.get(7),
        expressions: row.get(8),
        constraint: row.get(9),
    }
}

/// Bit 0 of `tgtype` is FOR EACH ROW.
const TRIGGERS: &str = "pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid \
    AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 1 = 1";

fn names(name: &str, from: &str) -> String {
    format!(
        "SELECT c.oid, {name}::text FROM {from}
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE {OURS} ORDER BY 1, 2"
    )
}

const PUBLICATIONS: &str = "SELECT c.oid, p.pubname::text FROM pg_catalog.pg_publication_tables p
    JOIN pg_catalog.pg_namespace n ON n.nspname = p.schemaname
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename ORDER BY 1, 2";

const DOMAINS: &str = "SELECT DISTINCT t.typname::text FROM pg_catalog.pg_type t
    JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    WHERE t.typtype = 'd' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND (t.typnotnull OR EXISTS
           (SELECT FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid))
    ORDER BY 1";

async fn views(reader: &Reader) -> Result<Vec<View>, Refusal> {
    let rows = reader
        .rows(
            "SELECT DISTINCT vn.nspname::text, v.relname::text, n.nspname::text, c.relname::text,
                    a.attname::text
             FROM pg_catalog.pg_class v
             JOIN pg_catalog.pg_namespace vn ON vn.oid = v.relnamespace
             JOIN pg_catalog.pg_rewrite w ON w.ev_class = v.oid
             JOIN pg_catalog.pg_depend d
               ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid
              AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> v.oid
             JOIN pg_catalog.pg_class c ON c.oid = d.refobjid AND c.relkind IN ('r', 'p', 'm', 'f', 'v')
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             LEFT JOIN pg_catalog.pg_attribute a
               ON a.attrelid = c.oid AND a.attnum = d.refobjsubid AND d.refobjsubid > 0
             WHERE v.relkind IN ('v', 'm')
               AND vn.nspname NOT IN ('pg_catalog', 'information_schema')
             ORDER BY 1, 2, 3, 4, 5 NULLS FIRST",
            &[],
        )
        .await?;
    let mut views: Vec<View> = Vec::new();
    for row in rows {
        let (schema, name): (String, String) = (row.get(0), row.get(1));
        let used = Use {
            schema: row.get(2),
            table: row.get(3),
            column: row.get(4),
        };
        match views.last_mut() {
            Some(view) if view.schema == schema && view.name == name => view.uses.push(used),
            _ => views.push(View {
                schema,
                name,
                uses: vec![used],
            }),
        }
    }
    Ok(views)
}

/// Asking for a size takes a lock on the table. Where there is none to be had, the pages of the last
/// VACUUM or ANALYZE stay.
async fn sizes(reader: &Reader, catalogue: &mut Catalogue, at: &BTreeMap<u32, usize>) {
    let rows = reader
        .rows(
            "SELECT c.oid, pg_catalog.pg_table_size(c.oid), pg_catalog.pg_indexes_size(c.oid)
             FROM unnest($1::oid[]) o JOIN pg_catalog.pg_class c ON c.oid = o
             WHERE c.relkind IN ('r', 'm') AND NOT EXISTS
                   (SELECT FROM pg_catalog.pg_locks l
                    WHERE l.relation = c.oid AND l.mode = 'AccessExclusiveLock')",
            &[&catalogue.oids],
        )
        .await;
    match rows {
        Ok(rows) => {
            for row in rows {
                if let Some(table) = of(&row, at, &mut catalogue.snapshot.tables) {
                    table.bytes = row.get::<_, Option<i64>>(1).unwrap_or(table.bytes);
                    table.index_bytes = row.get::<_, Option<i64>>(2).unwrap_or_default();
                }
            }
        }
        Err(refusal) => catalogue.unknown.push(Unknown::new(
            "how large tables are now",
            format!(
                "{}; sizes are those of the last VACUUM or ANALYZE",
                refusal.why
            ),
        )),
    }
}
