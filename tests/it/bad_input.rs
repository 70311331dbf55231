//! Whatever is wrong with what a person wrote: one clear line with a hint, exit 2, nothing touched. Standard output stays
//! empty, or with `--json` is one document that says the same.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::{Call, Pg, Site};

struct Case {
    name: &'static str,
    spoil: fn(&Site),
    words: &'static [&'static str],
}

const DEPLOY: &[&str] = &["deploy", "v2"];

fn replace(site: &Site, from: &str, to: &str) {
    assert!(site.config().contains(from), "{from}");
    site.put(&site.config().replacen(from, to, 1));
}

const CASES: &[Case] = &[
    Case {
        name: "unknown key",
        spoil: |s| replace(s, "keep = 2", "kepe = 2"),
        words: DEPLOY,
    },
    Case {
        name: "unknown key in the second check",
        spoil: |s| replace(s, "run = [\"sh\"", "timeuot = \"3s\"\nrun = [\"sh\""),
        words: DEPLOY,
    },
    Case {
        name: "unknown key in the overlay of another environment",
        spoil: |s| {
            s.add("[environment.production]\n[environment.staging.gate.post]\natempts = 3\n")
        },
        words: DEPLOY,
    },
    Case {
        name: "unknown table",
        spoil: |s| s.add("[databse]\nkind = \"postgres\"\n"),
        words: DEPLOY,
    },
    Case {
        name: "wrong type",
        spoil: |s| replace(s, "keep = 2", "keep = \"two\""),
        words: DEPLOY,
    },
    Case {
        name: "a number out of range",
        spoil: |s| replace(s, "keep = 2", "keep = -2"),
        words: DEPLOY,
    },
    Case {
        name: "bad duration",
        spoil: |s| replace(s, "bake = \"60ms\"", "bake = \"60\""),
        words: DEPLOY,
    },
    Case {
        name: "not TOML",
        spoil: |s| replace(s, "keep = 2", "keep = = 2"),
        words: DEPLOY,
    },
    Case {
        name: "a version of the configuration that is not known",
        spoil: |s| replace(s, "version = 1", "version = 2"),
        words: DEPLOY,
    },
    Case {
        name: "missing environment variable",
        spoil: |s| s.add("[database]\nkind = \"postgres\"\nurl_env = \"NO_SUCH_VARIABLE\"\n"),
        words: DEPLOY,
    },
    Case {
        name: "missing secret file",
        spoil: |s| s.add("[database]\nkind = \"postgres\"\nurl_file = \"no/such/file\"\n"),
        words: DEPLOY,
    },
    Case {
        name: "password in a plain url",
        spoil: |s| {
            s.add("[database]\nkind = \"postgres\"\nurl = \"postgres://shop:h4nd-t0-n0b0dy@db/shop\"\n")
        },
        words: DEPLOY,
    },
    Case {
        name: "connection string that cannot be",
        spoil: |s| {
            s.add("[database]\nkind = \"postgres\"\nurl = \"postgres://shop@db/shop?sslmode=sometimes\"\n")
        },
        words: DEPLOY,
    },
    Case {
        name: "unreachable database",
        spoil: |s| migration(s, b"CREATE TABLE a (id bigint);\n"),
        words: DEPLOY,
    },
    Case {
        name: "migrations without a database",
        spoil: |s| s.add("[migrations]\nlayout = \"sqlx\"\n"),
        words: DEPLOY,
    },
    Case {
        name: "unknown release",
        spoil: |_| {},
        words: &["deploy", "v99"],
    },
    Case {
        name: "a release's name that leaves the folder",
        spoil: |_| {},
        words: &["deploy", "../../etc"],
    },
    Case {
        name: "releases/<id> removed",
        spoil: |s| fs::remove_dir_all(s.root().join("releases/v2")).unwrap(),
        words: DEPLOY,
    },
    Case {
        name: "releases/<id> is a symlink",
        spoil: |s| {
            fs::rename(s.root().join("releases/v2"), s.folder().join("elsewhere")).unwrap();
            symlink(s.folder().join("elsewhere"), s.root().join("releases/v2")).unwrap();
        },
        words: DEPLOY,
    },
    Case {
        name: "unknown environment",
        spoil: |s| s.add("[environment.production]\n[environment.staging]\n"),
        words: &["deploy", "v2", "--env", "produktion"],
    },
    Case {
        name: "no configuration",
        spoil: |s| fs::remove_file(s.folder().join("ripcord.toml")).unwrap(),
        words: DEPLOY,
    },
    Case {
        name: "configuration is a folder",
        spoil: |_| {},
        words: &["deploy", "v2", "--config", "site"],
    },
    Case {
        name: "configuration is not UTF-8",
        spoil: |s| {
            fs::write(
                s.folder().join("ripcord.toml"),
                b"version = 1\nservice = \"\xff\"\n",
            )
            .unwrap()
        },
        words: DEPLOY,
    },
    Case {
        name: "duplicate check",
        spoil: |s| replace(s, "name = \"file\"", "name = \"web\""),
        words: DEPLOY,
    },
    Case {
        name: "gate names an unknown check",
        spoil: |s| {
            replace(
                s,
                "[gate.pre]\nchecks = [\"web\", \"file\"]",
                "[gate.pre]\nchecks = [\"web\", \"flie\"]",
            )
        },
        words: DEPLOY,
    },
    Case {
        name: "gate that never asks",
        spoil: |s| replace(s, "attempts = 60", "attempts = 0"),
        words: DEPLOY,
    },
    Case {
        name: "no post gate",
        spoil: |s| replace(s, "[gate.post]", "[gate.smoke]"),
        words: DEPLOY,
    },
    Case {
        name: "a backend of another version",
        spoil: |s| replace(s, "backend = \"directory\"", "backend = \"kubernetes\""),
        words: DEPLOY,
    },
    Case {
        name: "SQL that does not parse",
        spoil: |s| migration(s, b"ALTER TABLE orders\n  ADD COLUM note text;\n"),
        words: &["migration", "lint", "--release", "v2"],
    },
    Case {
        name: "non-UTF-8 migration file",
        spoil: |s| migration(s, b"SELECT '\xff';\n"),
        words: &["migration", "lint", "--release", "v2"],
    },
    Case {
        name: "two migrations of one version",
        spoil: |s| {
            migration(s, b"SELECT 1;\n");
            fs::write(
                s.root().join("releases/v2/migrations/0001_other.up.sql"),
                "SELECT 2;\n",
            )
            .unwrap();
        },
        words: &["migration", "lint", "--release", "v2"],
    },
    Case {
        name: "a database without a name",
        spoil: |s| {
            s.add("[database]\nkind = \"postgres\"\nurl = \"postgres://shop@127.0.0.1:1\"\n")
        },
        words: &["backup", "create"],
    },
    Case {
        name: "migrations of a MySQL database",
        spoil: |s| {
            s.add("[database]\nkind = \"mysql\"\nurl = \"mysql://shop@127.0.0.1:1/shop\"\n");
            s.add("[migrations]\nlayout = \"sqlx\"\n[backup]\nstore = \"file://backups\"\n");
        },
        words: DEPLOY,
    },
    Case {
        name: "a MySQL database without a name",
        spoil: |s| {
            s.put(&format!(
                "{}[database]\nkind = \"mysql\"\nurl = \"mysql://shop@127.0.0.1:1/\"\n",
                s.config()
            ));
        },
        words: &["backup", "create"],
    },
    Case {
        name: "a secret key to encrypt to",
        spoil: |s| backup(s, "encrypt_to = [\"AGE-SECRET-KEY-1h4nd-t0-n0b0dy\"]\n"),
        words: &["backup", "create"],
    },
    Case {
        name: "a secret key in place of its file",
        spoil: |s| backup(s, "identity_file = \"AGE-SECRET-KEY-1h4nd-t0-n0b0dy\"\n"),
        words: &["backup", "create"],
    },
    Case {
        name: "backups inside of the releases",
        spoil: |s| {
            symlink("releases", s.root().join("older")).unwrap();
            let root = s.root();
            let store = format!("[backup]\nstore = \"file://{}/older/b\"\n", root.display());
            s.add(&store);
        },
        words: &["backup", "list"],
    },
    Case {
        name: "a part that S3 does not take",
        spoil: |s| s.add("[backup]\nstore = \"s3://bucket\"\n[backup.s3]\npart_size = \"4MiB\"\n"),
        words: &["backup", "list"],
    },
    Case {
        name: "a directory dump without room for it",
        spoil: |s| backup(s, "layout = \"directory\"\n"),
        words: &["backup", "create"],
    },
    Case {
        name: "a layout of migrations that is none",
        spoil: |s| migrations(s, "layout = \"djang\"\n"),
        words: DEPLOY,
    },
    Case {
        name: "a mistyped limit",
        spoil: |s| migrations(s, "layout = \"sqlx\"\nlock_timout = \"5s\"\n"),
        words: DEPLOY,
    },
    Case {
        name: "a limit that the server cannot be told",
        spoil: |s| migrations(s, "layout = \"sqlx\"\nstatement_timeout = \"600h\"\n"),
        words: DEPLOY,
    },
    Case {
        name: "no attempt at all",
        spoil: |s| migrations(s, "layout = \"sqlx\"\nattempts = 0\n"),
        words: DEPLOY,
    },
    Case {
        name: "a Python for files of SQL",
        spoil: |s| migrations(s, "layout = \"sqlx\"\npython = \"python3\"\n"),
        words: DEPLOY,
    },
    Case {
        name: "alembic.ini for Django",
        spoil: |s| migrations(s, "layout = \"django\"\nini = \"alembic.ini\"\n"),
        words: DEPLOY,
    },
    Case {
        name: "a variable for the project that is not set",
        spoil: |s| {
            migrations(
                s,
                "layout = \"django\"\nsecret_env = [\"NO_SUCH_VARIABLE\"]\n",
            )
        },
        words: DEPLOY,
    },
    Case {
        name: "a project outside of the release",
        spoil: |s| migrations(s, "layout = \"alembic\"\npath = \"../x\"\n"),
        words: DEPLOY,
    },
    Case {
        name: "a policy for a rule that is none",
        spoil: |s| policy(s, "[migrations.policy.rules]\ndrop-colum = \"off\"\n"),
        words: DEPLOY,
    },
    Case {
        name: "a level that is none",
        spoil: |s| policy(s, "[migrations.policy.rules]\ndrop-column = \"of\"\n"),
        words: DEPLOY,
    },
    Case {
        name: "an exception without a reason",
        spoil: |s| {
            policy(
                s,
                "[[migrations.policy.allow]]\nrule = \"drop-column\"\nreason = \" \"\n",
            )
        },
        words: DEPLOY,
    },
    Case {
        name: "an exception until no day",
        spoil: |s| {
            policy(
                s,
                "[[migrations.policy.allow]]\nrule = \"drop-column\"\nreason = \"x\"\nuntil = \"soon\"\n",
            )
        },
        words: DEPLOY,
    },
    Case {
        name: "a mistyped key of an exception",
        spoil: |s| {
            policy(
                s,
                "[[migrations.policy.allow]]\nrule = \"drop-column\"\nreason = \"x\"\ntabel = \"orders\"\n",
            )
        },
        words: DEPLOY,
    },
    Case {
        name: "a policy in a file that is not there",
        spoil: |s| migrations(s, "layout = \"sqlx\"\npolicy = \"no/such.toml\"\n"),
        words: DEPLOY,
    },
    Case {
        name: "a mistake in the policy's own file",
        spoil: |s| {
            fs::write(s.folder().join("guard.toml"), "[rules]\n\n[overide]\n").unwrap();
            migrations(s, "layout = \"sqlx\"\npolicy = \"guard.toml\"\n");
        },
        words: DEPLOY,
    },
    Case {
        name: "a layout that is none",
        spoil: |s| backup(s, "layout = \"directroy\"\nstaging = \"staging\"\n"),
        words: &["backup", "create"],
    },
];

