use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Call, Pg, Said, Site, python, tool};

/// A table of configuration: nothing is tried out.
pub(crate) const UNREHEARSED: &str = "[rehearsal]\nwhere = \"off\"\n";

/// A site whose releases are projects, with a database of its own.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) site: Site,
    pub(crate) pg: Pg,
    pub(crate) python: String,
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

pub(crate) const MODELS: &str = "from django.db import models\n\n\nclass Product(models.Model):\n    \
    name = models.CharField(max_length=80)\n";

const TABLE: &str = "from sqlalchemy import Column, Integer, MetaData, Table\n\nmetadata = MetaData()\n\
    Table('notes', metadata, Column('id', Integer, primary_key=True))\n";

/// A migration of the app as a developer writes it.
pub(crate) fn step(after: &str, operations: &str) -> String {
    format!(
        "from django.db import connection, migrations, models\n\n\n\
         class Migration(migrations.Migration):\n    dependencies = [('catalog', '{after}')]\n    \
         operations = [{operations}]\n"
    )
}

const PRICE: &str = "migrations.AddField('product', 'price', models.IntegerField(null=True))";
pub(crate) const RENAME: &str = "migrations.RenameField('product', 'name', 'title')";

impl Project {
    /// With no code in it; `keys` go on in `[migrations]`, and other tables may follow.
    fn new(layout: &str, keys: &str) -> Option<Self> {
        let (pg, python) = (Pg::new()?, python()?);
        let site = Site::new();
        // A scratch server's account has to get there.
        fs::set_permissions(site.folder(), fs::Permissions::from_mode(0o755)).unwrap();
        site.add(&format!(
            "[database]\nkind = \"postgres\"\nurl = \"{}\"\n[backup]\nstore = \"file://backups\"\n\
             [deploy]\nmax_downtime = \"30s\"\n\
             [migrations]\nlayout = \"{layout}\"\npath = \"code\"\npython = \"{python}\"\n\
             url_env = \"SHOP_DATABASE\"\n{keys}",
            pg.url
        ));
        Some(Self { site, pg, python })
    }

    /// Django's project with one app; v1 has its first migration, v2 adds a column, v3 renames another.
    pub(crate) fn django(tables: &str) -> Option<Self> {
        let project = Self::new("django", &format!("env = [\"COLOUR\"]\n{tables}"))?;
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

    /// Alembic's project with one table in v1, whose file of settings has another name than the usual one.
    pub(crate) fn alembic(tables: &str) -> Option<Self> {
        let project = Self::new("alembic", &format!("ini = \"conf/own.ini\"\n{tables}"))?;
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
        project.revision("v1", "a1", "None", notes, "op.drop_table('notes')");
        Some(project)
    }

    /// A revision's file as a developer writes it.
    pub(crate) fn revision(&self, release: &str, id: &str, after: &str, up: &str, down: &str) {
        let file = format!("history/versions/{id}_step.py");
        let text = format!(
            "\"\"\"the step {id}\"\"\"\nimport sqlalchemy as sa\nfrom alembic import op\n\n\
             revision = '{id}'\ndown_revision = {after}\n\n\n\
             def upgrade():\n    {up}\n\n\ndef downgrade():\n    {down}\n"
        );
        fs::write(self.code(release).join(file), text).unwrap();
    }

    pub(crate) fn code(&self, release: &str) -> PathBuf {
        self.site.root().join("releases").join(release).join("code")
    }

    /// A release with the code of another one.
    pub(crate) fn like(&self, release: &str, other: &str) {
        copy(&self.code(other), &self.code(release));
    }

    /// A file of migrations of the Django app.
    pub(crate) fn step(&self, release: &str, name: &str, text: &str) {
        let folder = self.code(release).join("catalog/migrations");
        fs::write(folder.join(format!("{name}.py")), text).unwrap();
    }

    pub(crate) fn run(&self, words: &[&str]) -> Said {
        self.call(words).run()
    }

    pub(crate) fn call(&self, words: &[&str]) -> Call {
        let call = self.site.call(words);
        call.env("COLOUR", "green").env("SECRET_OF_OURS", "x")
    }

    #[track_caller]
    pub(crate) fn expect(&self, words: &[&str], code: i32) -> Said {
        let said = self.run(words);
        assert_eq!(said.code, Some(code), "{words:?}: {said:#?}");
        said
    }

    pub(crate) fn columns(&self) -> String {
        let sql = "SELECT string_agg(column_name, ' ' ORDER BY column_name)
                   FROM information_schema.columns WHERE table_name = 'catalog_product'";
        self.pg.sql(sql).remove(0)
    }

    pub(crate) fn applied(&self) -> Vec<String> {
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
