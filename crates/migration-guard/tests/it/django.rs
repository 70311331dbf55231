//! A Django project of five apps, made by Django, on a real server.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use ripcord_migration_guard::frameworks::{
    Framework, FrameworkMigrator, MissingKind, check, judge,
};
use ripcord_migration_guard::test_util::{Event, RecordingObserver};
use ripcord_migration_guard::{
    ErrorKind, LintOptions, Migrator, Outcome, ProblemKind, Repair, Resolution, Reversible,
    Transactional, Unobserved, Workspace,
};

use crate::python::{applied, copy, migrator, pending, project, python, tool, up_all, url};
use crate::server::{Database, database, write};

const APPS: [&str; 5] = ["catalog", "customers", "orders", "billing", "stock"];

const SETTINGS: &str = r#"
import os
from urllib.parse import urlsplit

_at = urlsplit(os.environ.get("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"))
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": _at.path[1:],
    "HOST": _at.hostname, "PORT": _at.port, "USER": _at.username, "PASSWORD": _at.password or ""}}
INSTALLED_APPS = ["catalog", "customers", "orders", "billing", "stock"]
MIDDLEWARE = []
ROOT_URLCONF = ""
TEMPLATES = []
"#;

const MODELS: [(&str, &str); 5] = [
    (
        "catalog",
        "class Product(models.Model):\n    name = models.CharField(max_length=80)\n",
    ),
    (
        "customers",
        "class Customer(models.Model):\n    email = models.CharField(max_length=80)\n",
    ),
    (
        "orders",
        "class Order(models.Model):\n    customer = models.ForeignKey('customers.Customer', models.PROTECT)\n    product = models.ForeignKey('catalog.Product', models.PROTECT)\n",
    ),
    (
        "billing",
        "class Invoice(models.Model):\n    order = models.ForeignKey('orders.Order', models.PROTECT)\n",
    ),
    (
        "stock",
        "class Level(models.Model):\n    product = models.ForeignKey('catalog.Product', models.PROTECT)\n",
    ),
];

/// A migration of an app with these operations, as a developer writes it.
fn migration(app: &str, after: &[&str], attributes: &str, operations: &str) -> String {
    let after: Vec<String> = after.iter().map(|a| format!("('{app}', '{a}')")).collect();
    format!(
        "from django.db import connection, migrations, models\nimport django.contrib.postgres.operations as pg\n\n\
         class Migration(migrations.Migration):\n    {attributes}\n    dependencies = [{}]\n    operations = [{operations}]\n",
        after.join(", ")
    )
}

const ADD_PRICE: &str = "migrations.AddField('product', 'price', models.IntegerField(null=True))";
const NO_WAY_BACK: &str = "migrations.RunPython(lambda apps, editor: None)";
const SLEEPS: &str = "migrations.AddField('product', 'price', models.IntegerField(null=True)), \
    migrations.RunPython(lambda apps, editor: connection.cursor().execute('SELECT pg_sleep(600)'), migrations.RunPython.noop)";

/// Made once by Django's own commands, then copied.
fn made(python: &str) -> &'static Path {
    static MADE: OnceLock<tempfile::TempDir> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        tool(
            python,
            here,
            &[],
            &["-m", "django", "startproject", "shop", "."],
        );
        for app in APPS {
            tool(python, here, &[], &["manage.py", "startapp", app]);
        }
        let settings = here.join("shop/settings.py");
        let text = std::fs::read_to_string(&settings).unwrap() + SETTINGS;
        std::fs::write(settings, text).unwrap();
        for (app, models) in MODELS {
            let text = format!("from django.db import models\n\n{models}");
            std::fs::write(here.join(app).join("models.py"), text).unwrap();
        }
        tool(python, here, &[], &["manage.py", "makemigrations"]);
        folder
    })
    .path()
}

struct Site {
    db: Database,
    folder: tempfile::TempDir,
    w: Workspace,
    migrator: FrameworkMigrator,
    python: String,
}

impl Site {
    fn add(&self, app: &str, name: &str, text: &str) {
        write(
            &self.folder.path().join(app).join("migrations"),
            &[(name, text)],
        );
    }

    fn with(
        &self,
        change: impl FnOnce(&mut ripcord_migration_guard::frameworks::Project),
    ) -> FrameworkMigrator {
        let mut project = project(&self.python, &url(&self.db.conninfo, "postgres"));
        change(&mut project);
        migrator(Framework::Django, &self.db.conninfo, project)
    }
}

