use ripcord_migration_guard::{ErrorKind, Layout, Migration, Transactional, Workspace};

use crate::server::workspace;

fn refused(files: &[(&str, &str)]) -> (String, ErrorKind) {
    let (_folder, w) = workspace(files);
    let error = Layout::GolangMigrate.read(&w).unwrap_err();
    assert!(error.help().is_some(), "{error} has no hint");
    (error.to_string(), error.kind())
}

#[test]
fn a_good_folder_is_read_in_number_order() {
    let (_folder, w) = workspace(&[
        ("10_ten.up.sql", "CREATE TABLE ten (a int);"),
        ("9_nine.up.sql", "CREATE TABLE nine (a int);"),
        ("9_nine.down.sql", "DROP TABLE nine;"),
        ("README.md", "not a migration"),
    ]);
    for layout in [Layout::Sqlx, Layout::GolangMigrate] {
        let read = layout.read(&w).unwrap();
        let versions: Vec<_> = read.iter().map(|m| m.version.as_str()).collect();
        assert_eq!(versions, ["9", "10"]);
        assert_eq!(read[0].down_sql.as_deref(), Some("DROP TABLE nine;"));
        assert_eq!(read[1].name, "ten");
    }
}

#[test]
fn who_opens_the_transaction_is_read_from_the_file() {
    let (_folder, w) = workspace(&[
        ("1_a.up.sql", "CREATE TABLE a (b int);"),
        (
            "2_b.up.sql",
            "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON a (b);",
        ),
        ("3_c.up.sql", "BEGIN;\nCREATE TABLE c (b int);\nCOMMIT;"),
        (
            "4_d.up.sql",
            "-- say no-transaction here and nothing happens\nSELECT 1;",
        ),
    ]);
    let read = Layout::Sqlx.read(&w).unwrap();
    let transactions: Vec<_> = read.iter().map(|m| m.transaction).collect();
    use Transactional::{No, Yes};
    assert_eq!(transactions, [Yes, No, No, Yes]);
}

#[test]
fn each_bad_folder_gives_one_clear_error() {
    let (text, kind) = refused(&[("1_a.up.sql", "SELECT 1;"), ("01_b.up.sql", "SELECT 2;")]);
    assert_eq!(kind, ErrorKind::Workspace);
    assert!(text.contains("version 1 is also that of"), "{text}");

    let (text, _) = refused(&[("x_a.up.sql", "SELECT 1;")]);
    assert!(text.contains("x_a.up.sql"), "{text}");

    let (text, _) = refused(&[("1_a.up.sql", "  \n")]);
    assert!(text.contains("it is empty"), "{text}");

    let (text, _) = refused(&[("1_a.down.sql", "DROP TABLE a;")]);
    assert!(text.contains("no up file"), "{text}");

    let missing = Layout::Sqlx
        .read(&Workspace::new("/nowhere/at/all"))
        .unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Workspace);
}

#[test]
fn a_file_that_is_not_utf8_says_where() {
    let (folder, w) = workspace(&[]);
    std::fs::write(
        folder.path().join("1_a.up.sql"),
        b"SELECT 1;\nSELECT '\xff';\n",
    )
    .unwrap();
    let error = Layout::Sqlx.read(&w).unwrap_err();
    assert_eq!(error.position(), Some((2, 9)));
    assert!(error.to_string().contains("not UTF-8"));
}

#[test]
fn all_problems_are_told_at_once() {
    let (_folder, w) = workspace(&[
        ("1_a.up.sql", ""),
        ("x_b.up.sql", "SELECT 1;"),
        ("2_c.up.sql", ""),
    ]);
    let error = Layout::Sqlx.read(&w).unwrap_err();
    let all = format!("{error} {}", error.help().unwrap());
    for file in ["1_a.up.sql", "x_b.up.sql", "2_c.up.sql"] {
        assert!(all.contains(file), "{all}");
    }
}

#[test]
fn values_are_lost_unless_the_chain_added_their_column() {
    let assess = |sql: &str| {
        let migration =
            Migration::new("1", "x", "1_x.up.sql", sql).with_down("1_x.down.sql", "SELECT 2");
        let assessment = ripcord_migration_guard::assess(&[migration]).unwrap();
        assessment.losses().count()
    };
    assert_eq!(
        assess("ALTER TABLE t ADD COLUMN c int; UPDATE t SET c = 1;"),
        0
    );
    assert_eq!(
        assess("ALTER TABLE t ADD COLUMN c int; UPDATE t SET c = 1, old = NULL;"),
        1
    );
    assert_eq!(assess("UPDATE t SET old = NULL WHERE id < 5;"), 1);
}
