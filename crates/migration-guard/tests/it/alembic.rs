//! An Alembic project, made by Alembic, on a real server.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use ripcord_migration_guard::frameworks::{
    Framework, FrameworkMigrator, MissingKind, Project, check, judge,
};
use ripcord_migration_guard::{
    ErrorKind, LintOptions, Migrator, Outcome, ProblemKind, Resolution, Reversible, Transactional,
    Unobserved, Workspace,
};

use crate::python::{applied, copy, migrator, pending, project, python, tool, up_all, url};
use crate::server::{Database, database, write};

const MODELS: &str = "from sqlalchemy import Column, Integer, MetaData, String, Table\n\n\
    metadata = MetaData()\n\
    Table('notes', metadata, Column('id', Integer, primary_key=True), Column('text', String(80)))\n";

/// Made once by `alembic init`, with the models and the URL wired into env.py as its comments say.
fn made(python: &str) -> &'static Path {
    static MADE: OnceLock<tempfile::TempDir> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        tool(python, here, &[], &["-m", "alembic", "init", "history"]);
        write(here, &[("models.py", MODELS)]);
        let env = here.join("history/env.py");
        let text = std::fs::read_to_string(&env).unwrap();
        let text = text
            .replace("target_metadata = None", "import models\ntarget_metadata = models.metadata")
            .replace(
                "config = context.config",
                "config = context.config\nimport os\nconfig.set_main_option('sqlalchemy.url', os.environ['DATABASE_URL'])",
            );
        assert!(text.contains("import models") && text.contains("DATABASE_URL"));
        std::fs::write(env, text).unwrap();
        folder
    })
    .path()
}

/// A revision's file as a developer writes it.
fn revision(id: &str, after: &str, up: &str, down: &str) -> String {
    let body = |lines: &str| lines.replace('\n', "\n    ");
    format!(
        "\"\"\"the step {id}\"\"\"\nimport sqlalchemy as sa\nfrom alembic import op\n\n\
         revision = '{id}'\ndown_revision = {after}\n\n\ndef upgrade():\n    {}\n\n\ndef downgrade():\n    {}\n",
        body(up),
        body(down)
    )
}

const NOTES: &str = "op.create_table('notes', sa.Column('id', sa.Integer, primary_key=True), sa.Column('text', sa.String(80)))";
const ADD: &str = "op.add_column('notes', sa.Column('colour', sa.Integer))";
const SLEEPS: &str = "op.add_column('notes', sa.Column('size', sa.Integer))\nop.get_bind().execute(sa.text('SELECT pg_sleep(600)'))";

struct Site {
    db: Database,
    folder: tempfile::TempDir,
    w: Workspace,
    migrator: FrameworkMigrator,
    project: Project,
    python: String,
}

impl Site {
    fn add(&self, id: &str, after: &str, up: &str, down: &str) {
        let text = revision(id, after, up, down);
        let name = format!("{id}_step.py");
        write(
            &self.folder.path().join("history/versions"),
            &[(&name, &text)],
        );
    }

    /// `a1` makes the table, `b2` adds a column.
    fn two(&self) {
        self.add("a1", "None", NOTES, "op.drop_table('notes')");
        self.add("b2", "'a1'", ADD, "op.drop_column('notes', 'colour')");
    }

    fn with(&self, change: impl FnOnce(&mut Project)) -> FrameworkMigrator {
        let mut project = self.project.clone();
        change(&mut project);
        migrator(Framework::Alembic, &self.db.conninfo, project)
    }
}

async fn site(test: &str) -> Option<Site> {
    let python = python()?;
    let db = database(&format!("al_{test}")).await?;
    let folder = tempfile::tempdir().unwrap();
    copy(made(&python), folder.path());
    let project = project(&python, &url(&db.conninfo, "postgresql+psycopg"));
    let migrator = migrator(Framework::Alembic, &db.conninfo, project.clone());
    let w = Workspace::new(folder.path());
    Some(Site {
        db,
        folder,
        w,
        migrator,
        project,
        python,
    })
}

