//! What a snapshot of the database changes in what is said about the same SQL, in both directions.

use std::path::Path;
use std::sync::Arc;

use ripcord_migration_guard::live::{self, LiveOptions};
use ripcord_migration_guard::snapshot::{Generated, TableKind};
use ripcord_migration_guard::{
    ErrorKind, Finding, LintOptions, Script, Severity, Snapshot, Transactional, Unit, lint,
};

use crate::server::{self, Database};

const SCHEMA: &str = "
    CREATE DOMAIN positive AS int CHECK (VALUE > 0);
    CREATE TABLE customers (id bigint PRIMARY KEY, email text NOT NULL, UNIQUE (email));
    CREATE TABLE orders (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        customer bigint REFERENCES customers,
        code varchar(10), note text DEFAULT 'none', amount numeric(10, 2), checked text,
        total int GENERATED ALWAYS AS (1 + 1) STORED,
        CONSTRAINT checked_is_there CHECK (checked IS NOT NULL)
    );
    ALTER TABLE orders ADD CONSTRAINT later CHECK (amount > 0) NOT VALID;
    CREATE INDEX orders_customer ON orders (customer);
    CREATE INDEX orders_some ON orders (code) WHERE amount > 5;
    CREATE INDEX orders_pattern ON orders (note text_pattern_ops);
    CREATE TABLE events (id int, at date NOT NULL) PARTITION BY RANGE (at);
    CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE TABLE events_rest PARTITION OF events DEFAULT;
    CREATE VIEW notes AS SELECT id, note FROM orders;
    CREATE MATERIALIZED VIEW sums AS SELECT customer, sum(amount) FROM orders GROUP BY 1;
    CREATE FUNCTION cry() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
    CREATE TRIGGER watch BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION cry();
    CREATE SCHEMA \"My App\"; CREATE TABLE \"My App\".\"Order's\" (\"The Key\" int PRIMARY KEY);
";

async fn taken(db: &Database) -> Snapshot {
    db.run(SCHEMA).await;
    let publication = db
        .client
        .batch_execute("CREATE PUBLICATION all_orders FOR TABLE orders");
    publication.await.unwrap();
    let (snapshot, unknown) = live::snapshot(&db.conninfo, &LiveOptions::default())
        .await
        .unwrap();
    assert_eq!(unknown, []);
    snapshot
}

