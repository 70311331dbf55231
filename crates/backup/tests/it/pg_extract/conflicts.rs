//! Where the database holds something else by now, or has rules of its own.

use ripcord_backup::ErrorKind;
use ripcord_backup::sources::{ConstraintChecks, Extract, OnConflict, PutBackOptions};

use super::{SHOP, archive, content, counts, dry, extract, one, options, put_back, shop};
use crate::pg::Db;

/// Rows that were changed, deleted and added since the export, under each policy.
#[tokio::test]
async fn conflicts_are_decided_by_policy() {
    for (policy, expected) in [
        (OnConflict::Fail, None),
        (OnConflict::Keep, Some([5, 0, 83, 12, 0])),
        (OnConflict::Overwrite, Some([5, 12, 83, 0, 0])),
    ] {
        let Some(db) = Db::new(SHOP).await else {
            return;
        };
        let archive = archive(&shop(&db)).await;
        let exported = content(&db).await;
        db.sql(
            "UPDATE orders SET note = NULL WHERE id BETWEEN 11 AND 22;
             DELETE FROM orders WHERE id > 95;
             INSERT INTO orders (id, customer, note) VALUES (1000, 1, 'added')",
        )
        .await;
        let changed = content(&db).await;
        let planned = put_back(&db, &archive, dry(policy)).await.unwrap();
        assert_eq!(changed.diff(&content(&db).await), [], "a dry run writes");
        assert_eq!(planned.conflicts.len(), 10);
        assert!(
            planned
                .conflicts
                .contains(&"public.orders (id) = (11)".to_owned()),
            "{:?}",
            planned.conflicts
        );
        let result = put_back(&db, &archive, options(policy)).await;
        let Some(expected) = expected else {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict);
            let said = error.to_string();
            assert!(said.contains("12 rows hold something else"), "{said}");
            assert!(said.contains("(id) = (11)"), "{said}");
            assert!(said.ends_with("; and 2 more"), "{said}");
            assert_eq!(changed.diff(&content(&db).await), []);
            assert_eq!(counts(&planned, "public.orders"), [5, 0, 83, 12, 0]);
            continue;
        };
        let done = result.unwrap();
        assert_eq!(done.tables, planned.tables);
        assert_eq!(counts(&done, "public.orders"), expected);
        assert_eq!(counts(&done, "public.customers"), [0, 0, 20, 0, 0]);
        let left = "SELECT count(*) FILTER (WHERE note IS NULL) || ' ' || count(*) FROM orders";
        match policy {
            OnConflict::Keep => assert_eq!(one(&db, left).await, "12 101"),
            _ => {
                assert_eq!(one(&db, left).await, "0 101");
                db.sql("DELETE FROM orders WHERE id = 1000").await;
                assert_eq!(exported.diff(&content(&db).await), []);
            }
        }
    }
}