fn backup(site: &Site, more: &str) {
    site.add("[database]\nkind = \"postgres\"\nurl = \"postgres://shop@127.0.0.1:1/shop\"\n");
    site.add(&format!("[backup]\nstore = \"file://backups\"\n{more}"));
}

fn migrations(site: &Site, keys: &str) {
    site.add("[database]\nkind = \"postgres\"\nurl = \"postgres://shop@127.0.0.1:1/shop\"\n");
    site.add(&format!(
        "[backup]\nstore = \"file://backups\"\n[migrations]\n{keys}"
    ));
}

fn policy(site: &Site, tables: &str) {
    migrations(site, &format!("layout = \"sqlx\"\n{tables}"));
}

fn migration(site: &Site, sql: &[u8]) {
    let folder = site.root().join("releases/v2/migrations");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("0001_first.up.sql"), sql).unwrap();
    site.add("[database]\nkind = \"postgres\"\nurl = \"postgres://shop@127.0.0.1:1/shop\"\n");
    site.add("[migrations]\nlayout = \"sqlx\"\n[backup]\nstore = \"file://backups\"\n");
}

#[test]
fn one_line_exit_2_nothing_touched() {
    let mut told = String::new();
    for case in CASES {
        let site = Site::new();
        (case.spoil)(&site);
        let line = refused(&site, case.name, case.words, &|call| call);
        told.push_str(&format!("{}\n  {line}\n", case.name));
    }
    insta::assert_snapshot!(told);
}

