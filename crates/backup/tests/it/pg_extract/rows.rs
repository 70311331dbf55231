//! Whatever rows hold, they come back.

use ripcord_backup::sources::{Extract, OnConflict, PutBackOptions};
use ripcord_backup::test_util::conformance;
use ripcord_backup::{CreateOptions, ErrorKind, Format, Level, Scope, Source};

use super::{
    ODD, ODD_TABLE, SHOP, archive, content, counts, extract, one, options, put_back, shop,
};
use crate::pg::Db;
use crate::pg_backup::vault;

#[tokio::test]
async fn odd_values_go_out_and_come_back() {
    let Some(db) = Db::new(ODD).await else { return };
    let source = extract(&db, vec![Extract::table(ODD_TABLE)]);
    conformance(&source).await.unwrap();
    let vault = vault();
    let manifest = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap();
    assert_eq!(manifest.verification.level, Level::Content);
    assert_eq!(manifest.verification.limited, None);
    assert_eq!(manifest.format, Format::Extract);
    assert_eq!(manifest.scope, Scope::Tables(vec![ODD_TABLE.to_owned()]));
    assert_eq!(manifest.fingerprint.rows(), 17);
    let notes = manifest.verification.notes.join("\n");
    assert!(notes.contains("twice left out"), "{notes}");
    assert!(notes.contains("mood (\"it's\".mood)"), "{notes}");
    for level in [Level::Stored, Level::Structure, Level::Restored] {
        vault
            .verify(&source, &manifest.id, level, &())
            .await
            .unwrap();
    }

    // A database's own source reads no exports, and says so.
    let refused = vault
        .verify(&db.source(), &manifest.id, Level::Content, &())
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{refused}");
    let refused = vault
        .restore(&db.source(), &manifest.id, "nowhere", &())
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{refused}");

    let before = content(&db).await;
    db.sql(&format!("DELETE FROM {ODD_TABLE}")).await;
    let mut reader = vault.read(&manifest.id, &()).await.unwrap();
    let done = db
        .source()
        .put_back(&mut reader, &PutBackOptions::default())
        .await
        .unwrap();
    assert_eq!(counts(&done, ODD_TABLE), [17, 0, 0, 0, 0]);
    assert_eq!(done.notes, Vec::<String>::new());
    assert_eq!(before.diff(&content(&db).await), []);
    let mut reader = vault.read(&manifest.id, &()).await.unwrap();
    let again = db
        .source()
        .put_back(&mut reader, &PutBackOptions::default())
        .await
        .unwrap();
    assert_eq!(counts(&again, ODD_TABLE), [0, 0, 17, 0, 0]);

    // Only some columns, and the key of two.
    let source = extract(
        &db,
        vec![Extract::columns(ODD_TABLE, ["bytes", "moods", "plain"])],
    );
    let archive = archive(&source).await;
    db.sql(&format!(
        "UPDATE {ODD_TABLE} SET bytes = NULL, moods = NULL, plain = NULL"
    ))
    .await;
    let done = put_back(&db, &archive, PutBackOptions::default())
        .await
        .unwrap();
    // One of them had nothing in these columns.
    assert_eq!(counts(&done, ODD_TABLE), [0, 16, 1, 0, 0]);
    assert_eq!(before.diff(&content(&db).await), []);
}

#[tokio::test]
async fn tables_that_were_dropped_are_filled_again() {
    let Some(db) = Db::new(SHOP).await else {
        return;
    };
    let archive = archive(&shop(&db)).await;
    let before = content(&db).await;
    db.sql("DROP TABLE orders, customers").await;
    let gone = put_back(&db, &archive, PutBackOptions::default()).await;
    let gone = gone.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::Mismatch);
    assert!(
        gone.to_string()
            .contains("public.orders is not there; public.customers is not there"),
        "{gone}"
    );
    db.sql(SHOP.split("INSERT").next().unwrap()).await;
    let done = put_back(&db, &archive, PutBackOptions::default())
        .await
        .unwrap();
    assert_eq!(counts(&done, "public.orders"), [100, 0, 0, 0, 0]);
    assert_eq!(counts(&done, "public.customers"), [20, 0, 0, 0, 0]);
    // Sequences too: the next order must not collide.
    assert_eq!(before.diff(&content(&db).await), []);
    db.sql("INSERT INTO orders (customer) VALUES (1)").await;
    assert_eq!(one(&db, "SELECT max(id)::text FROM orders").await, "101");
}

