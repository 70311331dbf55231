//! What cannot be exported or put back is told before anything is written.

use ripcord_backup::sources::{Extract, OnConflict, PutBackOptions};
use ripcord_backup::{CreateOptions, ErrorKind, Source};

use super::{SHOP, archive, content, extract, options, put_back, shop};
use crate::pg::Db;
use crate::pg_backup::vault;

#[tokio::test]
async fn what_is_not_there_is_named() {
    let Some(db) = Db::new(
        "CREATE TABLE t (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (2 * a) STORED);
         CREATE VIEW v AS SELECT 1 AS one",
    )
    .await
    else {
        return;
    };
    for (wanted, kind, part) in [
        (
            Extract::table("public.other"),
            ErrorKind::NotFound,
            "no such table",
        ),
        (Extract::table("public.T"), ErrorKind::NotFound, ""),
        (Extract::table("public.\"T\""), ErrorKind::NotFound, "\"T\""),
        (
            Extract::table("t"),
            ErrorKind::InvalidInput,
            "with its schema",
        ),
        (
            Extract::table("public.t; DROP"),
            ErrorKind::InvalidInput,
            "not a name",
        ),
        (
            Extract::table("public.v"),
            ErrorKind::InvalidInput,
            "public.v",
        ),
        (
            Extract::table("pg_catalog.pg_class"),
            ErrorKind::InvalidInput,
            "server's own",
        ),
        (
            Extract::columns("public.t", ["b"]),
            ErrorKind::NotFound,
            "no column b",
        ),
        (
            Extract::columns("public.t", ["twice"]),
            ErrorKind::InvalidInput,
            "computed",
        ),
        (
            Extract::columns("public.t", ["id"]),
            ErrorKind::InvalidInput,
            "not part of its key",
        ),
        (
            Extract::table("public.t").with_filter("b = 1"),
            ErrorKind::Server,
            "public.t",
        ),
    ] {
        if wanted.table == "public.T" {
            // Folded, as in a statement.
            extract(&db, vec![wanted])
                .dump(&mut tokio::io::sink())
                .await
                .unwrap();
            continue;
        }
        let shown = format!("{wanted:?}");
        let source = extract(&db, vec![wanted]);
        let error = source.dump(&mut tokio::io::sink()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{shown}: {error}");
        assert!(error.to_string().contains(part), "{shown}: {error}");
    }
    for extracts in [
        Vec::new(),
        vec![Extract::table("public.t"), Extract::table("\"public\".t")],
    ] {
        let source = extract(&db, extracts);
        let error = source.dump(&mut tokio::io::sink()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
}

#[tokio::test]
async fn a_schema_that_moved_on_is_told_before_anything_is_written() {
    let Some(db) = Db::new(SHOP).await else {
        return;
    };
    let archive = archive(&shop(&db)).await;
    for (change, part) in [
        (
            "ALTER TABLE orders RENAME note TO remark",
            "public.orders has no column note",
        ),
        (
            "ALTER TABLE orders ALTER id TYPE int",
            "id was bigint and is integer",
        ),
        (
            "ALTER TABLE orders ADD must int; UPDATE orders SET must = 1; ALTER TABLE orders ALTER must SET NOT NULL",
            "must needs a value",
        ),
        (
            "ALTER TABLE orders DROP CONSTRAINT orders_pkey",
            "id is not its key any more",
        ),
        (
            "ALTER TABLE orders RENAME TO o; CREATE VIEW orders AS SELECT * FROM o",
            "public.orders is not a table any more",
        ),
        (
            "DROP TABLE orders; ALTER TABLE customers DROP name",
            "public.orders is not there; public.customers has no column name",
        ),
    ] {
        let client = db.client().await;
        client
            .batch_execute("DELETE FROM orders WHERE id < 10")
            .await
            .unwrap();
        db.sql(change).await;
        let changed = content(&db).await;
        let error = put_back(&db, &archive, options(OnConflict::Overwrite))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mismatch, "{change}: {error}");
        assert!(error.to_string().contains(part), "{change}: {error}");
        assert_eq!(changed.diff(&content(&db).await), []);
        db.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            .await;
        db.sql(SHOP).await;
    }
}

#[tokio::test]
async fn a_damaged_archive_writes_nothing() {
    let Some(db) = Db::new(SHOP).await else {
        return;
    };
    let whole = archive(&shop(&db)).await;
    db.sql("DELETE FROM orders").await;
    let before = content(&db).await;
    for part in 0..40 {
        let cut = &whole[..whole.len() * part / 40];
        let error = put_back(&db, cut, PutBackOptions::default()).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Corrupt, "{part}/40");
    }
    // One letter of a value, which is a value as well.
    let at = whole
        .windows(7)
        .position(|window| window == b"note 77")
        .unwrap();
    let mut flipped = whole.clone();
    flipped[at] ^= 1;
    let error = put_back(&db, &flipped, PutBackOptions::default()).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Corrupt);
    let mut longer = whole.clone();
    longer.push(b'x');
    let error = put_back(&db, &longer, PutBackOptions::default()).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(before.diff(&content(&db).await), []);
    put_back(&db, &whole, PutBackOptions::default())
        .await
        .unwrap();
}

/// An archive that is not an export.
#[tokio::test]
async fn a_whole_backup_is_not_put_back() {
    let Some(db) = Db::new(SHOP).await else {
        return;
    };
    let vault = vault();
    let manifest = vault
        .create(&db.source(), &CreateOptions::default(), &())
        .await
        .unwrap();
    let mut reader = vault.read(&manifest.id, &()).await.unwrap();
    let result = db
        .source()
        .put_back(&mut reader, &PutBackOptions::default())
        .await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Corrupt);
}