#[tokio::test]
async fn a_snapshot_is_the_database_and_survives_its_file() {
    let Some(db) = server::database("snapshot").await else {
        return;
    };
    let snapshot = taken(&db).await;
    assert_eq!(snapshot.search_path, ["public"]);
    assert_eq!(snapshot.constrained_domains, ["positive"]);
    let orders = snapshot.table(None, "orders").unwrap();
    let column = |name: &str| orders.columns.iter().find(|c| c.name == name).unwrap();
    assert_eq!(column("code").ty, "character varying(10)");
    assert_eq!(column("note").default.as_deref(), Some("'none'::text"));
    assert_eq!(column("id").generated, Generated::Identity);
    assert_eq!(column("total").generated, Generated::Computed);
    let constraint = |name: &str| orders.constraints.iter().find(|c| c.name == name).unwrap();
    assert!(!constraint("later").validated && constraint("checked_is_there").validated);
    let key = constraint("orders_customer_fkey");
    assert_eq!(
        key.references,
        Some(("public".to_owned(), "customers".to_owned()))
    );
    assert_eq!(key.referenced_columns, ["id"]);
    let index = |name: &str| orders.indexes.iter().find(|i| i.name == name).unwrap();
    assert_eq!(
        index("orders_pkey").constraint.as_deref(),
        Some("orders_pkey")
    );
    assert_eq!(index("orders_pattern").columns, ["note text_pattern_ops"]);
    assert!(
        index("orders_some")
            .predicate
            .as_ref()
            .unwrap()
            .contains("amount > ")
    );
    assert_eq!(
        (&orders.triggers[..], &orders.publications[..]),
        (&["watch".to_owned()][..], &["all_orders".to_owned()][..])
    );
    let rest = snapshot.table(None, "events_rest").unwrap();
    assert!(rest.default_partition);
    assert_eq!(
        rest.partition_of,
        Some(("public".to_owned(), "events".to_owned()))
    );
    let events = snapshot.table(Some("public"), "events").unwrap();
    assert_eq!(
        (events.kind, snapshot.partitions(events).len()),
        (TableKind::Partitioned, 2)
    );
    assert_eq!(
        snapshot.table(None, "sums").unwrap().kind,
        TableKind::MaterializedView
    );
    assert!(snapshot.table(None, "Order's").is_none());
    assert!(snapshot.table(Some("My App"), "Order's").is_some());
    assert!(snapshot.views.iter().any(|v| v.name == "notes"));

    let json = snapshot.to_json().unwrap();
    let path = Path::new("schema.json");
    assert_eq!(Snapshot::parse(path, &json).unwrap(), snapshot);
    let newer = json.replacen("\"schema\": 1", "\"schema\": 2", 1);
    let error = Snapshot::parse(path, &newer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let error = Snapshot::parse(path, "{").unwrap_err();
    assert!(error.to_string().contains("schema.json:1:"), "{error}");
    db.drop().await;
}

fn found(sql: &str, snapshot: Option<&Arc<Snapshot>>) -> Vec<Finding> {
    let unit = Unit {
        script: Script::parse(Path::new("m.sql"), sql).unwrap_or_else(|e| panic!("{sql}: {e}")),
        transaction: Transactional::Yes,
    };
    let mut options = LintOptions::default();
    options.snapshot = snapshot.cloned();
    lint(&[unit], &options).unwrap().findings
}

/// Rules, each with a part of its message.
type Said = &'static [(&'static str, &'static str)];

/// SQL; what is said because of the snapshot: rule and a part of the message; what is said without
/// it only.
const CHANGED: &[(&str, Said, &[&str])] = &[
    (
        "CREATE INDEX ON events (id)",
        &[("index-partitioned-parent", "all its partitions")],
        &["index-not-concurrent"],
    ),
    (
        "DROP INDEX orders_pkey",
        &[("drop-constraint-backing-index", "orders_pkey")],
        &[],
    ),
    (
        "CREATE INDEX ON orders (customer, code)",
        &[("index-redundant", "see index orders_customer")],
        &[],
    ),
    (
        "CREATE INDEX ON orders (id)",
        &[("index-redundant", "the index of orders_pkey")],
        &[],
    ),
    (
        "ALTER TABLE orders ADD COLUMN second int REFERENCES customers",
        &[("fk-type-mismatch", "id of customers is bigint")],
        &[],
    ),
    (
        "ALTER TABLE orders ADD FOREIGN KEY (customer) REFERENCES customers (id) NOT VALID",
        &[],
        &["fk-missing-index"],
    ),
    (
        "ALTER TABLE orders ALTER checked SET NOT NULL",
        &[],
        &["set-not-null"],
    ),
    (
        "ALTER TABLE orders ALTER id SET NOT NULL",
        &[],
        &["set-not-null"],
    ),
    (
        "ALTER TABLE orders ALTER code TYPE varchar(20)",
        &[("type-change-safe-widening", "varchar(20)")],
        &["type-change-rewrite"],
    ),
    (
        "ALTER TABLE orders ALTER code TYPE varchar(5)",
        &[("type-narrowing", "shrinks from varchar(10)")],
        &[],
    ),
    (
        "ALTER TABLE orders DROP COLUMN customer",
        &[
            ("drop-column-in-index", "index orders_customer goes"),
            (
                "drop-column-in-index",
                "constraint orders_customer_fkey goes",
            ),
            ("drop-column-in-index", "view public.sums reads customer"),
        ],
        &[],
    ),
    (
        "ALTER TABLE orders DROP COLUMN note",
        &[(
            "drop-column-in-index",
            "view public.notes reads note of orders, so that the server refuses",
        )],
        &[],
    ),
    (
        "ALTER TABLE customers DROP COLUMN id",
        &[(
            "drop-column-in-index",
            "orders_customer_fkey of orders references id",
        )],
        &[],
    ),
    (
        "DROP TABLE customers",
        &[(
            "chain-conflict",
            "orders_customer_fkey of orders references customers",
        )],
        &[],
    ),
    (
        "DROP TABLE customers CASCADE",
        &[("drop-cascade", "orders_customer_fkey of orders")],
        &[],
    ),
    (
        "CREATE TABLE orders (id int)",
        &[("chain-conflict", "orders is there already")],
        &[],
    ),
    (
        "ALTER TABLE orders ADD COLUMN note text",
        &[("chain-conflict", "note of orders was added before")],
        &[],
    ),
    (
        "ALTER TABLE absent ADD COLUMN note text",
        &[("chain-conflict", "there is no table absent")],
        &[],
    ),
    (
        "ALTER TABLE orders DROP CONSTRAINT absent",
        &[("chain-conflict", "orders has no constraint absent")],
        &[],
    ),
];

#[tokio::test]
async fn a_snapshot_finds_more_and_less() {
    let Some(db) = server::database("snapshot_lint").await else {
        return;
    };
    let mut snapshot = taken(&db).await;
    snapshot.scan_bytes_per_second = Some(1 << 20);
    let snapshot = Arc::new(snapshot);
    for (sql, more, less) in CHANGED {
        let with = found(sql, Some(&snapshot));
        let without = found(sql, None);
        for (rule, message) in *more {
            let is = |f: &&Finding| f.rule == *rule && f.message.contains(message);
            assert!(with.iter().any(|f| is(&f)), "{sql}: {rule}: {with:#?}");
            assert!(
                !without.iter().any(|f| is(&f)),
                "{sql}: {rule} without a snapshot"
            );
        }
        for rule in *less {
            assert!(
                !with.iter().any(|f| f.rule == *rule),
                "{sql}: {rule}: {with:#?}"
            );
            assert!(
                without.iter().any(|f| f.rule == *rule),
                "{sql}: {rule} without"
            );
        }
    }
    // What the rules claim to be refused is refused.
    for (sql, more, _) in CHANGED {
        let refused = more.iter().any(|(rule, message)| {
            matches!(*rule, "chain-conflict" | "drop-constraint-backing-index")
                || message.contains("the server refuses")
                || message.contains("references id")
                || message.contains("view public.sums")
        });
        let done = db.client.batch_execute(&format!("BEGIN; {sql}")).await;
        assert_eq!(done.is_err(), refused, "{sql}: {done:?}");
        db.run("ROLLBACK").await;
    }
    db.drop().await;
}

#[tokio::test]
async fn a_snapshot_is_the_beginning_of_a_chain() {
    let Some(db) = server::database("snapshot_chain").await else {
        return;
    };
    let snapshot = Arc::new(taken(&db).await);
    let errors = |sql: &str| {
        let mut found = found(sql, Some(&snapshot));
        found.retain(|f| f.severity >= Severity::Error && f.rule == "chain-conflict");
        found.into_iter().map(|f| f.message).collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    // What an earlier statement does counts, and what it may have done is no ground for a claim.
    assert_eq!(
        errors("DROP TABLE orders CASCADE; DROP TABLE customers;"),
        none
    );
    assert_eq!(
        errors("ALTER TABLE orders RENAME TO bills; ALTER TABLE bills ADD x int;"),
        none
    );
    assert_eq!(
        errors(
            "ALTER TABLE orders RENAME CONSTRAINT later TO soon; ALTER TABLE orders DROP CONSTRAINT soon;"
        ),
        none
    );
    assert_eq!(
        errors(
            "DO $$ BEGIN EXECUTE (SELECT 'CREATE TABLE made (a int)'); END $$; ALTER TABLE made ADD b int;"
        ),
        none
    );
    assert_eq!(
        errors("SET search_path = elsewhere; ALTER TABLE mine ADD b int;"),
        none
    );
    assert_eq!(
        errors("ALTER TABLE \"My App\".\"Order's\" ADD b int;"),
        none
    );
    assert_eq!(
        errors("ALTER TABLE notes RENAME COLUMN note TO text;"),
        none
    );
    assert_eq!(
        errors("CREATE TEMP TABLE scratch (a int); ALTER TABLE scratch ADD b int;"),
        none
    );
    assert_eq!(
        errors("DROP TABLE orders CASCADE; ALTER TABLE orders ADD b int;").len(),
        1
    );
    // An index of another method answers other questions.
    let hash = found(
        "CREATE INDEX h ON orders USING hash (customer);",
        Some(&snapshot),
    );
    assert!(
        hash.iter().all(|f| f.rule != "index-redundant"),
        "{hash:#?}"
    );
    // An old table is never taken for a new and empty one.
    let found = found(
        "CREATE TABLE IF NOT EXISTS orders (id int); CREATE INDEX i ON orders (note);",
        Some(&snapshot),
    );
    assert!(
        found.iter().any(|f| f.rule == "index-not-concurrent"),
        "{found:#?}"
    );
    db.drop().await;
}
