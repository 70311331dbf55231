use ripcord_migration_guard::{ErrorKind, Layout, Migration, Transactional, Workspace};

use crate::server::workspace;

/// A folder with files in folders; the first problem, told with its place and its help.
fn problem(layout: Layout, files: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let error = layout.read(&Workspace::new(folder.path())).unwrap_err();
    assert!(
        error.help().is_some_and(|h| !h.is_empty()),
        "{error} has no help"
    );
    error.to_string()
}

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

#[test]
fn each_layout_refuses_what_its_tool_would_not_take() {
    let sql = "SELECT 1;\n";
    let up = "-- migrate:up\nSELECT 1;\n";
    let goose = "-- +goose Up\nSELECT 1;\n";
    let both = "-- migrate:up\nSELECT 1;\n-- migrate:down\n";
    type Files<'a> = &'a [(&'a str, &'a str)];
    let cases: &[(Layout, Files<'_>, &str)] = &[
        (
            Layout::Dbmate,
            &[("1_a.sql", sql)],
            "1_a.sql:1:1: a statement stands before",
        ),
        (
            Layout::Dbmate,
            &[("1_a.sql", "-- nothing\n")],
            "it has no `-- migrate:up`",
        ),
        (
            Layout::Dbmate,
            &[("1_a.sql", up)],
            "1_a.sql:2:1: it has no `-- migrate:down`",
        ),
        (
            Layout::Dbmate,
            &[("1_a.sql", "-- migrate:down\n")],
            ":1:1: `-- migrate:down` comes before",
        ),
        (
            Layout::Dbmate,
            &[("1_a.sql", &format!("{both}{up}"))],
            ":5:1: it has no `-- migrate:down`",
        ),
        (
            Layout::Dbmate,
            &[("a.sql", up)],
            "does not begin with a number",
        ),
        (
            Layout::Dbmate,
            &[("1_a.sql", both), ("1_b.sql", both)],
            "version 1 is also that of 1_a.sql",
        ),
        (
            Layout::Dbmate,
            &[("1_a.sql", "\u{feff}-- migrate:up\n-- migrate:down\n")],
            "byte order mark",
        ),
        (
            Layout::Goose,
            &[("1_a.sql", "\u{feff}-- +goose Up\n")],
            "byte order mark",
        ),
        (
            Layout::Goose,
            &[("1_a.sql", sql)],
            ":1:1: a statement stands before",
        ),
        (
            Layout::Goose,
            &[("1_a.sql", "\n")],
            "it has no `-- +goose Up`",
        ),
        (
            Layout::Goose,
            &[("1_a.sql", &format!("{goose}{goose}"))],
            ":3:1: `-- +goose Up` comes again",
        ),
        (
            Layout::Goose,
            &[("1_a.sql", &format!("{goose}-- +goose StatementBegin\n"))],
            "StatementEnd` is missing",
        ),
        (
            Layout::Goose,
            &[("1_a.sql", &format!("{goose}-- +goose Sideways\n"))],
            ":3:1: goose knows no such",
        ),
        (
            Layout::Goose,
            &[("1_a.sql", &format!("-- +goose ENVSUB ON\n{goose}"))],
            ":1:1: it takes variables from",
        ),
        (Layout::Goose, &[("2_a.go", "package a")], "it is Go"),
        (
            Layout::Goose,
            &[("1_a.sql", goose), ("01_b.sql", goose)],
            "version 1 is also",
        ),
        (
            Layout::Refinery,
            &[("V1_a.sql", sql)],
            "no __ behind the number",
        ),
        (
            Layout::Refinery,
            &[("V1.2__a.sql", sql)],
            "not a whole number",
        ),
        (Layout::Refinery, &[("V1__a.rs", sql)], "it is Rust"),
        (
            Layout::Refinery,
            &[("V1__a.sql", sql), ("b/V1__b.sql", sql)],
            "version 1 is also",
        ),
        (Layout::Diesel, &[("1_a/down.sql", sql)], "has no up.sql"),
        (Layout::Diesel, &[("1_a/up.sql", "")], "it is empty"),
        (
            Layout::Diesel,
            &[("2024-1_a/up.sql", sql), ("20241_b/up.sql", sql)],
            "version 20241 is also",
        ),
        (
            Layout::Diesel,
            &[
                ("1_a/up.sql", sql),
                ("1_a/metadata.toml", "run_in_transaction = 0"),
            ],
            "metadata.toml:1:1: `run_in_transaction` is neither",
        ),
        (
            Layout::Flyway,
            &[("V1__a.sql", sql), ("V1.0__b.sql", sql)],
            "version 1 is also",
        ),
        (Layout::Flyway, &[("U2__a.sql", sql)], "it undoes version 2"),
        (
            Layout::Flyway,
            &[("V1-2__a.sql", sql)],
            "its version is not numbers",
        ),
        (
            Layout::Flyway,
            &[("R1__a.sql", sql)],
            "what repeats has no version",
        ),
        (
            Layout::Flyway,
            &[("V1__a.java", "class A {}")],
            "it is code",
        ),
        (
            Layout::Flyway,
            &[("V1__a.sql", "SELECT 1;\nGRANT x TO ${user};")],
            ":2:12: only Flyway knows what it puts in the place of ${user}",
        ),
        (
            Layout::Flyway,
            &[
                ("V1__a.sql", sql),
                ("V1__a.sql.conf", "executeInTransaction=maybe"),
            ],
            ".conf:1:1: the value is neither",
        ),
        (
            Layout::Prisma,
            &[("1_a/steps.json", "{}")],
            "has no migration.sql",
        ),
        (Layout::Plain, &[("a.SQL", sql)], "in small letters"),
        (Layout::Plain, &[("a.down.sql", sql)], "no up file"),
        (
            Layout::Rails,
            &[("20240101000000_a.rb", "class A")],
            "it is Ruby",
        ),
    ];
    for (layout, files, want) in cases {
        let said = problem(*layout, files);
        assert!(
            said.contains(want),
            "{layout}: {said}\n  should contain {want}"
        );
    }
}

#[test]
fn sections_keep_the_lines_of_their_file() {
    let (_folder, w) = workspace(&[(
        "1_a.sql",
        "-- migrate:up transaction:false\r\nSELECT 1;\r\n\r\n-- migrate:down\r\nSELECT 2;\r\n",
    )]);
    let migration = Layout::Dbmate.read(&w).unwrap().remove(0);
    assert_eq!(
        migration.up_sql,
        "-- migrate:up transaction:false\r\nSELECT 1;\r\n\r\n\r\n\r\n"
    );
    assert_eq!(
        migration.down_sql.as_deref(),
        Some("\r\n\r\n\r\n-- migrate:down\r\nSELECT 2;\r\n")
    );
    assert_eq!(migration.transaction, Transactional::No);
    assert_eq!(migration.down_transaction, Transactional::Yes);

    let (_folder, w) = workspace(&[(
        "1_a.sql",
        "-- by whom\n-- +goose Up\n-- +goose StatementBegin\nCREATE FUNCTION f() RETURNS int AS \
         $$ SELECT 1; $$ LANGUAGE sql;\n-- +goose StatementEnd\nDROP TABEL a;\n-- +goose Down\n\
         SELECT 2;\n",
    )]);
    let migration = Layout::Goose.read(&w).unwrap().remove(0);
    let error = ripcord_migration_guard::assess(&[migration]).unwrap_err();
    assert_eq!(error.position().map(|(line, _)| line), Some(6), "{error}");
}

#[test]
fn dbmate_takes_pairs_one_after_the_other() {
    let (_folder, w) = workspace(&[(
        "1_a.sql",
        "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;\n\
         -- migrate:up transaction:false\nSELECT 3;\n-- migrate:down\nSELECT 4;\n",
    )]);
    let migration = Layout::Dbmate.read(&w).unwrap().remove(0);
    assert_eq!(migration.up_sql.matches("SELECT").count(), 2);
    assert!(migration.up_sql.contains("SELECT 3"));
    assert!(migration.down_sql.unwrap().contains("SELECT 4"));
    // One transaction for all is only right where each has one.
    assert_eq!(migration.transaction, Transactional::No);
    assert_eq!(migration.down_transaction, Transactional::Yes);
}

#[test]
fn a_section_without_sql_is_no_way_back() {
    let (_folder, w) = workspace(&[(
        "1_a.sql",
        "-- migrate:up\nCREATE TABLE a (id int);\n-- migrate:down\n",
    )]);
    let pending = Layout::Dbmate.read(&w).unwrap();
    let assessment = ripcord_migration_guard::assess(&pending).unwrap();
    let judged = &assessment.migrations[0];
    assert_eq!(
        judged.reversible,
        ripcord_migration_guard::Reversible::DownEmpty
    );
    let finding = judged
        .findings
        .iter()
        .find(|f| f.rule == "irreversible-no-down");
    assert_eq!(finding.unwrap().line, 3);
}

#[test]
fn folders_are_read_as_deep_as_the_tool_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
    std::fs::write(folder.path().join("a/b/V2__late.sql"), "SELECT 2;").unwrap();
    std::fs::write(folder.path().join("V1__early.sql"), "SELECT 1;").unwrap();
    // Links that lead back up, of which two would lead anywhere in 2^16 ways.
    #[cfg(unix)]
    for link in ["again", "a/again", "a/once_more"] {
        std::os::unix::fs::symlink(folder.path(), folder.path().join(link)).unwrap();
    }
    let w = Workspace::new(folder.path());
    for layout in [Layout::Refinery, Layout::Flyway] {
        let read = layout.read(&w).unwrap();
        let versions: Vec<_> = read.iter().map(|m| m.version.as_str()).collect();
        assert_eq!(versions, ["1", "2"], "{layout}");
    }
}

#[test]
fn flyway_opens_no_transaction_where_every_statement_refuses_one() {
    let (_folder, w) = workspace(&[
        (
            "V1__a.sql",
            "CREATE INDEX CONCURRENTLY i ON a (b);\nVACUUM a;",
        ),
        ("V2__b.sql", "VACUUM a;\nSELECT 1;"),
        ("V3__c.sql", "VACUUM a;"),
        ("V3__c.sql.conf", "# why\nexecuteInTransaction = true\n"),
        ("V4__d.sql", "SELECT '${x}';"),
        ("V4__d.sql.conf", "placeholderReplacement=false"),
        ("V5__e.sql", "\u{feff}SELECT 1;"),
    ]);
    let read = Layout::Flyway.read(&w).unwrap();
    let transactions: Vec<_> = read.iter().map(|m| m.transaction).collect();
    use Transactional::{No, Yes};
    assert_eq!(transactions, [No, Yes, Yes, Yes, Yes]);
    assert_eq!(read[4].up_sql, "SELECT 1;");
}
