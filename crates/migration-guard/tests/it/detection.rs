use ripcord_migration_guard::Layout;

/// The layouts that a project with these files points to; the migrations lie in `migrations`.
fn detected(files: &[(&str, &str)]) -> Vec<Layout> {
    let project = tempfile::tempdir().unwrap();
    let folder = project.path().join("migrations");
    std::fs::create_dir(&folder).unwrap();
    for (file, text) in files {
        let path = project.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let found = Layout::detect(&folder).unwrap();
    assert!(found.iter().all(|(_, why)| !why.is_empty()));
    found.into_iter().map(|(layout, _)| layout).collect()
}

#[test]
fn what_only_one_tool_writes_is_certain() {
    let up = "CREATE TABLE a (id int);";
    let cases: &[(Layout, &[(&str, &str)])] = &[
        (
            Layout::Dbmate,
            &[("migrations/1_a.sql", "--migrate:up\n-- migrate:down\n")],
        ),
        (
            Layout::Goose,
            &[("migrations/1_a.sql", "\n-- +goose Up\nSELECT 1;\n")],
        ),
        (Layout::Diesel, &[("migrations/2024_a/up.sql", up)]),
        (Layout::Prisma, &[("migrations/2024_a/migration.sql", up)]),
        (Layout::Prisma, &[("migrations/migration_lock.toml", "")]),
        (Layout::Flyway, &[("migrations/V1_1__a.sql", up)]),
        (
            Layout::Flyway,
            &[("migrations/V1__a.sql", up), ("migrations/R__v.sql", up)],
        ),
        (
            Layout::Flyway,
            &[("migrations/V1__a.sql", up), ("flyway.toml", "")],
        ),
        (
            Layout::Refinery,
            &[("migrations/V1__a.sql", up), ("Cargo.toml", "")],
        ),
        (
            Layout::Sqlx,
            &[("migrations/1_a.up.sql", up), ("Cargo.toml", "")],
        ),
        (
            Layout::Sqlx,
            &[("migrations/1_a.sql", up), ("Cargo.toml", "")],
        ),
        (
            Layout::GolangMigrate,
            &[("migrations/1_a.up.sql", up), ("go.mod", "")],
        ),
        (
            Layout::Rails,
            &[("migrations/20240101000000_a.sql", up), ("Gemfile", "")],
        ),
        (Layout::Plain, &[("migrations/init.sql", up)]),
    ];
    for (layout, files) in cases {
        assert_eq!(detected(files), [*layout], "{files:?}");
    }
}

#[test]
fn what_two_tools_write_is_left_open() {
    let up = "CREATE TABLE a (id int);";
    assert_eq!(
        detected(&[("migrations/V1__a.sql", up)]),
        [Layout::Flyway, Layout::Refinery]
    );
    assert_eq!(
        detected(&[("migrations/1_a.up.sql", up)]),
        [Layout::Sqlx, Layout::GolangMigrate]
    );
    assert_eq!(
        detected(&[("migrations/1_a.sql", up)]),
        [Layout::Sqlx, Layout::Plain]
    );
    assert_eq!(detected(&[("README.md", "")]), []);
    assert!(Layout::detect(std::path::Path::new("/nowhere/at/all")).is_err());
}