async fn site(test: &str) -> Option<Site> {
    let python = python()?;
    let db = database(&format!("dj_{test}")).await?;
    let folder = tempfile::tempdir().unwrap();
    copy(made(&python), folder.path());
    let project = project(&python, &url(&db.conninfo, "postgres"));
    let migrator = migrator(Framework::Django, &db.conninfo, project);
    let w = Workspace::new(folder.path());
    Some(Site {
        db,
        folder,
        w,
        migrator,
        python,
    })
}

#[tokio::test]
async fn five_apps_go_up_and_down_one_by_one() {
    let Some(site) = site("walk").await else {
        return;
    };
    let (m, w) = (&site.migrator, &site.w);
    site.add(
        "catalog",
        "0002_price.py",
        &migration("catalog", &["0001_initial"], "", ADD_PRICE),
    );
    let status = m.status(w).await.unwrap();
    assert!(
        status.problems.is_empty() && status.applied.is_empty(),
        "{:?}",
        status.problems
    );
    let place = |version| pending(&status).iter().position(|v| *v == version).unwrap();
    assert_eq!(status.pending.len(), 6);
    assert!(place("customers.0001_initial") < place("orders.0001_initial"));
    assert!(place("orders.0001_initial") < place("billing.0001_initial"));
    // Nothing but looking has been done.
    assert!(
        site.db
            .truth("SELECT to_regclass('django_migrations') IS NULL")
            .await
    );

    let early = m
        .up(w, "billing.0001_initial", &Unobserved)
        .await
        .unwrap_err();
    assert_eq!(early.kind(), ErrorKind::OutOfOrder, "{early}");
    let unknown = m
        .up(w, "billing.0009_never", &Unobserved)
        .await
        .unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::UnknownVersion);
    let observer = RecordingObserver::new();
    m.up(w, "catalog.0001_initial", &observer).await.unwrap();
    assert!(
        matches!(&observer.events()[..], [Event::Before(a), Event::After(b)]
        if a == b && a.version == "catalog.0001_initial" && a.total == 1)
    );
    assert_eq!(
        m.up(w, "catalog.0001_initial", &Unobserved).await.unwrap(),
        Outcome::Already
    );
    // Exactly that one.
    assert!(
        site.db
            .truth("SELECT count(*) = 1 FROM django_migrations")
            .await
    );
    up_all(m, w).await;
    let status = m.status(w).await.unwrap();
    assert!(status.pending.is_empty() && status.applied.len() == 6);
    assert!(status.applied[0].when.is_some());

    let blocked = m
        .down(w, "orders.0001_initial", &Unobserved)
        .await
        .unwrap_err();
    assert_eq!(blocked.kind(), ErrorKind::OutOfOrder);
    assert!(
        blocked.to_string().contains("billing.0001_initial"),
        "{blocked}"
    );
    // The state before an app's first migration is what Django calls zero.
    m.down(w, "billing.0001_initial", &Unobserved)
        .await
        .unwrap();
    assert_eq!(
        m.down(w, "billing.0001_initial", &Unobserved)
            .await
            .unwrap(),
        Outcome::Already
    );
    m.down(w, "catalog.0002_price", &Unobserved).await.unwrap();
    assert!(site.db.truth("SELECT to_regclass('billing_invoice') IS NULL AND to_regclass('orders_order') IS NOT NULL
        AND NOT EXISTS (SELECT FROM information_schema.columns WHERE column_name = 'price')").await);
    let plan = m
        .revert_plan(w, Some("catalog.0001_initial"))
        .await
        .unwrap();
    assert_eq!(plan.len(), 3, "{plan:?}");
    for one in m.revert_plan(w, None).await.unwrap() {
        m.down(w, &one.version, &Unobserved).await.unwrap();
    }
    assert!(
        site.db
            .truth("SELECT count(*) = 0 FROM django_migrations")
            .await
    );
    assert!(
        site.db
            .truth("SELECT to_regclass('catalog_product') IS NULL")
            .await
    );
    site.db.drop().await;
}

#[tokio::test]
async fn the_sql_is_judged_at_the_python_file() {
    let Some(site) = site("judge").await else {
        return;
    };
    let (m, w) = (&site.migrator, &site.w);
    up_all(m, w).await;
    site.add(
        "catalog",
        "0002_drop.py",
        &migration(
            "catalog",
            &["0001_initial"],
            "",
            "migrations.RemoveField('product', 'name')",
        ),
    );
    site.add(
        "catalog",
        "0003_code.py",
        &migration("catalog", &["0002_drop"], "", NO_WAY_BACK),
    );
    site.add(
        "catalog",
        "0004_label.py",
        &migration(
            "catalog",
            &["0003_code"],
            "",
            "migrations.AlterModelOptions('product', {'verbose_name': 'thing'})",
        ),
    );
    site.add(
        "catalog",
        "0005_index.py",
        &migration(
            "catalog",
            &["0004_label"],
            "atomic = False",
            "pg.AddIndexConcurrently('product', models.Index(fields=['id'], name='by_id'))",
        ),
    );
    let status = m.status(w).await.unwrap();
    let judged = judge(&status.pending, &LintOptions::with_own_runner()).unwrap();
    let [dropped, code, label, index] = &judged.migrations[..] else {
        panic!("{judged:?}")
    };
    let finding = dropped
        .findings
        .iter()
        .find(|f| f.rule == "drop-column")
        .unwrap();
    assert!(
        finding.file.ends_with("catalog/migrations/0002_drop.py"),
        "{:?}",
        finding.file
    );
    assert_eq!((finding.line, finding.column), (1, 1));
    assert!(
        finding
            .help
            .as_ref()
            .unwrap()
            .contains("DROP COLUMN \"name\""),
        "{finding:?}"
    );
    assert!(
        dropped
            .losses
            .iter()
            .any(|l| l.column.as_deref() == Some("name")),
        "{:?}",
        dropped.losses
    );
    assert_eq!(dropped.reversible, Reversible::Yes);
    // Python is neither additive nor analysed, and this one has no reverse.
    assert!(!code.additive && !code.findings.is_empty());
    assert_eq!(code.reversible, Reversible::DownMissing);
    assert_eq!(judged.statements - judged.analysed, 1);
    assert!(
        label.additive && label.reversible == Reversible::Yes,
        "{label:?}"
    );
    assert!(
        status.pending[2]
            .down_sql
            .as_ref()
            .unwrap()
            .contains("DELETE FROM django_migrations")
    );
    assert_eq!(status.pending[3].transaction, Transactional::No);
    assert!(
        !index
            .findings
            .iter()
            .any(|f| f.rule == "concurrently-in-transaction"),
        "{index:?}"
    );
    up_all(m, w).await;
    assert!(
        site.db
            .truth("SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_id'::regclass")
            .await
    );
    m.down(w, "catalog.0005_index", &Unobserved).await.unwrap();
    m.down(w, "catalog.0004_label", &Unobserved).await.unwrap();
    site.db.drop().await;
}

#[tokio::test]
async fn no_way_leads_past_an_irreversible_one() {
    let Some(site) = site("irreversible").await else {
        return;
    };
    let (m, w) = (&site.migrator, &site.w);
    site.add(
        "catalog",
        "0002_code.py",
        &migration("catalog", &["0001_initial"], "", NO_WAY_BACK),
    );
    site.add(
        "catalog",
        "0003_price.py",
        &migration("catalog", &["0002_code"], "", ADD_PRICE),
    );
    up_all(m, w).await;
    let before = m.status(w).await.unwrap();
    let blocked = m
        .revert_plan(w, Some("catalog.0001_initial"))
        .await
        .unwrap_err();
    assert_eq!(blocked.kind(), ErrorKind::Irreversible);
    assert!(
        blocked.to_string().contains("catalog.0002_code"),
        "{blocked}"
    );
    assert!(blocked.to_string().contains("has no reverse"), "{blocked}");
    assert_eq!(applied(&m.status(w).await.unwrap()), applied(&before));
    let plan = m.revert_plan(w, Some("catalog.0002_code")).await.unwrap();
    assert_eq!(plan.last().unwrap().version, "catalog.0003_price");
    m.down(w, "catalog.0003_price", &Unobserved).await.unwrap();
    let blocked = m
        .down(w, "catalog.0002_code", &Unobserved)
        .await
        .unwrap_err();
    assert_eq!(blocked.kind(), ErrorKind::Irreversible);
    site.db.drop().await;
}

#[tokio::test]
async fn heads_that_nobody_merged_are_named() {
    let Some(site) = site("heads").await else {
        return;
    };
    let (m, w) = (&site.migrator, &site.w);
    up_all(m, w).await;
    site.add(
        "catalog",
        "0002_price.py",
        &migration("catalog", &["0001_initial"], "", ADD_PRICE),
    );
    site.add(
        "catalog",
        "0002_colour.py",
        &migration(
            "catalog",
            &["0001_initial"],
            "",
            "migrations.AddField('product', 'colour', models.IntegerField(null=True))",
        ),
    );
    let status = m.status(w).await.unwrap();
    assert_eq!(status.problems.len(), 1);
    assert_eq!(status.problems[0].kind, ProblemKind::Conflict);
    assert_eq!(
        status.problems[0].explanation,
        "app catalog has several heads: 0002_colour, 0002_price"
    );
    for refused in [
        m.up(w, "catalog.0002_price", &Unobserved).await.map(|_| ()),
        m.down(w, "stock.0001_initial", &Unobserved)
            .await
            .map(|_| ()),
        m.revert_plan(w, Some("catalog.0001_initial"))
            .await
            .map(|_| ()),
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
        assert!(
            refused.to_string().contains("0002_colour, 0002_price"),
            "{refused}"
        );
        assert_eq!(
            refused.help(),
            Some("python manage.py makemigrations --merge")
        );
    }
    let missing = check(
        Framework::Django,
        &project(&site.python, "postgres://u@127.0.0.1:1/x"),
        w,
        None,
    )
    .await
    .unwrap();
    assert_eq!(missing.len(), 1);
    assert_eq!(
        (missing[0].kind, missing[0].subject.as_str()),
        (MissingKind::Merge, "catalog")
    );

    let at = url(&site.db.conninfo, "postgres");
    tool(
        &site.python,
        site.folder.path(),
        &[("DATABASE_URL", &at)],
        &["manage.py", "makemigrations", "--merge", "--noinput"],
    );
    up_all(m, w).await;
    let status = m.status(w).await.unwrap();
    let merge = status.current().unwrap().to_owned();
    assert!(merge.contains("merge"), "{merge}");
    m.down(w, &merge, &Unobserved).await.unwrap();
    // One branch only: to `migrate`, their common parent would mean both.
    let file = merge.strip_prefix("catalog.").unwrap();
    std::fs::rename(
        site.folder
            .path()
            .join(format!("catalog/migrations/{file}.py")),
        site.folder.path().join("merge.py"),
    )
    .unwrap();
    let refused = m
        .down(w, "catalog.0002_price", &Unobserved)
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    std::fs::rename(
        site.folder.path().join("merge.py"),
        site.folder
            .path()
            .join(format!("catalog/migrations/{file}.py")),
    )
    .unwrap();
    m.down(w, "catalog.0002_price", &Unobserved).await.unwrap();
    let status = m.status(w).await.unwrap();
    assert!(status.is_applied("catalog.0002_colour") && !status.is_applied("catalog.0002_price"));
    assert!(site.db.truth("SELECT count(*) = 1 FROM information_schema.columns WHERE table_name = 'catalog_product' AND column_name IN ('price', 'colour')").await);
    site.db.drop().await;
}

#[tokio::test]
async fn an_index_that_was_left_invalid_is_seen_and_dropped() {
    let Some(site) = site("invalid").await else {
        return;
    };
    let (m, w) = (&site.migrator, &site.w);
    up_all(m, w).await;
    let index = "pg.AddIndexConcurrently('product', models.Index(fields=['name'], name='by_name'))";
    let text = migration("catalog", &["0001_initial"], "atomic = False", index);
    site.add("catalog", "0002_index.py", &text);
    assert!(m.status(w).await.unwrap().problems.is_empty());
    let version = "catalog.0002_index";
    assert_eq!(m.resolve(w, version).await.unwrap(), Resolution::NotApplied);
    site.db
        .run("BEGIN; LOCK TABLE catalog_product IN ROW EXCLUSIVE MODE")
        .await;
    let task = {
        let (m, w) = (site.migrator.clone(), site.w.clone());
        tokio::spawn(async move { m.up(&w, version, &Unobserved).await })
    };
    site.db.until("the build waits", "SELECT EXISTS (SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock')
        AND EXISTS (SELECT FROM pg_class WHERE relname = 'by_name')").await;
    task.abort();
    site.db
        .until(
            "its session has ended",
            "SELECT NOT EXISTS (SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'CREATE INDEX CONCURRENTLY%')",
        )
        .await;
    site.db.run("COMMIT").await;
    let status = m.status(w).await.unwrap();
    assert_eq!(status.problems.len(), 1, "{:?}", status.problems);
    assert_eq!(
        (status.problems[0].kind, status.problems[0].version.as_str()),
        (ProblemKind::Dirty, version)
    );
    let found = m.resolve(w, version).await.unwrap();
    assert!(
        matches!(
            found,
            Resolution::Partial {
                repair: Repair::Undo { .. },
                ..
            }
        ),
        "{found:?}"
    );
    assert_eq!(m.repair(w, version).await.unwrap(), Resolution::NotApplied);
    m.up(w, version, &Unobserved).await.unwrap();
    // As if the tool had been killed before it wrote that down.
    site.db
        .run("DELETE FROM django_migrations WHERE name = '0002_index'")
        .await;
    assert_eq!(
        m.repair(w, version).await.unwrap_err().kind(),
        ErrorKind::NeedsHuman
    );
    site.db.drop().await;
}

/// Whether a process works in that folder.
fn somebody_in(folder: &Path) -> bool {
    let all = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let mut places = all.filter_map(|entry| std::fs::read_link(entry.path().join("cwd")).ok());
    places.any(|place| place == folder)
}

const OTHERS: &str = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%' AND pid <> pg_backend_pid())";

#[tokio::test]
async fn a_dropped_run_leaves_no_process_and_no_session() {
    let Some(site) = site("dropped").await else {
        return;
    };
    up_all(&site.migrator, &site.w).await;
    site.add(
        "catalog",
        "0002_slow.py",
        &migration("catalog", &["0001_initial"], "", SLEEPS),
    );
    let task = {
        let (m, w) = (site.migrator.clone(), site.w.clone());
        tokio::spawn(async move { m.up(&w, "catalog.0002_slow", &Unobserved).await })
    };
    site.db
        .until(
            "it sleeps",
            "SELECT EXISTS (SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND state = 'active' AND query LIKE 'SELECT pg_sleep%'
          AND application_name = 'migration-guard')",
        )
        .await;
    // Nobody else runs meanwhile.
    let mut options = ripcord_migration_guard::RunOptions::default();
    options.runner_wait = Duration::from_millis(50);
    let at = project(&site.python, &url(&site.db.conninfo, "postgres"));
    let second = FrameworkMigrator::new(Framework::Django, site.db.conninfo.clone(), at, options);
    let busy = second
        .up(&site.w, "catalog.0002_slow", &Unobserved)
        .await
        .unwrap_err();
    assert_eq!(busy.kind(), ErrorKind::Busy, "{busy}");
    let here = site.folder.path().canonicalize().unwrap();
    assert!(somebody_in(&here));
    task.abort();
    while somebody_in(&here) {
        tokio::task::yield_now().await;
    }
    site.db.until("its session has ended", OTHERS).await;
    let status = site.migrator.status(&site.w).await.unwrap();
    assert_eq!(pending(&status), ["catalog.0002_slow"]);
    assert!(site.db.truth("SELECT NOT EXISTS (SELECT FROM information_schema.columns WHERE column_name = 'price')").await);
    assert_eq!(
        site.migrator
            .resolve(&site.w, "catalog.0002_slow")
            .await
            .unwrap(),
        Resolution::NotApplied
    );
    site.db.drop().await;
}

#[tokio::test]
async fn the_end_of_the_time_is_the_end_of_the_session() {
    let Some(site) = site("timeout").await else {
        return;
    };
    up_all(&site.migrator, &site.w).await;
    // Named otherwise by its settings: found all the same.
    let settings = site.folder.path().join("shop/settings.py");
    let text = std::fs::read_to_string(&settings).unwrap()
        + "\nDATABASES['default']['OPTIONS'] = {'application_name': 'web'}\n";
    std::fs::write(settings, text).unwrap();
    site.add(
        "catalog",
        "0002_slow.py",
        &migration("catalog", &["0001_initial"], "", SLEEPS),
    );
    let hasty = site.with(|p| p.run_timeout = Duration::from_secs(6));
    let error = hasty
        .up(&site.w, "catalog.0002_slow", &Unobserved)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tool, "{error}");
    assert!(
        error.to_string().contains("did not end within 6 s"),
        "{error}"
    );
    assert!(site.db.truth(OTHERS).await, "the session goes on");
    assert_eq!(
        pending(&site.migrator.status(&site.w).await.unwrap()),
        ["catalog.0002_slow"]
    );
    site.db.drop().await;
}

