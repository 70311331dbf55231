//! Live servers that are unlike a fresh one: names, roles, encodings, extensions, other servers that they know.

use super::Bench;
use super::server::Server;
use super::traces::{assert_nothing_left, dump};
use crate::support::{Pg, Said};

const TABLES: &str = "[migrations]\nlayout = \"sqlx\"\n[rehearsal]\n";
const BASE: &str = "CREATE TABLE orders (id int PRIMARY KEY, item text NOT NULL);
INSERT INTO orders SELECT g, 'item ' || g FROM generate_series(1, 50) g;\n";
const UP: &str = "ALTER TABLE orders ADD COLUMN note text;
ALTER TABLE orders RENAME COLUMN item TO title;\n";
const DOWN: &str = "ALTER TABLE orders RENAME COLUMN title TO item;
ALTER TABLE orders DROP COLUMN note;\n";

fn rehearsed(bench: &Bench) -> Said {
    bench.back_up();
    let before = dump(&bench.pg);
    let said = bench.run(&["--json", "migration", "rehearse", "v2"]);
    assert_eq!(dump(&bench.pg), before);
    assert_nothing_left(bench.folder(), &bench.folder().join("rehearsal"));
    said
}

#[track_caller]
fn assert_goes_back(said: &Said) {
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(said.json()["class"], "PreserveAndRevert", "{said:?}");
}

#[test]
fn names_that_clash_or_have_to_be_quoted() {
    let first = "Root the Ünique";
    let options = [
        "shared_preload_libraries=pg_stat_statements",
        "max_locks_per_transaction=128",
    ];
    let Some(server) = Server::new(first, &options) else {
        return;
    };
    let pg = Pg::at(server.url("Root%20the%20%C3%9Cnique"), "");
    let space = server.folder("space");
    for sql in [
        "CREATE ROLE rehearsal_a LOGIN SUPERUSER PASSWORD 'x'".to_owned(),
        "CREATE ROLE \"Two Words\" CREATEROLE NOINHERIT".to_owned(),
        "CREATE ROLE \"quo\"\"te's\" CREATEDB REPLICATION BYPASSRLS".to_owned(),
        "GRANT \"Two Words\" TO rehearsal_a WITH ADMIN OPTION".to_owned(),
        "GRANT rehearsal_a TO \"quo\"\"te's\"".to_owned(),
        "GRANT pg_read_all_data TO \"Two Words\"".to_owned(),
        "ALTER ROLE \"Two Words\" SET search_path = 'a b', public".to_owned(),
        format!(
            "CREATE TABLESPACE \"Fast disk\" LOCATION '{}'",
            space.display()
        ),
        "CREATE DATABASE rehearsal_live".to_owned(),
    ] {
        pg.admin(&sql);
    }
    for sql in [
        format!("ALTER DATABASE {} SET search_path = public, 'a b'", pg.name),
        format!("ALTER DATABASE {} SET my.tenant = 'it''s'", pg.name),
        format!("ALTER DATABASE {} OWNER TO \"quo\"\"te's\"", pg.name),
        "CREATE SCHEMA \"a b\" AUTHORIZATION \"Two Words\"".to_owned(),
        "CREATE TABLE \"a b\".\"Mixed\" (id int PRIMARY KEY, \"Wert\" text) TABLESPACE \"Fast disk\"".to_owned(),
        "ALTER TABLE \"a b\".\"Mixed\" OWNER TO rehearsal_a".to_owned(),
        "GRANT SELECT ON \"a b\".\"Mixed\" TO \"quo\"\"te's\"".to_owned(),
    ] {
        pg.sql(&sql);
    }
    let bench = Bench::on(pg, BASE, TABLES);
    let up = format!("{UP}ALTER TABLE \"a b\".\"Mixed\" ADD \"Neu\" int;\n");
    let down = format!("ALTER TABLE \"a b\".\"Mixed\" DROP \"Neu\";\n{DOWN}");
    bench.migration("v2", 2, &up, Some(&down));
    let said = rehearsed(&bench);
    assert_goes_back(&said);
    assert!(
        said.json()["preserve"].to_string().contains("Mixed"),
        "{said:?}"
    );

    // It can be renamed to what no server can be made with.
    let rename = |from: &str, to: &str| {
        let second = bench.pg.connect(&server.url("rehearsal_a"));
        bench.pg.on(
            &second,
            &format!("ALTER ROLE \"{from}\" RENAME TO \"{to}\""),
        );
    };
    let live = bench.pg.url.replace("Root%20the%20%C3%9Cnique", "a%27b");
    bench.edit(|text| text.replace(&bench.pg.url, &live));
    rename(first, "a'b");
    bench.back_up();
    let said = bench.run(&["--json", "migration", "rehearse", "v2"]);
    rename("a'b", first);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert_eq!(
        said.json()["reason_code"],
        "rehearsal_impossible",
        "{said:?}"
    );
    assert!(said.stdout.contains("with such a name"), "{said:?}");
    assert_nothing_left(bench.folder(), &bench.folder().join("rehearsal"));
}

