//! What the journal keeps of migrations, what the team's policy says to them, and what the rows say.

use std::fs;

use ripcord_rollback::Event;

use crate::support::{Shop, records};

/// The versions whose ways back the journal holds, in the order in which they were written.
fn kept(shop: &Shop) -> Vec<String> {
    let of = |event: &Event| match event {
        Event::WayBack { way } => Some(format!("{}: {}", way.version, way.sql.trim())),
        Event::TakenBack { version } => Some(format!("{version} is gone")),
        _ => None,
    };
    let records = records(&shop.journal());
    records.iter().filter_map(|r| of(&r.event)).collect()
}

#[test]
fn a_migration_whose_file_is_gone_is_taken_back_from_the_journal() {
    let Some(shop) = Shop::new() else { return };
    let before = shop.schema();
    shop.release_with("v7", "0003_colour", COLOUR, Some(COLOUR_BACK));
    shop.expect(&["deploy", "v7"], 0);
    // A later release carries the file no more, and neither does the one that owned it.
    shop.release_like_v2("v8");
    for file in ["0003_colour.up.sql", "0003_colour.down.sql"] {
        fs::remove_file(shop.release("v7").join("migrations").join(file)).unwrap();
    }
    let said = shop.expect(&["migration", "status", "--release", "v8", "--json"], 3);
    assert_eq!(said.json()["problems"][0]["kind"], "missing");
    shop.expect(&["migration", "revert", "--release", "v8", "--to", "2"], 0);
    assert_eq!(shop.schema(), before);
    let all = kept(&shop);
    assert_eq!(all.last().unwrap(), "3 is gone");
    assert!(
        all.contains(&format!("3: {}", COLOUR_BACK.trim())),
        "{all:?}"
    );
    shop.expect(&["migration", "status", "--release", "v8"], 0);
}

const COLOUR: &str = "ALTER TABLE orders ADD COLUMN colour text;\n";
const COLOUR_BACK: &str = "ALTER TABLE orders DROP COLUMN colour;\n";

#[test]
fn a_rollback_by_hand_takes_back_what_only_the_journal_knows() {
    let Some(shop) = Shop::new() else { return };
    let before = shop.schema();
    let fill = "CREATE TABLE extras (id bigint PRIMARY KEY);\nINSERT INTO extras VALUES (1);\n";
    shop.release_with("v7", "0003_extras", fill, Some("DROP TABLE extras;\n"));
    shop.expect(&["deploy", "v7"], 0);
    fs::remove_dir_all(shop.release("v7").join("migrations")).unwrap();
    let said = shop.expect(&["rollback", "--to", "v2", "--json"], 3);
    assert!(
        said.stdout.contains("only its way back is on record"),
        "{said:?}"
    );
    let back = ["rollback", "--to", "v2", "--revert-schema", "the test"];
    shop.expect(&back, 0);
    assert_eq!(shop.serving(), "v2");
    assert_eq!(shop.schema(), before);
}

#[test]
fn an_edited_file_of_an_applied_migration_is_an_error_with_a_remedy() {
    let Some(shop) = Shop::new() else { return };
    shop.release_with("v7", "0003_colour", COLOUR, Some(COLOUR_BACK));
    shop.expect(&["deploy", "v7"], 0);
    shop.release_with(
        "v8",
        "0003_colour",
        "ALTER TABLE orders ADD COLUMN size text;\n",
        None,
    );
    let said = shop.expect(&["deploy", "v8", "--json"], 3);
    let document = said.json();
    assert_eq!(document["reason_code"], "migration_edited", "{document}");
    let told = document["reasons"][0].as_str().unwrap();
    assert!(
        told.contains("put the file back as it was applied"),
        "{told}"
    );
    let said = shop.expect(&["migration", "run", "--release", "v8"], 3);
    assert!(said.stderr.contains("put the file back"), "{said:?}");
    let check = shop.expect(&["migration", "check", "--release", "v8", "--json"], 3);
    assert_eq!(check.json()["found"][0]["kind"], "edited");
    // The column that it says now was never made, and the way back is the one of what was applied.
    let words = ["migration", "revert", "--release", "v8", "--to", "2"];
    shop.expect(&words, 0);
    assert!(!shop.schema().contains("colour"));
}