#[tokio::test]
async fn a_chain_goes_up_and_down_one_by_one() {
    let Some(site) = site("walk").await else {
        return;
    };
    let (m, w) = (&site.migrator, &site.w);
    site.two();
    let status = m.status(w).await.unwrap();
    assert_eq!(pending(&status), ["a1", "b2"]);
    assert!(status.problems.is_empty(), "{:?}", status.problems);
    assert_eq!(status.pending[0].name, "the step a1");
    assert!(
        site.db
            .truth("SELECT to_regclass('alembic_version') IS NULL")
            .await
    );
    // Only what is its own: the table of versions is none of the linter's business.
    let sql = &status.pending[1].up_sql;
    assert!(
        sql.contains("ADD COLUMN colour") && !sql.contains("alembic_version"),
        "{sql}"
    );

    let early = m.up(w, "b2", &Unobserved).await.unwrap_err();
    assert_eq!(early.kind(), ErrorKind::OutOfOrder, "{early}");
    assert_eq!(
        m.up(w, "c3", &Unobserved).await.unwrap_err().kind(),
        ErrorKind::UnknownVersion
    );
    m.up(w, "a1", &Unobserved).await.unwrap();
    assert_eq!(m.up(w, "a1", &Unobserved).await.unwrap(), Outcome::Already);
    assert!(
        site.db
            .truth("SELECT version_num = 'a1' FROM alembic_version")
            .await
    );
    m.up(w, "b2", &Unobserved).await.unwrap();
    assert_eq!(applied(&m.status(w).await.unwrap()), ["a1", "b2"]);

    let above = m.down(w, "a1", &Unobserved).await.unwrap_err();
    assert_eq!(above.kind(), ErrorKind::OutOfOrder, "{above}");
    m.down(w, "b2", &Unobserved).await.unwrap();
    assert_eq!(
        m.down(w, "b2", &Unobserved).await.unwrap(),
        Outcome::Already
    );
    assert!(site.db.truth("SELECT NOT EXISTS (SELECT FROM information_schema.columns WHERE column_name = 'colour')").await);
    for one in m.revert_plan(w, None).await.unwrap() {
        m.down(w, &one.version, &Unobserved).await.unwrap();
    }
    assert!(
        site.db
            .truth(
                "SELECT to_regclass('notes') IS NULL AND NOT EXISTS (SELECT FROM alembic_version)"
            )
            .await
    );
    site.db.drop().await;
}

#[tokio::test]
async fn a_downgrade_that_raises_or_does_nothing_blocks() {
    let Some(site) = site("irreversible").await else {
        return;
    };
    let (m, w) = (&site.migrator, &site.w);
    site.two();
    up_all(m, w).await;
    site.add(
        "c3",
        "'b2'",
        "op.execute('CREATE TABLE c3 (i int)')",
        "raise NotImplementedError('no way')",
    );
    site.add(
        "d4",
        "'c3'",
        "op.execute('CREATE TABLE d4 (i int)')",
        "pass",
    );
    site.add("e5", "'d4'", "op.drop_column('notes', 'colour')", ADD);
    site.add(
        "f6",
        "'e5'",
        "op.get_bind().execute(sa.text('SELECT 1')).scalar_one()",
        "op.get_bind().execute(sa.text('UPDATE notes SET text = text WHERE id = 0'))",
    );
    site.add("g7", "'f6'", "with op.get_context().autocommit_block():\n    op.create_index('by_text', 'notes', ['text'], postgresql_concurrently=True)",
        "op.drop_index('by_text')");
    let status = m.status(w).await.unwrap();
    let judged = judge(&status.pending, &LintOptions::with_own_runner()).unwrap();
    let ways: Vec<_> = judged.migrations.iter().map(|m| m.reversible).collect();
    use Reversible::{DownEmpty, DownMissing, Yes};
    assert_eq!(ways, [DownMissing, DownEmpty, Yes, Yes, Yes]);
    let dropped = judged.migrations[2]
        .findings
        .iter()
        .find(|f| f.rule == "drop-column")
        .unwrap();
    assert!(dropped.file.ends_with("history/versions/e5_step.py") && dropped.line == 1);
    assert!(
        dropped
            .help
            .as_ref()
            .unwrap()
            .contains("DROP COLUMN colour"),
        "{dropped:?}"
    );
    // Code that looks at the database cannot be shown as SQL: not analysed, not additive.
    assert!(!judged.migrations[3].additive);
    assert!(
        status.pending[3]
            .up_sql
            .contains("not known before it runs"),
        "{}",
        status.pending[3].up_sql
    );
    assert_eq!(status.pending[4].transaction, Transactional::No);
    assert!(
        !judged.migrations[4]
            .findings
            .iter()
            .any(|f| f.rule == "concurrently-in-transaction")
    );

    up_all(m, w).await;
    assert!(
        site.db
            .truth("SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_text'::regclass")
            .await
    );
    for (target, by) in [(Some("a1"), "d4"), (Some("c3"), "d4"), (None, "d4")] {
        let blocked = m.revert_plan(w, target).await.unwrap_err();
        assert_eq!(blocked.kind(), ErrorKind::Irreversible, "{blocked}");
        assert!(
            blocked.to_string().contains(by) || blocked.to_string().contains("c3"),
            "{blocked}"
        );
    }
    assert_eq!(m.status(w).await.unwrap().applied.len(), 7);
    for version in ["g7", "f6", "e5"] {
        m.down(w, version, &Unobserved).await.unwrap();
    }
    let empty = m.down(w, "d4", &Unobserved).await.unwrap_err();
    assert_eq!(empty.kind(), ErrorKind::Irreversible, "{empty}");
    site.db
        .run("UPDATE alembic_version SET version_num = 'c3'; DROP TABLE d4")
        .await;
    let raises = m.down(w, "c3", &Unobserved).await.unwrap_err();
    assert_eq!(raises.kind(), ErrorKind::Irreversible, "{raises}");
    assert!(
        raises.to_string().contains("its downgrade() raises"),
        "{raises}"
    );
    site.db.drop().await;
}