/// What a revert does: the column is dropped, the old release writes, the column is there again.
#[tokio::test]
async fn columns_come_back_to_the_rows_that_are_there() {
    let Some(db) = Db::new(SHOP).await else {
        return;
    };
    let source = extract(
        &db,
        vec![Extract::columns("public.orders", ["state", "note"])],
    );
    db.sql(
        "UPDATE orders SET state = CASE WHEN id % 2 = 0 THEN 'paid' ELSE 'sent' END;
         UPDATE orders SET note = NULL WHERE id = 3",
    )
    .await;
    let archive = archive(&source).await;
    let exported = content(&db).await;
    db.sql("ALTER TABLE orders DROP COLUMN state, DROP COLUMN note")
        .await;
    db.sql(
        "DELETE FROM orders WHERE id > 90;
         INSERT INTO orders (customer) VALUES (7);
         ALTER TABLE orders ADD COLUMN note text, ADD COLUMN state text NOT NULL DEFAULT 'new';
         UPDATE orders SET state = 'lost' WHERE id IN (1, 2);
         UPDATE orders SET state = 'sent', note = 'note 5' WHERE id = 5",
    )
    .await;
    let changed = content(&db).await;
    let error = put_back(&db, &archive, PutBackOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(
        error.to_string().contains(
            "2 rows hold something else by now: public.orders (id) = (1); public.orders (id) = (2)"
        ),
        "{error}"
    );
    assert_eq!(changed.diff(&content(&db).await), []);
    let kept = put_back(&db, &archive, options(OnConflict::Keep))
        .await
        .unwrap();
    assert_eq!(counts(&kept, "public.orders"), [0, 87, 1, 2, 10]);
    let done = put_back(&db, &archive, options(OnConflict::Overwrite))
        .await
        .unwrap();
    assert_eq!(counts(&done, "public.orders"), [0, 2, 88, 0, 10]);
    // The others are as the old release left them.
    db.sql("DELETE FROM orders WHERE id > 100; INSERT INTO orders (id, customer, note, state)
            SELECT i, 1 + i % 20, 'note ' || i, CASE WHEN i % 2 = 0 THEN 'paid' ELSE 'sent' END FROM generate_series(91, 100) i")
        .await;
    assert_eq!(exported.diff(&content(&db).await), []);
}

/// What a column holds because it was added counts as nothing, whatever the type; what a default
/// gave each row for itself does not.
#[tokio::test]
async fn what_nobody_wrote_may_be_overwritten() {
    for (column, free) in [
        ("a int", true),
        ("a int DEFAULT 7", true),
        ("a bigint NOT NULL DEFAULT 0", true),
        ("a varchar(4) DEFAULT 'new'", true),
        ("a numeric(6, 2) DEFAULT 1", true),
        ("a jsonb DEFAULT '{}'", true),
        ("a text[] NOT NULL DEFAULT '{x,\"y z\"}'", true),
        ("a mood NOT NULL DEFAULT 'sad'", true),
        ("a short DEFAULT 'so'", true),
        ("a timestamptz NOT NULL DEFAULT now()", true),
        ("a text DEFAULT current_user", true),
        ("a uuid DEFAULT gen_random_uuid()", false),
        ("a serial", false),
    ] {
        let Some(db) = Db::new(&format!(
            "CREATE TYPE mood AS ENUM ('sad', 'fine'); CREATE DOMAIN short AS text;
             CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3); ALTER TABLE t ADD {column}"
        ))
        .await
        else {
            return;
        };
        // Something that none of the defaults is.
        let written = match column.split(' ').nth(1).unwrap() {
            "mood" => "'fine'",
            "jsonb" => "'[1]'",
            "text[]" => "'{z}'",
            "timestamptz" => "'2001-01-01'",
            "uuid" => "'6f9619ff-8b86-d011-b42d-00c04fc964ff'",
            _ => "'99'",
        };
        db.sql(&format!("UPDATE t SET a = {written}")).await;
        let archive = archive(&extract(&db, vec![Extract::columns("public.t", ["a"])])).await;
        let exported = content(&db).await;
        db.sql(&format!("ALTER TABLE t DROP a; ALTER TABLE t ADD {column}"))
            .await;
        // A default is not asked for by looking, if that has consequences.
        let given_out = "SELECT coalesce(max(last_value)::text, '') FROM pg_sequences";
        let before = one(&db, given_out).await;
        let planned = put_back(&db, &archive, dry(OnConflict::Fail))
            .await
            .unwrap();
        assert_eq!(one(&db, given_out).await, before);
        let expected = if free {
            [0, 3, 0, 0, 0]
        } else {
            [0, 0, 0, 3, 0]
        };
        assert_eq!(counts(&planned, "public.t"), expected, "{column}");
        put_back(&db, &archive, options(OnConflict::Overwrite))
            .await
            .unwrap();
        assert_eq!(exported.diff_content(&content(&db).await), [], "{column}");
    }
}

#[tokio::test]
async fn tables_that_refer_to_each_other_are_filled_together() {
    for deferrable in ["", "DEFERRABLE"] {
        let Some(db) = Db::new(&format!(
            "CREATE TABLE a (id int PRIMARY KEY, b int NOT NULL);
             CREATE TABLE b (id int PRIMARY KEY, a int NOT NULL REFERENCES a {deferrable});
             CREATE TABLE c (id int PRIMARY KEY, up int NOT NULL REFERENCES c, b int REFERENCES b);
             INSERT INTO a SELECT i, i FROM generate_series(1, 50) i;
             INSERT INTO b SELECT i, i FROM generate_series(1, 50) i;
             INSERT INTO c SELECT i, 51 - i, i FROM generate_series(1, 50) i;
             ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b {deferrable}"
        ))
        .await
        else {
            return;
        };
        let source = extract(
            &db,
            ["public.c", "public.a", "public.b"]
                .map(Extract::table)
                .to_vec(),
        );
        let archive = archive(&source).await;
        let exported = content(&db).await;
        db.sql("TRUNCATE a, b, c").await;
        let mut options = PutBackOptions::default();
        if !deferrable.is_empty() {
            options.constraints = ConstraintChecks::Deferred;
        }
        put_back(&db, &archive, options).await.unwrap();
        assert_eq!(exported.diff(&content(&db).await), []);
    }
}

#[tokio::test]
async fn a_constraint_that_refuses_leaves_everything_as_it_was() {
    let Some(db) = Db::new(SHOP).await else {
        return;
    };
    let source = extract(&db, vec![Extract::table("public.orders")]);
    let archive = archive(&source).await;
    db.sql("DELETE FROM orders; DELETE FROM customers WHERE id = 5")
        .await;
    let before = content(&db).await;
    for checks in [ConstraintChecks::AsDeclared, ConstraintChecks::Deferred] {
        let mut options = PutBackOptions::default();
        options.constraints = checks;
        let error = put_back(&db, &archive, options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        let said = error.to_string();
        assert!(
            said.contains("(customer)=(5) is not present in table"),
            "{said}"
        );
        assert!(error.help().is_some());
        assert_eq!(before.diff(&content(&db).await), []);
    }
}

/// A trigger finds its own schema's functions and the database's settings, and what it changes is
/// told.
#[tokio::test]
async fn triggers_fire_as_usual() {
    let Some(db) = Db::new(
        "CREATE SCHEMA app; CREATE TABLE app.t (id int PRIMARY KEY, a text, zone text);
         CREATE TABLE app.log (id int);
         CREATE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO log VALUES (new.id);
                IF new.id = 3 THEN RETURN NULL; END IF;
                new.zone := current_setting('TimeZone'); RETURN new; END $$;
         INSERT INTO app.t SELECT i, 'x', 'none' FROM generate_series(1, 4) i;
         CREATE TRIGGER note BEFORE INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION app.note()",
    )
    .await
    else {
        return;
    };
    db.sql(&format!(
        "ALTER DATABASE \"{0}\" SET search_path TO app; ALTER DATABASE \"{0}\" SET TimeZone TO 'Asia/Tokyo'",
        db.name()
    ))
    .await;
    let archive = archive(&extract(&db, vec![Extract::table("app.t")])).await;
    db.sql("TRUNCATE app.t").await;
    let done = put_back(&db, &archive, PutBackOptions::default())
        .await
        .unwrap();
    assert_eq!(counts(&done, "app.t"), [3, 0, 0, 1, 0]);
    assert_eq!(one(&db, "SELECT count(*)::text FROM app.log").await, "4");
    assert_eq!(one(&db, "SELECT min(zone) FROM app.t").await, "Asia/Tokyo");
    assert_eq!(
        done.notes,
        [
            "app.t: a trigger kept 1 rows out",
            "app.t: 4 rows are not there as they were exported, which is a trigger's doing"
        ]
    );
}
