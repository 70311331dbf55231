//! Real Django and Alembic projects, deployed by `ripcord`: their own code goes forward, and the code of the release that
//! owns a migration takes it back.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Pg, Said, Site, processes, python, tool, until};

/// A site whose releases are projects, with a database of its own.
struct Project {
    site: Site,
    pg: Pg,
    python: String,
}

const SETTINGS: &str = r#"
import os
from urllib.parse import urlsplit

_at = urlsplit(os.environ["SHOP_DATABASE"])
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": _at.path[1:],
    "HOST": _at.hostname, "PORT": _at.port, "USER": _at.username}}
INSTALLED_APPS = ["catalog"]
MIDDLEWARE = []
ROOT_URLCONF = ""
TEMPLATES = []
assert os.environ["COLOUR"] == "green" and "SECRET_OF_OURS" not in os.environ
"#;

const MODELS: &str = "from django.db import models\n\n\nclass Product(models.Model):\n    \
    name = models.CharField(max_length=80)\n";

/// A migration of the app as a developer writes it.
fn step(after: &str, operations: &str) -> String {
    format!(
        "from django.db import connection, migrations, models\n\n\n\
         class Migration(migrations.Migration):\n    dependencies = [('catalog', '{after}')]\n    \
         operations = [{operations}]\n"
    )
}

const PRICE: &str = "migrations.AddField('product', 'price', models.IntegerField(null=True))";
const RENAME: &str = "migrations.RenameField('product', 'name', 'title')";
const SLEEPS: &str = "migrations.AddField('product', 'size', models.IntegerField(null=True)), migrations.RunPython(lambda apps, editor: \
    connection.cursor().execute('SELECT pg_sleep(600)'), migrations.RunPython.noop)";
const ONE_WAY: &str = "migrations.RunPython(lambda apps, editor: None), migrations.RenameField('product', 'price', 'cost')";

impl Project {
    fn new(layout: &str, keys: &str) -> Option<Self> {
        let (pg, python) = (Pg::new()?, python()?);
        let site = Site::new();
        site.add(&format!(
            "[database]\nkind = \"postgres\"\nurl = \"{}\"\n[backup]\nstore = \"file://backups\"\n\
             [rehearsal]\nwhere = \"off\"\n[deploy]\nmax_downtime = \"30s\"\n\
             [migrations]\nlayout = \"{layout}\"\npath = \"code\"\npython = \"{python}\"\n\
             url_env = \"SHOP_DATABASE\"\n{keys}",
            pg.url
        ));
        Some(Self { site, pg, python })
    }

    /// Django's project with one app; v1 has its first migration, v2 adds a column, v3 renames another.
    fn django() -> Option<Self> {
        let project = Self::new("django", "env = [\"COLOUR\"]\n")?;
        let first = project.code("v1");
        fs::create_dir_all(&first).unwrap();
        let python = &project.python;
        tool(
            python,
            &first,
            &["-m", "django", "startproject", "shop", "."],
        );
        tool(python, &first, &["manage.py", "startapp", "catalog"]);
        let settings = first.join("shop/settings.py");
        let text = fs::read_to_string(&settings).unwrap();
        fs::write(&settings, text + SETTINGS).unwrap();
        fs::write(first.join("catalog/models.py"), MODELS).unwrap();
        let made = Command::new(python)
            .args(["manage.py", "makemigrations"])
            .current_dir(&first)
            .envs([
                ("SHOP_DATABASE", "postgres://n@127.0.0.1:1/n"),
                ("COLOUR", "green"),
            ])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        project.like("v2", "v1");
        project.step("v2", "0002_price", &step("0001_initial", PRICE));
        project.like("v3", "v2");
        project.step("v3", "0003_title", &step("0002_price", RENAME));
        Some(project)
    }

    fn code(&self, release: &str) -> std::path::PathBuf {
        self.site.root().join("releases").join(release).join("code")
    }

    /// A release with the code of another one.
    fn like(&self, release: &str, other: &str) {
        copy(&self.code(other), &self.code(release));
    }

    fn step(&self, release: &str, name: &str, text: &str) {
        let folder = self.code(release).join("catalog/migrations");
        fs::write(folder.join(format!("{name}.py")), text).unwrap();
    }

    fn run(&self, words: &[&str]) -> Said {
        self.call(words).run()
    }

    fn call(&self, words: &[&str]) -> crate::support::Call {
        let call = self.site.call(words);
        call.env("COLOUR", "green").env("SECRET_OF_OURS", "x")
    }

    #[track_caller]
    fn expect(&self, words: &[&str], code: i32) -> Said {
        let said = self.run(words);
        assert_eq!(said.code, Some(code), "{words:?}: {said:#?}");
        said
    }