/// Refused, as text and with `--json`, with the same one line; nothing touched. The line, without what changes.
fn refused(site: &Site, name: &str, words: &[&str], around: &dyn Fn(Call) -> Call) -> String {
    let before = everything_in(site.folder());
    let serving = site.serving();
    let pids: Vec<i32> = site.service().iter().map(|p| p.pid).collect();
    let plain = around(site.call(words)).run();
    let json = around(site.call(&[words, &["--json"]].concat())).run();
    for said in [&plain, &json] {
        assert_eq!(said.code, Some(2), "{name}: {said:?}");
        assert_eq!(said.stderr.lines().count(), 1, "{name}: {said:?}");
        assert!(
            !format!("{said:?}").contains("h4nd-t0-n0b0dy"),
            "{name}: {said:?}"
        );
    }
    assert_eq!(plain.stdout, "", "{name}: {plain:?}");
    let document = json.json();
    assert_eq!(
        (&document["schema"], &document["outcome"]),
        (&1.into(), &"usage".into()),
        "{name}"
    );
    let reason = document["reasons"][0].as_str().unwrap();
    assert_eq!(json.stderr, format!("error: {reason}\n"), "{name}");
    assert_eq!(plain.stderr, json.stderr, "{name}");
    assert_eq!(
        everything_in(site.folder()),
        before,
        "{name}: no file was made or changed"
    );
    assert_eq!(site.serving(), serving, "{name}");
    let now: Vec<i32> = site.service().iter().map(|p| p.pid).collect();
    assert_eq!(now, pids, "{name}: the service was left alone");
    plain
        .stderr
        .trim_end()
        .replace(&*site.folder().to_string_lossy(), "FOLDER")
}