#[test]
fn the_policy_raises_silences_and_records_exceptions() {
    let Some(shop) = Shop::new() else { return };
    let config = shop.config();
    let index = "CREATE INDEX by_item ON orders (item);\n";
    shop.release_with("v7", "0003_index", index, Some("DROP INDEX by_item;\n"));
    let lint = ["migration", "lint", "--release", "v7", "--json"];
    let plain = shop.expect(&lint, 3);
    assert!(plain.stdout.contains("index-not-concurrent"), "{plain:?}");
    let raised = "[migrations.policy.rules]\nindex-not-concurrent = \"off\"\n\
                  add-column-json = \"blocker\"\n";
    shop.put(&format!("{config}{raised}"));
    let silent = shop.run(&lint);
    assert!(
        !silent.stdout.contains("index-not-concurrent"),
        "{silent:?}"
    );

    // A level that the policy raises stands against a deployment.
    let json = "ALTER TABLE orders ADD COLUMN data json;\n";
    shop.release_with("v8", "0003_data", json, None);
    let said = shop.expect(&["deploy", "v8", "--json"], 3).json();
    assert_eq!(said["reason_code"], "hazard", "{said}");
    assert!(
        said["reasons"][0]
            .as_str()
            .unwrap()
            .contains("the policy makes that blocker"),
        "{said}"
    );

    // An exception lets it pass, and is on record with its reason.
    let file = "[[allow]]\nrule = \"add-column-json\"\nfile = \"migrations/0003_*\"\n\
                reason = \"the column may stay\"\n[rules]\nadd-column-json = \"blocker\"\n";
    fs::write(shop.folder().join("guard.toml"), file).unwrap();
    let named = config.replace(
        "layout = \"sqlx\"",
        "layout = \"sqlx\"\npolicy = \"guard.toml\"",
    );
    shop.put(&named);
    let plan = shop.expect(&["plan", "v8", "--json"], 0).json();
    let told = "the column may stay";
    assert!(plan["findings"].to_string().contains(told), "{plan}");
    let done = shop.expect(&["deploy", "v8", "--json"], 0).json();
    assert!(done["findings"].to_string().contains(told), "{done}");
    let history = shop.expect(&["history", "--json"], 0).json();
    assert!(
        history["deployments"][0]["findings"]
            .to_string()
            .contains(told),
        "{history}"
    );
}

#[test]
fn rows_that_do_not_fit_block_before_anything_changes() {
    let Some(shop) = Shop::new() else { return };
    shop.pg.sql("UPDATE orders SET note = NULL WHERE id <= 3");
    let up = "ALTER TABLE orders ALTER COLUMN note SET NOT NULL;\n";
    let down = "ALTER TABLE orders ALTER COLUMN note DROP NOT NULL;\n";
    shop.release_with("v7", "0003_note", up, Some(down));
    let before = shop.schema();
    let said = shop.expect(&["deploy", "v7", "--json"], 3).json();
    assert_eq!(said["reason_code"], "data_does_not_fit", "{said}");
    assert!(
        said["reasons"]
            .to_string()
            .contains("3 rows are in the way"),
        "{said}"
    );
    let said = shop
        .expect(&["migration", "analyse", "--release", "v7", "--json"], 3)
        .json();
    assert_eq!(
        (&said["blocks"], &said["prechecks"][0]["rows"]),
        (&true.into(), &3.into()),
        "{said}"
    );
    assert_eq!(shop.schema(), before);
    assert_eq!(shop.serving(), "v2");
}

/// Without a row of the history the tables are there all the same.
#[test]
fn each_way_in_which_a_history_does_not_fit_has_its_own_code() {
    let Some(shop) = Shop::new() else { return };
    shop.release_with(
        "v7",
        "0003_colour",
        "CREATE TABLE colours (id bigint PRIMARY KEY);\n",
        Some("DROP TABLE colours;\n"),
    );
    shop.pg.sql("CREATE TABLE colours (id bigint PRIMARY KEY)");
    let said = shop.expect(&["deploy", "v7", "--json"], 3).json();
    assert_eq!(said["reason_code"], "migration_unrecorded", "{said}");
    shop.pg.sql("DROP TABLE colours");
    shop.release_with("v8", "0005_colour", COLOUR, Some(COLOUR_BACK));
    shop.expect(&["deploy", "v8"], 0);
    let late = shop.release("v7").join("migrations");
    for way in ["up", "down"] {
        let file = format!("0005_colour.{way}.sql");
        let from = shop.release("v8").join("migrations").join(&file);
        fs::copy(from, late.join(file)).unwrap();
    }
    let said = shop.expect(&["deploy", "v7", "--json"], 3).json();
    assert_eq!(said["reason_code"], "migration_out_of_order", "{said}");
    assert!(
        said["reasons"].to_string().contains("later version"),
        "{said}"
    );
}
