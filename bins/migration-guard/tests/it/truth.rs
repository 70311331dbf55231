//! What is told is what is there: exit codes, documents, and what a killed process leaves.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::signals::Scratch;
use crate::{folder, guard, text};

fn json(out: &str) -> serde_json::Value {
    serde_json::from_str(out.trim()).unwrap_or_else(|_| panic!("no document: {out}"))
}

#[test]
fn a_layout_in_doubt_is_told_by_the_database_or_refused() {
    let Some(scratch) = Scratch::new("doubt") else {
        return;
    };
    let here = folder(&[
        ("1_init.up.sql", "CREATE TABLE old (a int);"),
        ("2_ix.up.sql", "CREATE INDEX ix ON old (a);"),
    ]);
    let unsaid = |args: &[&str]| {
        let args = [args, &["--path", "."]].concat();
        let done = guard(&args, here.path(), &[("DATABASE_URL", scratch.url())]);
        (done.status.code(), text(&done.stdout), text(&done.stderr))
    };
    for args in [
        &["run"][..],
        &["revert", "--to", "none"],
        &["resolve", "--version", "1"],
    ] {
        let (code, out, err) = unsaid(args);
        assert_eq!(code, Some(2), "{args:?} {out} {err}");
        assert!(err.contains("could be sqlx or golang-migrate"), "{err}");
        assert!(err.contains("help: name it with --layout"), "{err}");
    }
    let golang = [
        "run",
        "--path",
        ".",
        "--layout",
        "golang-migrate",
        "--to",
        "1",
    ];
    let environment = [("DATABASE_URL", scratch.url())];
    let done = guard(&golang, here.path(), &environment);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let (code, out, err) = unsaid(&["status"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("layout golang-migrate: its table"), "{err}");
    assert_eq!(out, "applied  1  init\npending  2  ix\n");
    let (code, out, _) = scratch.run(&["status"], here.path());
    assert_eq!(code, Some(3), "{out}");
    assert!(
        out.contains("golang-migrate's table schema_migrations records it"),
        "{out}"
    );
    let (code, _, err) = scratch.run(&["run"], here.path());
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("--allow-unrecorded"), "{err}");
    let (code, _, err) = unsaid(&["run"]);
    assert_eq!(code, Some(0), "{err}");
}

#[test]
fn exit_codes_say_whether_something_was_touched() {
    let Some(scratch) = Scratch::new("codes") else {
        return;
    };
    let here = folder(&[
        ("1_a.up.sql", "CREATE TABLE a (b int);"),
        ("2_b.up.sql", "BEGIN; CREATE TABLE b (c int);"),
    ]);
    // Before it, something was applied.
    let (code, out, err) = scratch.run(&["run"], here.path());
    assert_eq!(code, Some(1), "{err}");
    assert!(
        out.contains("applied  1") && out.contains("state  2  not applied"),
        "{out}"
    );
    // The same alone is a mistake in the file.
    let (code, out, err) = scratch.run(&["run", "--json"], here.path());
    assert_eq!(code, Some(2), "{err}");
    assert!(
        err.contains("2_b.up.sql:1:1: the transaction that begins there"),
        "{err}"
    );
    assert_eq!(json(&out)["failed"]["version"], "2");
    let url = ("DATABASE_URL", "postgres://u@127.0.0.1:1/db");
    let args = ["status", "--json", "--path", ".", "--layout", "sqlx"];
    let done = guard(&args, here.path(), &[url]);
    assert_eq!(done.status.code(), Some(2));
    let document = json(&text(&done.stdout));
    assert_eq!(document["error"]["kind"], "connection", "{document}");
    let absent = ["status", "--json", "--path", "absent", "--layout", "sqlx"];
    let done = guard(&absent, here.path(), &[url]);
    let said = text(&done.stderr);
    assert_eq!(done.status.code(), Some(2));
    assert_eq!(said.matches("os error").count(), 1, "{said}");
    assert!(json(&text(&done.stdout))["error"]["help"].is_string());
}

#[test]
fn a_person_settles_what_nobody_else_can_tell() {
    let Some(scratch) = Scratch::new("settle") else {
        return;
    };
    let here = folder(&[(
        "1_a.up.sql",
        "-- no-transaction\nCREATE TABLE a (b int);\nINSERT INTO a VALUES (1);\n\
         INSERT INTO a SELECT 1 / 0;",
    )]);
    let (code, out, err) = scratch.run(&["run"], here.path());
    assert_eq!(code, Some(1), "{err}");
    assert!(out.contains("--as applied --reason TEXT"), "{out}");
    let resolve = ["resolve", "--version", "1"];
    let (code, out, err) = scratch.run(&resolve, here.path());
    assert_eq!(code, Some(3), "{err}");
    for line in [
        "mark   _sqlx_migrations, where version = 1 AND NOT success",
        "line 2  done: CREATE TABLE a (b int)",
        "line 3  cannot be told: INSERT INTO a VALUES (1)",
    ] {
        assert!(out.contains(line), "{out}");
    }
    let (code, _, err) = scratch.run(&["run"], here.path());
    assert_eq!(code, Some(3), "{err}");
    assert!(
        err.contains("`migration-guard resolve --version 1`"),
        "{err}"
    );
    let settle = [&resolve[..], &["--as", "applied"]].concat();
    assert_eq!(
        scratch.run(&settle, here.path()).0,
        Some(2),
        "a reason is asked for"
    );
    let settle = [&settle[..], &["--reason", "counted the rows"]].concat();
    let (code, out, err) = scratch.run(&settle, here.path());
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(out, "state  1  applied\nreason  1  counted the rows\n");
    assert_eq!(scratch.run(&["status"], here.path()).0, Some(0));
}