#[tokio::test]
async fn heads_that_nobody_merged_are_named() {
    let Some(site) = site("heads").await else {
        return;
    };
    let (m, w) = (&site.migrator, &site.w);
    site.two();
    up_all(m, w).await;
    site.add(
        "c3",
        "'a1'",
        "op.execute('CREATE TABLE c3 (i int)')",
        "op.execute('DROP TABLE c3')",
    );
    let status = m.status(w).await.unwrap();
    assert_eq!(status.problems[0].kind, ProblemKind::Conflict);
    assert_eq!(
        status.problems[0].explanation,
        "the history has several heads: b2, c3"
    );
    let refused = m.up(w, "c3", &Unobserved).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
    assert!(refused.to_string().contains("b2, c3"), "{refused}");
    let missing = check(Framework::Alembic, &site.project, w, None)
        .await
        .unwrap();
    assert_eq!((missing.len(), missing[0].kind), (1, MissingKind::Merge));

    tool(
        &site.python,
        site.folder.path(),
        &[("DATABASE_URL", "postgresql+psycopg://")],
        &[
            "-m", "alembic", "merge", "heads", "--rev-id", "d4", "-m", "both",
        ],
    );
    up_all(m, w).await;
    assert!(m.status(w).await.unwrap().problems.is_empty());
    // The merge does nothing, and so does its way back: that blocks nobody.
    m.down(w, "d4", &Unobserved).await.unwrap();
    assert!(
        site.db
            .truth("SELECT count(*) = 2 FROM alembic_version")
            .await
    );
    // One branch only; the other stays.
    m.down(w, "c3", &Unobserved).await.unwrap();
    assert!(
        site.db
            .truth("SELECT version_num = 'b2' FROM alembic_version")
            .await
    );
    assert!(site.db.truth("SELECT to_regclass('c3') IS NULL").await);
    site.db.drop().await;
}

#[tokio::test]
async fn branches_with_labels_are_meant() {
    let Some(site) = site("labels").await else {
        return;
    };
    let (m, w) = (&site.migrator, &site.w);
    site.two();
    for (id, label) in [("c3", "green"), ("d4", "blue")] {
        let text = revision(
            id,
            "'b2'",
            &format!("op.execute('CREATE TABLE {id} (i int)')"),
            &format!("op.execute('DROP TABLE {id}')"),
        ) + &format!("\n\nbranch_labels = ('{label}',)\n");
        write(
            &site.folder.path().join("history/versions"),
            &[(&format!("{id}.py"), &text)],
        );
    }
    up_all(m, w).await;
    let status = m.status(w).await.unwrap();
    assert!(
        status.problems.is_empty() && status.applied.len() == 4,
        "{:?}",
        status.problems
    );
    m.down(w, "c3", &Unobserved).await.unwrap();
    assert!(m.status(w).await.unwrap().is_applied("d4"));
    site.db.drop().await;
}

#[tokio::test]
async fn a_run_that_is_ended_leaves_no_session() {
    let Some(site) = site("ended").await else {
        return;
    };
    site.two();
    up_all(&site.migrator, &site.w).await;
    site.add("c3", "'b2'", SLEEPS, "op.drop_column('notes', 'size')");
    let sleeps = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
        AND state = 'active' AND query LIKE 'SELECT pg_sleep%')";
    let task = {
        let (m, w) = (site.migrator.clone(), site.w.clone());
        tokio::spawn(async move { m.up(&w, "c3", &Unobserved).await })
    };
    site.db.until("it sleeps", sleeps).await;
    task.abort();
    site.db
        .until(
            "its session has ended",
            &sleeps.replace("SELECT EXISTS", "SELECT NOT EXISTS"),
        )
        .await;
    assert_eq!(
        site.migrator.resolve(&site.w, "c3").await.unwrap(),
        Resolution::NotApplied
    );
    let hasty = site.with(|p| p.run_timeout = Duration::from_secs(6));
    let error = hasty.up(&site.w, "c3", &Unobserved).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tool, "{error}");
    assert!(
        site.db
            .truth(&sleeps.replace("SELECT EXISTS", "SELECT NOT EXISTS"))
            .await
    );
    assert_eq!(
        pending(&site.migrator.status(&site.w).await.unwrap()),
        ["c3"]
    );
    site.db
        .run("BEGIN; LOCK TABLE notes IN ACCESS SHARE MODE")
        .await;
    let locked = site
        .migrator
        .up(&site.w, "c3", &Unobserved)
        .await
        .unwrap_err();
    assert_eq!(locked.kind(), ErrorKind::LockTimeout, "{locked}");
    site.db.run("COMMIT").await;
    site.db.drop().await;
}

