//! What a rehearsal cannot reach: production, by whatever way.

use std::collections::BTreeMap;
use std::fs;

use super::Bench;
use super::traces::{assert_nothing_left, dump};
use crate::support::{Project, Said, until};

const TABLES: &str = "[rehearsal]\npg_stat_statements = false\n";
const BASE: &str = "CREATE TABLE orders (id int PRIMARY KEY, item text NOT NULL);
INSERT INTO orders SELECT g, 'item ' || g FROM generate_series(1, 50) g;\n";
const NOTE: &str = "ALTER TABLE orders ADD COLUMN note text;\n";
const NO_NOTE: &str = "ALTER TABLE orders DROP COLUMN note;\n";

/// Refused for this reason with one line about it.
#[track_caller]
fn assert_refused(said: &Said, code: &str) -> String {
    assert_eq!(said.code, Some(3), "{said:?}");
    let json = said.json();
    assert_eq!(json["reason_code"], code, "{said:?}");
    assert_eq!(json["outcome"], "blocked", "{said:?}");
    let reason = json["reason"].as_str().unwrap().to_owned();
    assert!(!reason.is_empty() && !reason.contains('\n'), "{reason:?}");
    reason
}

/// First with settings that lead to production whatever they are told, then with settings that listen.
fn a_project(project: &Project, file: &str, listens: &str, ignores: &str, release: &str) {
    let folder = project.site.folder();
    let parent = folder.join("rehearsal");
    project.expect(&["migration", "run", "--release", "v1"], 0);
    project.expect(&["backup", "create"], 0);
    let before = dump(&project.pg);
    let settings = project.code(release).join(file);
    let good = fs::read_to_string(&settings).unwrap();
    let bad = good.replace(listens, ignores);
    assert_ne!(good, bad);
    fs::write(&settings, bad).unwrap();
    let words = ["--json", "migration", "rehearse", release];
    let said = project.run(&words);
    let reason = assert_refused(&said, "rehearsal_not_isolated");
    assert!(reason.contains("settings"), "{reason}");
    assert_eq!(dump(&project.pg), before);
    assert_nothing_left(folder, &parent);

    fs::write(&settings, good).unwrap();
    let said = project.expect(&words, 0).json();
    assert_eq!(said["class"], "PreserveAndRevert", "{said}");
    assert_eq!(dump(&project.pg), before);
    // That is where it was.
    assert!(parent.is_dir());
    assert_nothing_left(folder, &parent);
}

#[test]
fn a_django_project_that_names_production_itself() {
    let Some(project) = Project::django(&format!("{TABLES}folder = \"rehearsal\"\n")) else {
        return;
    };
    let listens = "os.environ[\"SHOP_DATABASE\"]";
    let ignores = format!("{:?}", project.pg.url);
    a_project(&project, "shop/settings.py", listens, &ignores, "v3");
}

#[test]
fn an_alembic_project_that_names_production_itself() {
    let Some(project) = Project::alembic(&format!("{TABLES}folder = \"rehearsal\"\n")) else {
        return;
    };
    project.site.release("v2", "200");
    project.like("v2", "v1");
    let up = "op.add_column('notes', sa.Column('text', sa.Text))\n    op.alter_column('notes', 'id', new_column_name='key')";
    let down = "op.alter_column('notes', 'key', new_column_name='id')\n    op.drop_column('notes', 'text')";
    project.revision("v2", "b2", "'a1'", up, down);
    let listens = "os.environ['SHOP_DATABASE']";
    let ignores = format!("{:?}", project.pg.url);
    a_project(&project, "history/env.py", listens, &ignores, "v2");
}