/// Every path with its content's length.
fn everything_in(folder: &Path) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(next) = todo.pop() {
        for entry in fs::read_dir(next).unwrap().flatten() {
            let meta = entry.metadata().unwrap();
            if meta.is_dir() {
                todo.push(entry.path());
            }
            let size = if meta.is_file() { meta.len() } else { 0 };
            found.push((entry.path().display().to_string(), size));
        }
    }
    found.sort();
    found
}

#[test]
fn a_journal_from_a_newer_version_is_left_alone() {
    let site = Site::new();
    assert_eq!(site.run(&["deploy", "v2"]).code, Some(0));
    let journal = rusqlite::Connection::open(site.journal()).unwrap();
    journal.pragma_update(None, "user_version", 99).unwrap();
    drop(journal);
    let mut lines = String::new();
    for words in [
        DEPLOY,
        &["resume"],
        &["rollback"],
        &["abort"],
        &["status"],
        &["history"],
        &["plan", "v2"],
    ] {
        let said = site.run(words);
        assert_eq!(
            (said.code, said.stdout.as_str()),
            (Some(2), ""),
            "{words:?}: {said:?}"
        );
        assert_eq!(said.stderr.lines().count(), 1, "{words:?}: {said:?}");
        lines.push_str(
            &said
                .stderr
                .replace(&*site.folder().to_string_lossy(), "FOLDER"),
        );
    }
    insta::assert_snapshot!(lines);
    assert_eq!(site.serving().as_deref(), Some("v2"));
}

#[test]
fn bad_migrations_stop_a_deployment_before_it_begins() {
    let mut lines = String::new();
    let spoiled: [(&str, &[u8]); 2] = [
        (
            "SQL that does not parse",
            b"CREATE TABLE a (id bigint);\nALTER TABLE a\n  ADD COLUM note text;\n",
        ),
        ("non-UTF-8", b"SELECT '\xff';\n"),
    ];
    for (name, sql) in spoiled {
        let Some(pg) = Pg::new() else { return };
        let site = Site::new();
        let folder = site.root().join("releases/v2/migrations");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("0001_first.up.sql"), sql).unwrap();
        site.add("[database]\nkind = \"postgres\"\nurl_env = \"DATABASE_URL\"\n");
        site.add("[migrations]\nlayout = \"sqlx\"\n[backup]\nstore = \"file://backups\"\n");
        let url = pg.url.clone();
        for words in [DEPLOY, &["plan", "v2"]] {
            let line = refused(&site, name, words, &|call| call.env("DATABASE_URL", &url));
            lines.push_str(&line);
            lines.push('\n');
        }
        let tables =
            "SELECT count(*)::text FROM pg_class WHERE relnamespace = 'public'::regnamespace";
        assert_eq!(pg.sql(tables), ["0"], "{name}");
    }
    insta::assert_snapshot!(lines);
}

/// An overlay can take a check away again, and then its missing variable does not matter.
#[test]
fn an_overlay_removes_what_an_environment_does_not_have() {
    let site = Site::new();
    site.add("[[check]]\nname = \"queue\"\nkind = \"redis\"\nurl_env = \"NO_SUCH_VARIABLE\"\n");
    site.add("[[environment.production.check]]\nname = \"queue\"\nremove = true\n");
    site.add("[environment.staging]\n");
    let said = site.run(&["check", "--json"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(!said.stdout.contains("queue"), "{said:?}");
    let staging = site.run(&["check", "--env", "staging"]);
    assert_eq!(staging.code, Some(2), "{staging:?}");
    assert!(staging.stderr.contains("NO_SUCH_VARIABLE"), "{staging:?}");
}