#[tokio::test]
async fn a_lock_that_is_held_has_its_kind() {
    let Some(site) = site("lock").await else {
        return;
    };
    up_all(&site.migrator, &site.w).await;
    site.add(
        "catalog",
        "0002_price.py",
        &migration("catalog", &["0001_initial"], "", ADD_PRICE),
    );
    site.db
        .run("BEGIN; LOCK TABLE catalog_product IN ACCESS SHARE MODE")
        .await;
    let observer = RecordingObserver::new();
    let error = site
        .migrator
        .up(&site.w, "catalog.0002_price", &observer)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LockTimeout, "{error}");
    assert_eq!(observer.events().len(), 2, "tried twice");
    site.db.run("COMMIT").await;
    site.migrator
        .up(&site.w, "catalog.0002_price", &Unobserved)
        .await
        .unwrap();
    site.db.drop().await;
}

#[tokio::test]
async fn what_is_wrong_is_one_line_without_a_password() {
    let Some(site) = site("wrong").await else {
        return;
    };
    let (m, w) = (&site.migrator, &site.w);
    m.up(w, "catalog.0001_initial", &Unobserved).await.unwrap();
    site.db.run("INSERT INTO django_migrations (app, name, applied) VALUES ('gone', '0001_initial', now())").await;
    let status = m.status(w).await.unwrap();
    assert_eq!(status.problems.len(), 1);
    assert_eq!(
        (status.problems[0].kind, status.problems[0].version.as_str()),
        (ProblemKind::Missing, "gone.0001_initial")
    );

    let module = site.with(|p| {
        p.env
            .push(("DJANGO_SETTINGS_MODULE".into(), "nowhere.settings".into()))
    });
    let error = module.status(w).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Workspace, "{error}");
    assert!(
        error
            .to_string()
            .ends_with("ModuleNotFoundError: No module named 'nowhere'"),
        "{error}"
    );
    let absent = site
        .with(|p| p.python = vec!["no-such-python".into()])
        .status(w)
        .await
        .unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::Workspace, "{absent}");

    // Settings that lead somewhere else would migrate the wrong database.
    let other = database("dj_elsewhere").await.unwrap();
    let leads = site.with(|p| p.env[1].1 = url(&other.conninfo, "postgres"));
    for refused in [
        leads.status(w).await.map(|_| ()),
        leads
            .up(w, "customers.0001_initial", &Unobserved)
            .await
            .map(|_| ()),
    ] {
        let refused = refused.unwrap_err();
        assert!(
            refused.to_string().contains("another database"),
            "{refused}"
        );
    }
    assert!(
        other
            .truth("SELECT count(*) = 0 FROM pg_tables WHERE schemaname = 'public'")
            .await
    );
    other.drop().await;

    let unreachable = site.with(|p| p.env[1].1 = "postgres://u:s3cretmark@127.0.0.1:1/db".into());
    let error = unreachable.status(w).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(
        !format!("{error} {error:?} {unreachable:?}").contains("s3cretmark"),
        "{error}"
    );
    let settings = site.folder.path().join("shop/settings.py");
    let text = std::fs::read_to_string(&settings).unwrap()
        + "\nraise ValueError(os.environ['DATABASE_URL'])\n";
    std::fs::write(settings, text).unwrap();
    let error = unreachable.status(w).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("ValueError: postgres://u:***@127.0.0.1:1/db"),
        "{error}"
    );
    site.db.drop().await;
}

#[tokio::test]
async fn a_changed_model_without_a_migration_is_named() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    copy(made(&python), folder.path());
    let w = Workspace::new(folder.path());
    let project = project(&python, "postgres://nobody@127.0.0.1:1/none");
    let none = check(Framework::Django, &project, &w, None).await.unwrap();
    assert!(none.is_empty(), "{none:?}");
    // A column that needs a value for the rows that are there: Django would ask.
    let models = folder.path().join("orders/models.py");
    let text =
        std::fs::read_to_string(&models).unwrap() + "    note = models.CharField(max_length=9)\n";
    std::fs::write(models, text).unwrap();
    let missing = check(Framework::Django, &project, &w, None).await.unwrap();
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert_eq!(missing[0].kind, MissingKind::Migration);
    assert_eq!(
        missing[0].explanation,
        "orders.Order changed without a migration: Add field note to order"
    );
    assert!(
        !folder
            .path()
            .join("orders/migrations/0002_order_note.py")
            .exists()
    );
}