#[test]
fn a_release_that_names_production_itself() {
    let tables = format!(
        "[migrations]\nlayout = \"sqlx\"\n{TABLES}probe = [\"sh\", \"probe.sh\"]\n\
         start = [\"sh\", \"start.sh\"]\nsmoke = [\"sh\", \"smoke.sh\"]\n"
    );
    let Some(bench) = Bench::new(BASE, &tables) else {
        return;
    };
    bench.migration("v2", 2, NOTE, Some(NO_NOTE));
    bench.back_up();
    let before = dump(&bench.pg);
    let trace = bench.folder().join("trace");
    // Every script says that it ran; all but the probe would change what they reach.
    let release = |id: &str, first: &str, url: &str| {
        let ran = |what: &str| format!("echo {id} {what} >>{}\n{first}\n", trace.display());
        let ask = |sql: &str| format!("psql -Xq -v ON_ERROR_STOP=1 -c \"{sql}\" \"{url}\"\n");
        bench.file(
            id,
            "probe.sh",
            &(ran("probe") + &ask("SELECT 1 FROM orders")),
        );
        bench.file(id, "start.sh", &(ran("start") + &ask("DELETE FROM orders")));
        bench.file(id, "smoke.sh", &(ran("smoke") + &ask("DELETE FROM orders")));
    };
    let production = &bench.pg.url;
    let env = format!("DATABASE_URL={production}\n");
    bench.file("v1", ".env", &env);
    bench.file("v2", ".env", &env);
    for (old, new, ran) in [
        (
            ("", "$DATABASE_URL"),
            ("", production.as_str()),
            "v1 probe\nv2 probe\n",
        ),
        (
            ("", "$DATABASE_URL"),
            (". ./.env", "$DATABASE_URL"),
            "v1 probe\nv2 probe\n",
        ),
        (
            ("", production.as_str()),
            ("", "$DATABASE_URL"),
            "v1 probe\n",
        ),
    ] {
        release("v1", old.0, old.1);
        release("v2", new.0, new.1);
        fs::write(&trace, "").unwrap();
        let said = bench.run(&["--json", "migration", "rehearse", "v2"]);
        let reason = assert_refused(&said, "rehearsal_not_isolated");
        assert!(reason.contains("`sh probe.sh`"), "{reason}");
        assert!(reason.contains("DATABASE_URL"), "{reason}");
        assert_eq!(fs::read_to_string(&trace).unwrap(), ran, "{said:?}");
        assert_eq!(dump(&bench.pg), before);
        assert_nothing_left(bench.folder(), &bench.folder().join("rehearsal"));
    }
}

/// The environment of every process that descends from this one, and of those that a rehearsal has marked.
fn environments(ancestor: i32) -> BTreeMap<i32, (String, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let pids: Vec<i32> = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    let parent = |pid: i32| -> Option<i32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    for pid in pids {
        let mut above = parent(pid);
        while above.is_some_and(|p| p != ancestor && p > 1) {
            above = above.and_then(parent);
        }
        if above != Some(ancestor) {
            continue;
        }
        let argv = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let argv = String::from_utf8_lossy(&argv).replace('\0', " ");
        if let Ok(environ) = fs::read(format!("/proc/{pid}/environ")) {
            found.insert(pid, (argv, environ));
        }
    }
    found
}

