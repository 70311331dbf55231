//! `analyse`, `snapshot` and `lint --schema` against a database of their own.

use crate::{folder, guard, server, swap, text};

const SCHEMA: &str = "CREATE TABLE t (id bigint PRIMARY KEY, a text);
    INSERT INTO t VALUES (1, 'x'), (2, NULL); CREATE INDEX t_a ON t (a);";

#[test]
fn a_live_database_is_asked_and_its_shape_kept() {
    let Some(server) = server() else {
        return;
    };
    let name = format!("mg_cli_live_{}", std::process::id());
    let url = match server.split_once('?') {
        Some((base, rest)) => format!("{}?{rest}", swap(base, &name)),
        None => swap(&server, &name),
    };
    let here = folder(&[
        ("1_a.up.sql", SCHEMA),
        ("2_b.up.sql", "ALTER TABLE t ALTER COLUMN a SET NOT NULL;"),
    ]);
    let run = |args: &[&str], url: &str| {
        let all: Vec<&str> = args.iter().chain(&["--layout", "sqlx"]).copied().collect();
        let out = guard(&all, here.path(), &[("DATABASE_URL", url)]);
        (out.status.code(), text(&out.stdout) + &text(&out.stderr))
    };
    let once = |sql: &str| {
        let one = folder(&[("1_once.up.sql", sql)]);
        let joint = if server.contains('?') { '&' } else { '?' };
        let admin = format!("{server}{joint}options=-csearch_path%3Dpg_temp");
        let args = ["run", "--path", ".", "--layout", "sqlx"];
        let done = guard(&args, one.path(), &[("DATABASE_URL", &admin)]);
        assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    };
    once(&format!("-- no-transaction\nCREATE DATABASE {name};"));
    assert_eq!(run(&["run", "--path", ".", "--to", "1"], &url).0, Some(0));

    let (code, said) = run(&["analyse", "--path", "."], &url);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("pending   2  b"), "{said}");
    let blocks = "BLOCKS    a of t has no nulls? no, 1 rows are in the way (./2_b.up.sql:1)";
    assert!(said.contains(blocks), "{said}");
    assert!(
        said.contains("SELECT count(*) FROM ONLY \"public\".\"t\" WHERE \"a\" IS NULL"),
        "{said}"
    );
    let (code, said) = run(&["analyse", "--path", ".", "--json"], &url);
    assert_eq!(code, Some(3));
    let start = said.find('{').unwrap();
    let json: serde_json::Value =
        serde_json::from_str(said[start..].lines().next().unwrap()).unwrap();
    let check = &json["analysis"]["prechecks"][0];
    assert_eq!(
        (&json["blocks"], &check["kind"]),
        (&true.into(), &"nulls".into())
    );
    assert_eq!(
        check["outcome"],
        serde_json::json!({ "is": "offending", "rows": 1, "at_least": false })
    );

    // The shape of the database stands in for it, and says what was applied to it.
    let (code, said) = run(&["snapshot", "--path", ".", "--out", "schema.json"], &url);
    assert_eq!(code, Some(0), "{said}");
    std::fs::write(
        here.path().join("2_b.up.sql"),
        "CREATE INDEX t_again ON t (a);",
    )
    .unwrap();
    let lint = |args: &[&str]| {
        let args: Vec<&str> = ["lint", "--level", "info"]
            .iter()
            .chain(args)
            .copied()
            .collect();
        let out = guard(&args, here.path(), &[]);
        (out.status.code(), text(&out.stdout) + &text(&out.stderr))
    };
    for folder in [&["--layout", "sqlx", "."][..], &["."]] {
        let (code, said) = lint(&[&["--schema", "schema.json"], folder].concat());
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("covered twice, see index t_a"), "{said}");
        assert!(said.contains("1 of 1 statements analysed"), "{said}");
    }
    assert!(!lint(&["2_b.up.sql"]).1.contains("covered twice"));
    std::fs::write(here.path().join("schema.json"), "{\"schema\": 7}").unwrap();
    let (code, said) = lint(&["--schema", "schema.json", "."]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("its format is 7, not 1"), "{said}");

    // Nothing pending that could be in the way.
    std::fs::remove_file(here.path().join("2_b.up.sql")).unwrap();
    let (code, said) = run(&["analyse", "--path", "."], &url);
    assert_eq!(code, Some(0), "{said}");
    once(&format!(
        "-- no-transaction\nDROP DATABASE {name} WITH (FORCE);"
    ));
}