#[tokio::test]
async fn a_sequence_is_never_moved_back() {
    let Some(db) = Db::new(
        "CREATE TABLE up (id serial PRIMARY KEY); INSERT INTO up DEFAULT VALUES; INSERT INTO up DEFAULT VALUES;
         CREATE SEQUENCE s INCREMENT -1 MAXVALUE -1;
         CREATE TABLE down (id int PRIMARY KEY DEFAULT nextval('s'));
         INSERT INTO down DEFAULT VALUES; INSERT INTO down DEFAULT VALUES",
    )
    .await
    else {
        return;
    };
    let source = extract(
        &db,
        vec![Extract::table("public.up"), Extract::table("public.down")],
    );
    let archive = archive(&source).await;
    db.sql(
        "DELETE FROM up; DELETE FROM down; SELECT setval('up_id_seq', 70), setval('s', -1, false)",
    )
    .await;
    put_back(&db, &archive, PutBackOptions::default())
        .await
        .unwrap();
    let next = "SELECT nextval('up_id_seq') || ' ' || nextval('s')";
    assert_eq!(one(&db, next).await, "71 -3");
}

#[tokio::test]
async fn a_value_that_its_type_refuses_is_told() {
    let Some(db) = Db::new(
        "CREATE TYPE mood AS ENUM ('sad', 'fine'); CREATE TABLE t (id int PRIMARY KEY, a mood);
         INSERT INTO t SELECT i, 'sad' FROM generate_series(1, 50000) i",
    )
    .await
    else {
        return;
    };
    let archive = archive(&extract(&db, vec![Extract::table("public.t")])).await;
    db.sql("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'").await;
    let error = put_back(&db, &archive, options(OnConflict::Overwrite))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server);
    assert!(
        error
            .to_string()
            .contains("invalid input value for enum public.mood: \"sad\""),
        "{error}"
    );
}

#[tokio::test]
async fn a_table_without_a_key_comes_back_too() {
    let Some(db) =
        Db::new("CREATE TABLE log (a int, b json); INSERT INTO log VALUES (1, '{}'), (1, '{}'), (2, NULL), (NULL, '1')").await
    else {
        return;
    };
    let source = extract(&db, vec![Extract::table("public.log")]);
    conformance(&source).await.unwrap();
    let archive = archive(&source).await;
    let exported = content(&db).await;
    db.sql("DELETE FROM log WHERE ctid = '(0,1)'; DELETE FROM log WHERE a IS NULL")
        .await;
    let done = put_back(&db, &archive, PutBackOptions::default())
        .await
        .unwrap();
    assert_eq!(counts(&done, "public.log"), [2, 0, 2, 0, 0]);
    assert_eq!(exported.diff(&content(&db).await), []);
    let error = extract(&db, vec![Extract::columns("public.log", ["b"])])
        .dump(&mut tokio::io::sink())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(
        error
            .to_string()
            .contains("public.log: it has neither a primary key"),
        "{error}"
    );
}

#[tokio::test]
async fn rows_that_meet_a_condition() {
    let Some(db) = Db::new(SHOP).await else {
        return;
    };
    let source = extract(
        &db,
        vec![Extract::table("public.orders").with_filter("id > 95 OR note = 'note 1' -- these")],
    );
    conformance(&source).await.unwrap();
    let manifest = vault()
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap();
    assert_eq!(manifest.fingerprint.rows(), 6);
    let notes = manifest.verification.notes.join("\n");
    assert!(notes.contains("only rows where id > 95"), "{notes}");
}

#[tokio::test]
async fn a_partitioned_table_is_one_table() {
    let Some(db) = Db::new(
        "CREATE TABLE p (id int, region text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
         CREATE TABLE p_a PARTITION OF p FOR VALUES IN ('a'); CREATE TABLE p_b PARTITION OF p DEFAULT;
         INSERT INTO p SELECT i, chr(97 + i % 3) FROM generate_series(1, 30) i;
         CREATE TABLE base (id int PRIMARY KEY); CREATE TABLE heir () INHERITS (base);
         INSERT INTO base VALUES (1); INSERT INTO heir VALUES (1), (2)",
    )
    .await
    else {
        return;
    };
    let source = extract(
        &db,
        vec![Extract::table("public.p"), Extract::table("public.base")],
    );
    let manifest = vault()
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap();
    assert_eq!(manifest.fingerprint.tables["public.p"].rows, 30);
    assert_eq!(manifest.fingerprint.tables["public.base"].rows, 1);
    let archive = archive(&source).await;
    let before = content(&db).await;
    db.sql("DELETE FROM p; DELETE FROM ONLY base").await;
    put_back(&db, &archive, PutBackOptions::default())
        .await
        .unwrap();
    assert_eq!(before.diff(&content(&db).await), []);
}