#[test]
fn children_know_nothing_of_production() {
    let tables = format!(
        "[migrations]\nlayout = \"sqlx\"\n{TABLES}probe = [\"sh\", \"-c\", \"psql -Xqc 'SELECT 1' $DATABASE_URL\"]\n\
         smoke = [\"sh\", \"smoke.sh\"]\n"
    );
    let Some(bench) = Bench::new(BASE, &tables) else {
        return;
    };
    bench.migration("v2", 2, NOTE, Some(NO_NOTE));
    let (user_at, database) = bench.pg.url.rsplit_once('/').unwrap();
    let (user, server) = user_at.split_once('@').unwrap();
    let with_password = format!("{user}:s3same@{server}/{database}");
    bench.edit(|text| {
        let url = format!("url = {:?}", bench.pg.url);
        assert!(text.contains(&url));
        text.replace(&url, "url_env = \"SHOP_URL\"")
            .replace("[rehearsal]", "[rehearsal]\nurl_env = [\"DATABASE_URL\"]")
    });
    let home = bench.folder().join("home");
    fs::create_dir(&home).unwrap();
    let (host, port) = server.split_once(':').unwrap();
    let service =
        format!("[production]\nhost={host}\nport={port}\nuser=postgres\ndbname={database}\n");
    fs::write(home.join(".pg_service.conf"), service).unwrap();
    fs::write(home.join(".pgpass"), "*:*:*:*:s3same\n").unwrap();
    // Without a host, a client looks for a server on this machine.
    let smoke = "psql -Xqc 'DELETE FROM orders' service=production >../../../said 2>&1
psql -XAtqc 'SELECT current_database()' >../../../usual 2>&1
psql -Xqc 'UPDATE orders SET item = 1' $DATABASE_URL || exit 1
echo $DATABASE_URL >../../../url.draft && mv ../../../url.draft ../../../url
while [ ! -e ../../../go ]; do sleep 0.05; done
";
    bench.file("v1", "smoke.sh", smoke);
    bench.file("v2", "smoke.sh", "exit 0\n");
    let call = |words: &[&str]| {
        let secrets = [
            ("SHOP_URL", with_password.as_str()),
            ("PGPASSWORD", "s3same"),
            ("SECRET_OF_OURS", "s3same"),
        ];
        let call = bench
            .call(words)
            .env("HOME", &home)
            .env("PGUSER", "postgres");
        secrets
            .into_iter()
            .fold(call, |call, (name, value)| call.env(name, value))
    };
    let made = call(&["backup", "create"]).run();
    assert_eq!(made.code, Some(0), "{made:?}");
    let before = dump(&bench.pg);
    let mut running = call(&["--json", "migration", "rehearse", "v2"]).start();
    let mut seen: BTreeMap<i32, (String, Vec<u8>)> = BTreeMap::new();
    let url = until("the old release's test", || {
        assert!(
            !running.is_over(),
            "it ended without the old release's test"
        );
        seen.extend(environments(running.pid()));
        fs::read_to_string(bench.folder().join("url")).ok()
    });
    seen.extend(environments(running.pid()));
    fs::write(bench.folder().join("go"), "").unwrap();
    let said = running.end();
    assert_eq!(said.code, Some(0), "{said:?}");

    // Our own tools are no code of a release; and between fork and exec a child shows what its parent has.
    let own = ["bin/pg_dump ", "bin/pg_restore ", "ripcord --json"];
    seen.retain(|_, (argv, _)| !own.iter().any(|own| argv.contains(own)));
    let argvs: Vec<&String> = seen.values().map(|(argv, _)| argv).collect();
    for known in ["smoke.sh", "postgres -D", "psql"] {
        assert!(
            argvs.iter().any(|argv| argv.contains(known)),
            "{known}: {argvs:?}"
        );
    }
    for (argv, environ) in seen.values() {
        let vars: Vec<String> = environ
            .split(|b| *b == 0)
            .map(|v| String::from_utf8_lossy(v).into_owned())
            .collect();
        for var in &vars {
            let (name, value) = var.split_once('=').unwrap_or_default();
            let (name, value) = (name.to_owned(), value.to_owned());
            assert!(
                !value.contains("s3same"),
                "{argv}: {name} holds production's password"
            );
            assert!(
                !value.contains(database),
                "{argv}: {name} names production's database"
            );
            assert!(
                name != "SECRET_OF_OURS" && name != "SHOP_URL",
                "{argv}: {name}"
            );
            assert!(
                name != "HOME" || value != home.to_string_lossy(),
                "{argv}: {name}"
            );
            assert!(name != "PGUSER" || value != "postgres", "{argv}: {name}");
        }
    }
    let refused = fs::read_to_string(bench.folder().join("said")).unwrap();
    assert!(refused.contains("service"), "{refused}");
    assert_eq!(dump(&bench.pg), before);

    let usual = fs::read_to_string(bench.folder().join("usual")).unwrap();
    assert!(usual.starts_with("rehearsal_"), "{usual}");

    // What opens the scratch copy opens nothing else.
    let (login, _) = url.trim().rsplit_once('@').unwrap();
    assert!(login.starts_with("postgres://rehearsal_"), "{url}");
    let there = format!("{login}@{server}/{database}?sslmode=disable");
    let done = std::process::Command::new("psql")
        .args(["-Xqc", "SELECT 1", &there])
        .output()
        .unwrap();
    assert!(!done.status.success(), "{done:?}");
    assert!(
        String::from_utf8_lossy(&done.stderr).contains("does not exist"),
        "{done:?}"
    );
}