#[test]
fn ways_back_that_are_nowhere_are_a_mistake() {
    let Some(scratch) = Scratch::new("nowhere") else {
        return;
    };
    let here = folder(&[("1_a.up.sql", "CREATE TABLE a (b int);")]);
    for wrong in ["absent.jsonl", "/dev/full"] {
        let (code, _, err) = scratch.run(&["status", "--ways-back", wrong], here.path());
        assert_eq!(code, Some(2), "{err}");
        assert!(err.contains(wrong), "{err}");
    }
}

const SLEEPS: &str = "SELECT EXISTS (SELECT FROM pg_stat_activity
    WHERE wait_event = 'PgSleep' AND datname = current_database())";

/// Which Python has Django, if any.
fn python() -> Option<String> {
    let python = std::env::var("RIPCORD_TEST_PYTHON").ok();
    let required = std::env::var("RIPCORD_REQUIRE_SERVICES").is_ok_and(|v| v == "1");
    assert!(
        python.is_some() || !required,
        "RIPCORD_TEST_PYTHON is not set"
    );
    if python.is_none() {
        eprintln!("SKIPPED: RIPCORD_TEST_PYTHON is not set");
    }
    python
}

/// A Django project whose settings, or whose second migration, take their time.
fn project(settings: &str, slow: &str) -> tempfile::TempDir {
    let here = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let file = here.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    put(
        "manage.py",
        "import os, sys\nos.environ['DJANGO_SETTINGS_MODULE'] = 'settings'\n\
         from django.core.management import execute_from_command_line\n\
         if __name__ == '__main__':\n    execute_from_command_line(sys.argv)\n",
    );
    put(
        "settings.py",
        &format!(
            "import os, urllib.parse\nu = urllib.parse.urlparse(os.environ['DATABASE_URL'])\n\
             SECRET_KEY = 'x'\nINSTALLED_APPS = ['app']\n\
             DATABASES = {{'default': {{'ENGINE': 'django.db.backends.postgresql', 'NAME': u.path[1:],\n\
             'USER': u.username, 'PASSWORD': u.password or '', 'HOST': u.hostname, 'PORT': u.port}}}}\n\
             {settings}\n"
        ),
    );
    put("app/__init__.py", "");
    put("app/migrations/__init__.py", "");
    put(
        "app/migrations/0001_slow.py",
        &format!(
            "from django.db import migrations\nclass Migration(migrations.Migration):\n    \
             operations = [migrations.RunSQL({slow:?})]\n"
        ),
    );
    here
}

struct Started(std::process::Child);

impl Started {
    fn new(args: &[&str], here: &Path, url: &str, python: &str) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_migration-guard"))
            .args(args)
            .args(["--layout", "django", "--path", ".", "--python", python])
            .current_dir(here)
            .env("DATABASE_URL", url)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    fn signal(&mut self, name: &str) {
        let pid = self.0.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
        self.0.wait().unwrap();
    }
}

/// Asks until it is so.
fn until(what: &str, so: impl Fn() -> bool) {
    for _ in 0..3000 {
        if so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("never came true: {what}");
}

#[test]
fn a_killed_process_leaves_no_child() {
    let (Some(scratch), Some(python)) = (Scratch::new("child"), python()) else {
        return;
    };
    for signal in ["TERM", "KILL"] {
        let here = project(
            "open('pid', 'w').write(str(os.getpid()))\nimport time; time.sleep(600)",
            "SELECT 1",
        );
        let mut started = Started::new(&["status"], here.path(), scratch.url(), &python);
        let pid = || std::fs::read_to_string(here.path().join("pid")).unwrap_or_default();
        until("its child runs", || !pid().is_empty());
        started.signal(signal);
        let stat = format!("/proc/{}/stat", pid());
        until("its child is gone", || {
            std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "))
        });
    }
}

#[test]
fn a_framework_that_is_at_work_is_told() {
    let (Some(scratch), Some(python)) = (Scratch::new("at_work"), python()) else {
        return;
    };
    let here = project("", "CREATE TABLE slow (i int); SELECT pg_sleep(600)");
    let status = || {
        let args = [
            "status", "--layout", "django", "--path", ".", "--python", &python,
        ];
        let done = guard(&args, here.path(), &[("DATABASE_URL", scratch.url())]);
        (done.status.code(), text(&done.stdout) + &text(&done.stderr))
    };
    let mut started = Started::new(&["run"], here.path(), scratch.url(), &python);
    until("it sleeps", || scratch.truth(SLEEPS));
    let (code, said) = status();
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("problem  a run is under way"), "{said}");
    started.signal("KILL");
    let (code, said) = status();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("pending  app.0001_slow"), "{said}");
    // Nothing commits after it was told.
    assert!(!scratch.truth(SLEEPS));
}