    fn columns(&self) -> String {
        let sql = "SELECT string_agg(column_name, ' ' ORDER BY column_name)
                   FROM information_schema.columns WHERE table_name = 'catalog_product'";
        self.pg.sql(sql).remove(0)
    }

    fn applied(&self) -> Vec<String> {
        self.pg
            .sql("SELECT name FROM django_migrations ORDER BY id")
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let mut copied = Command::new("cp");
    copied.arg("-a").arg(from.join(".")).arg(to);
    assert!(copied.status().unwrap().success());
}

#[test]
fn django_goes_forward_and_back_by_the_code_of_the_release_that_owns_it() {
    let Some(project) = Project::django() else {
        return;
    };
    project.expect(&["migration", "run", "--release", "v1"], 0);
    let status = project.expect(&["migration", "status", "--release", "v2", "--json"], 0);
    let status = status.json();
    assert_eq!(status["applied"][0], "catalog.0001_initial");
    assert_eq!(status["pending"][0]["id"], "catalog.0002_price", "{status}");

    let said = project.expect(&["deploy", "v2", "--json"], 0);
    assert_eq!(said.json()["plan"]["class"], "CodeOnly", "{said:?}");
    assert_eq!(project.columns(), "id name price");
    project
        .pg
        .sql("INSERT INTO catalog_product (name, price) VALUES ('chair', 7)");

    // v3 renames a column, and answers 500: only its own code knows how to take that back.
    let plan = project.expect(&["plan", "v3", "--json"], 0).json();
    assert_eq!(plan["plan"]["class"], "Revert", "{plan}");
    let said = project.expect(&["deploy", "v3", "--json"], 1);
    assert_eq!(said.json()["outcome"], "rolled_back", "{said:?}");
    assert_eq!(project.columns(), "id name price");
    assert_eq!(project.applied(), ["0001_initial", "0002_price"]);
    assert_eq!(
        project.pg.sql("SELECT name FROM catalog_product"),
        ["chair"]
    );
    assert_eq!(project.site.serving().as_deref(), Some("v2"));
}

#[test]
fn a_django_migration_without_a_way_back_is_blocked_and_a_conflict_is_named() {
    let Some(project) = Project::django() else {
        return;
    };
    project.expect(&["migration", "run", "--release", "v2"], 0);
    let before = project.columns();
    project.site.release("v4", "200");
    project.like("v4", "v2");
    project.step("v4", "0003_cost", &step("0002_price", ONE_WAY));
    let said = project.expect(&["deploy", "v4", "--json"], 3);
    assert_eq!(
        said.json()["reason_code"],
        "restore_needs_consent",
        "{said:?}"
    );

    project.step("v4", "0003_title", &step("0002_price", RENAME));
    let said = project.expect(&["deploy", "v4", "--json"], 3);
    assert_eq!(said.json()["reason_code"], "migration_conflict", "{said:?}");
    let check = ["migration", "check", "--release", "v4", "--json"];
    let said = project.expect(&check, 3).json();
    assert_eq!(said["found"][0]["kind"], "merge", "{said}");
    assert!(said["found"].to_string().contains("0003_cost"), "{said}");
    assert_eq!(project.columns(), before);
}

#[test]
fn a_changed_model_without_a_migration_is_found_in_a_checkout() {
    let Some(project) = Project::django() else {
        return;
    };
    let checkout = project.code("v2");
    // The model of v2 does not say what its migration does.
    let words = ["migration", "check", checkout.to_str().unwrap(), "--json"];
    let said = project.expect(&words, 3).json();
    assert_eq!(said["found"][0]["kind"], "migration", "{said}");
    let models = format!("{MODELS}    price = models.IntegerField(null=True)\n");
    fs::write(checkout.join("catalog/models.py"), models).unwrap();
    project.expect(&words, 0);
    let said = project.run(&["migration", "check", "no/such/folder"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{said:?}");
}

#[test]
fn what_a_killed_run_left_of_a_projects_code_is_ended() {
    let Some(project) = Project::django() else {
        return;
    };
    project.expect(&["migration", "run", "--release", "v2"], 0);
    project.site.release("v4", "200");
    project.like("v4", "v2");
    project.step("v4", "0003_slow", &step("0002_price", SLEEPS));
    let children = || {
        let all = processes().into_iter();
        all.filter(|p| {
            p.cwd
                .as_ref()
                .is_some_and(|cwd| cwd.starts_with(project.code("v4")))
                && p.vars.contains_key("RIPCORD_RUN")
        })
        .count()
    };
    let running = project.call(&["deploy", "v4"]).start();
    let slow = "SELECT application_name FROM pg_stat_activity
         WHERE query LIKE '%pg_sleep(600)%' AND state = 'active' AND pid <> pg_backend_pid()";
    until("the slow statement", || project.pg.sql(slow).pop());
    assert!(children() > 0);
    running.kill();
    project.expect(&["resume"], 1);
    assert_eq!(children(), 0);
    until("the end of its session", || {
        project.pg.sql(slow).is_empty().then_some(())
    });
    assert_eq!(project.applied(), ["0001_initial", "0002_price"]);
    assert_eq!(project.site.serving().as_deref(), Some("v1"));
}

const TABLE: &str = "from sqlalchemy import Column, Integer, MetaData, Table\n\nmetadata = MetaData()\n\
    Table('notes', metadata, Column('id', Integer, primary_key=True))\n";

/// A revision's file as a developer writes it.
fn revision(id: &str, after: &str, up: &str, down: &str) -> String {
    format!(
        "\"\"\"the step {id}\"\"\"\nimport sqlalchemy as sa\nfrom alembic import op\n\n\
         revision = '{id}'\ndown_revision = {after}\n\n\n\
         def upgrade():\n    {up}\n\n\ndef downgrade():\n    {down}\n"
    )
}

#[test]
fn alembic_goes_forward_and_back_by_the_code_of_the_release_that_owns_it() {
    let Some(project) = Project::new("alembic", "ini = \"conf/own.ini\"\n") else {
        return;
    };
    let first = project.code("v1");
    fs::create_dir_all(&first).unwrap();
    tool(
        &project.python,
        &first,
        &["-m", "alembic", "init", "history"],
    );
    fs::write(first.join("models.py"), TABLE).unwrap();
    let env = first.join("history/env.py");
    let text = fs::read_to_string(&env).unwrap().replace(
        "target_metadata = None",
        "import os\nimport models\ntarget_metadata = models.metadata\n\
         url = os.environ['SHOP_DATABASE'].replace('postgres:', 'postgresql+psycopg:')\n\
         config.set_main_option('sqlalchemy.url', url)",
    );
    fs::write(env, text).unwrap();
    let write = |release: &str, id: &str, after: &str, up: &str, down: &str| {
        let file = format!("history/versions/{id}_step.py");
        let text = revision(id, after, up, down);
        fs::write(project.code(release).join(file), text).unwrap();
    };
    // The file of settings has another name than the usual one.
    fs::create_dir_all(first.join("conf")).unwrap();
    let ini = fs::read_to_string(first.join("alembic.ini")).unwrap();
    let ini = ini.replace("%(here)s/history", "%(here)s/../history");
    fs::write(
        first.join("conf/own.ini"),
        ini.replace("prepend_sys_path = .", "prepend_sys_path = %(here)s/.."),
    )
    .unwrap();
    fs::remove_file(first.join("alembic.ini")).unwrap();
    let notes = "op.create_table('notes', sa.Column('id', sa.Integer, primary_key=True))";
    write("v1", "a1", "None", notes, "op.drop_table('notes')");
    project.like("v3", "v1");
    let rename = "op.alter_column('notes', 'id', new_column_name='key')";
    let back = "op.alter_column('notes', 'key', new_column_name='id')";
    write("v3", "b2", "'a1'", rename, back);

    let said = project.expect(&["migration", "check", "--release", "v1", "--json"], 5);
    assert!(said.json()["unknown"][0].is_string(), "{said:?}");
    project.expect(&["migration", "run", "--release", "v1"], 0);
    project.expect(&["migration", "check", "--release", "v1"], 0);
    let column = "SELECT column_name FROM information_schema.columns WHERE table_name = 'notes'";
    assert_eq!(project.pg.sql(column), ["id"]);

    let lint = ["migration", "lint", "--release", "v3", "--format", "sarif"];
    let sarif = project.run(&lint).stdout;
    assert!(sarif.contains("b2_step.py"), "{sarif}");
    let said = project.expect(&["deploy", "v3", "--json"], 1);
    assert_eq!(said.json()["outcome"], "rolled_back", "{said:?}");
    assert_eq!(project.pg.sql(column), ["id"]);
    assert_eq!(
        project.pg.sql("SELECT version_num FROM alembic_version"),
        ["a1"]
    );

    write(
        "v3",
        "c3",
        "'a1'",
        "op.add_column('notes', sa.Column('c', sa.Integer))",
        "pass",
    );
    let said = project.expect(&["migration", "check", "--release", "v3", "--json"], 3);
    assert!(said.stdout.contains("b2, c3"), "{said:?}");
    assert!(
        said.json()["found"][0]["help"]
            .as_str()
            .unwrap()
            .contains("merge"),
        "{said:?}"
    );
    let said = project.expect(
        &["migration", "revert", "--release", "v1", "--to", "none"],
        0,
    );
    assert!(said.stdout.contains("reverted: a1"), "{said:?}");
}