#[test]
fn another_encoding_and_collation_and_extensions() {
    let Some(pg) = Pg::new() else { return };
    let admin = pg.url.replace(&pg.name, "postgres");
    let options = "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'";
    let bench = Bench::on(Pg::at(admin, options), BASE, TABLES);
    for extension in ["pg_trgm", "pg_stat_statements"] {
        bench.pg.sql(&format!("CREATE EXTENSION {extension}"));
    }
    bench
        .pg
        .sql("CREATE INDEX ON orders USING gin (item gin_trgm_ops)");
    bench.pg.sql("INSERT INTO orders VALUES (99, 'Ünïcôde')");
    bench.migration("v2", 2, UP, Some(DOWN));
    assert_goes_back(&rehearsed(&bench));
}

#[test]
fn other_servers_that_the_database_knows() {
    let Some(server) = Server::new("postgres", &["wal_level=logical"]) else {
        return;
    };
    let url = server.url("postgres");
    let far = Pg::at(url.clone(), "");
    let bench = Bench::on(Pg::at(url, ""), BASE, TABLES);
    let (_, place) = far.url.rsplit_once('@').unwrap();
    let (host, port) = place.split_once('/').unwrap().0.split_once(':').unwrap();
    far.sql("SELECT pg_create_logical_replication_slot('precious', 'pgoutput')");
    far.sql("CREATE TABLE audit (what text)");
    for sql in [
        "CREATE EXTENSION postgres_fdw".to_owned(),
        format!(
            "CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{host}', port '{port}', dbname '{}')",
            far.name
        ),
        "CREATE USER MAPPING FOR CURRENT_USER SERVER far OPTIONS (user 'postgres')".to_owned(),
        "CREATE FOREIGN TABLE audit (what text) SERVER far".to_owned(),
        format!(
            "CREATE SUBSCRIPTION copy CONNECTION 'host={host} port={port} dbname={} user=postgres' \
             PUBLICATION none WITH (connect = false, slot_name = 'precious')",
            far.name
        ),
        "INSERT INTO audit VALUES ('live')".to_owned(),
    ] {
        bench.pg.sql(&sql);
    }
    let live = || far.sql("SELECT what FROM audit");
    // Columns of it would be written to by the rehearsal, too.
    let up = format!("{UP}ALTER FOREIGN TABLE audit ADD COLUMN who text;\n");
    let down = format!("ALTER FOREIGN TABLE audit DROP COLUMN who;\n{DOWN}");
    bench.migration("v2", 2, &up, Some(&down));
    let harmless = (rehearsed(&bench), live());
    let up = "INSERT INTO audit VALUES ('rehearsed');\n";
    bench.migration("v2", 2, up, Some("SELECT 1;\n"));
    let writing = (
        bench.run(&["--json", "migration", "rehearse", "v2"]),
        live(),
    );
    let up = "-- no-transaction\nDROP SUBSCRIPTION copy;\n";
    bench.migration("v2", 2, up, Some("SELECT 1;\n"));
    let dropping = bench.run(&["--json", "migration", "rehearse", "v2"]);
    let slots = far.sql("SELECT slot_name FROM pg_replication_slots WHERE slot_name = 'precious'");
    // Without that the databases cannot be dropped, whatever comes.
    for slot in &slots {
        far.sql(&format!("SELECT pg_drop_replication_slot('{slot}')"));
    }
    bench.pg.sql("ALTER SUBSCRIPTION copy DISABLE");
    bench
        .pg
        .sql("ALTER SUBSCRIPTION copy SET (slot_name = NONE)");
    bench.pg.sql("DROP SUBSCRIPTION copy");

    assert_eq!(harmless.0.code, Some(0), "{harmless:?}");
    assert_eq!(harmless.1, ["live"]);
    let (said, there) = writing;
    assert_eq!(said.code, Some(3), "{said:?}");
    assert_eq!(said.json()["reason_code"], "migration_fails", "{said:?}");
    assert!(said.stdout.contains("has no handler"), "{said:?}");
    assert_eq!(there, ["live"]);
    assert_eq!(dropping.code, Some(0), "{dropping:?}");
    assert_eq!(slots, ["precious"], "{dropping:?}");
}