#[tokio::test]
async fn what_is_wrong_is_one_line_without_a_password() {
    let Some(site) = site("wrong").await else {
        return;
    };
    let (m, w) = (&site.migrator, &site.w);
    site.two();
    site.db.run("CREATE TABLE alembic_version (version_num varchar(32)); INSERT INTO alembic_version VALUES ('gone')").await;
    let status = m.status(w).await.unwrap();
    assert_eq!(status.problems.len(), 1);
    assert_eq!(
        (status.problems[0].kind, status.problems[0].version.as_str()),
        (ProblemKind::Missing, "gone")
    );
    site.db.run("DELETE FROM alembic_version").await;

    let other = database("al_elsewhere").await.unwrap();
    let leads = site.with(|p| p.env[1].1 = url(&other.conninfo, "postgresql+psycopg"));
    for refused in [
        leads.status(w).await.map(|_| ()),
        leads.up(w, "a1", &Unobserved).await.map(|_| ()),
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

    let unreachable =
        site.with(|p| p.env[1].1 = "postgresql+psycopg://u:s3cretmark@127.0.0.1:1/db".into());
    let error = unreachable.status(w).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(
        !format!("{error} {error:?} {unreachable:?}").contains("s3cretmark"),
        "{error}"
    );
    let unset = site
        .with(|p| p.env.truncate(1))
        .status(w)
        .await
        .unwrap_err();
    assert_eq!(unset.kind(), ErrorKind::Workspace, "{unset}");
    assert!(unset.to_string().contains("DATABASE_URL"), "{unset}");
    let nowhere = m
        .status(&Workspace::new(site.folder.path().join("history")))
        .await
        .unwrap_err();
    assert_eq!(nowhere.kind(), ErrorKind::Workspace, "{nowhere}");
    site.add("c3", "'nobody'", "pass", "pass");
    let broken = m.status(w).await.unwrap_err();
    assert_eq!(broken.kind(), ErrorKind::Workspace, "{broken}");
    assert!(broken.to_string().contains("nobody"), "{broken}");
    site.db.drop().await;
}

#[tokio::test]
async fn a_changed_model_without_a_revision_is_named() {
    let Some(site) = site("check").await else {
        return;
    };
    let (m, w) = (&site.migrator, &site.w);
    site.add("a1", "None", NOTES, "op.drop_table('notes')");
    let alone = check(Framework::Alembic, &site.project, w, None)
        .await
        .unwrap_err();
    assert_eq!(alone.kind(), ErrorKind::Unsupported, "{alone}");
    let at = Some(&site.db.conninfo);
    let behind = check(Framework::Alembic, &site.project, w, at)
        .await
        .unwrap_err();
    assert_eq!(behind.kind(), ErrorKind::Unsupported, "{behind}");
    assert!(
        behind.to_string().contains("has pending revisions"),
        "{behind}"
    );
    assert!(behind.help().unwrap().contains("migrated to the head"));
    up_all(m, w).await;
    assert!(
        check(Framework::Alembic, &site.project, w, at)
            .await
            .unwrap()
            .is_empty()
    );
    let models = MODELS.replace(
        "String(80))",
        "String(90), nullable=False), Column('colour', Integer)",
    ) + "Table('tags', metadata, Column('id', Integer, primary_key=True))\n";
    write(site.folder.path(), &[("models.py", &models)]);
    let missing = check(Framework::Alembic, &site.project, w, at)
        .await
        .unwrap();
    let told: Vec<&str> = missing.iter().map(|m| m.explanation.as_str()).collect();
    assert!(
        told.contains(&"tags changed without a migration: add table"),
        "{told:?}"
    );
    assert!(
        told.contains(&"notes changed without a migration: add column colour"),
        "{told:?}"
    );
    assert!(
        told.contains(&"notes changed without a migration: modify nullable of text"),
        "{told:?}"
    );
    site.db.drop().await;
}
