//! Whoever runs the migrations of a folder, with the folder.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use ripcord_migration_guard::frameworks::{Framework, FrameworkMigrator, Project, judge};
use ripcord_migration_guard::{
    Error, ErrorKind, LintOptions, Migration, Migrator, PostgresMigrator, Resolution, RunOptions,
    Settled, Severity, Status, WayBack, Workspace, revert_plan,
};

use crate::cli::{DatabaseArgs, MIGRATIONS, Tool};
use crate::layout::{self, Doubt};
use crate::run;

/// What a framework's code may see of our environment, beside what `--env` names.
const PASSED: [&str; 17] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "PYTHONHOME",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "DJANGO_SETTINGS_MODULE",
    "DJANGO_CONFIGURATION",
    "ALEMBIC_CONFIG",
    "RIPCORD_RUN",
];

pub(crate) enum Opened {
    Sql(PostgresMigrator, Workspace),
    Framework(FrameworkMigrator, Workspace),
}

impl Opened {
    pub(crate) async fn with(
        args: &DatabaseArgs,
        options: RunOptions,
        doubt: Doubt,
    ) -> anyhow::Result<Self> {
        let conninfo = run::conninfo(args)?;
        let (tool, folder) = match framework(args) {
            Some(found) => found,
            None => {
                let layout = layout::of(args, &conninfo, &options, doubt).await?;
                (Tool::Sql(layout), args.path.clone())
            }
        };
        let workspace = Workspace::new(folder);
        Ok(match tool {
            Tool::Sql(layout) => {
                Self::Sql(PostgresMigrator::new(conninfo, layout, options), workspace)
            }
            Tool::Framework(framework) => {
                let project = project(args, workspace.path());
                let migrator = FrameworkMigrator::new(framework, conninfo, project, options);
                Self::Framework(migrator, workspace)
            }
        })
    }

    /// The same with ways back that were kept.
    pub(crate) fn keeping(self, ways: Vec<WayBack>) -> Self {
        match self {
            Self::Sql(migrator, workspace) => Self::Sql(migrator, workspace.with_ways_back(ways)),
            framework @ Self::Framework(..) => framework,
        }
    }

    pub(crate) fn migrator(&self) -> &dyn Migrator {
        match self {
            Self::Sql(migrator, _) => migrator,
            Self::Framework(migrator, _) => migrator,
        }
    }

    pub(crate) fn workspace(&self) -> &Workspace {
        match self {
            Self::Sql(_, workspace) | Self::Framework(_, workspace) => workspace,
        }
    }

    /// The same, held to what was read of the folder.
    pub(crate) fn held_to(self, migrations: &[Migration]) -> Self {
        let read = migrations.to_vec();
        match self {
            Self::Sql(migrator, workspace) => Self::Sql(migrator, workspace.held_to(read)),
            Self::Framework(migrator, workspace) => {
                Self::Framework(migrator, workspace.held_to(read))
            }
        }
    }

    /// Takes the mark of an interrupted run away.
    pub(crate) async fn settle(
        &self,
        version: &str,
        settled: Settled,
    ) -> Result<Resolution, Error> {
        match self {
            Self::Sql(migrator, workspace) => migrator.settle(workspace, version, settled).await,
            Self::Framework(migrator, _) => {
                let framework = migrator.framework();
                let help = match framework {
                    Framework::Django => "`python manage.py migrate --fake` records it",
                    Framework::Alembic => "`alembic stamp` records it",
                    _ => "its own tool records it",
                };
                let error = Error::new(ErrorKind::Unsupported, "settle version", version);
                Err(error
                    .because(format!("{framework} marks nothing as interrupted"))
                    .with_help(help))
            }
        }
    }

    /// A version as `status` shows it.
    pub(crate) fn spelled(&self, version: &str) -> String {
        match self {
            Self::Sql(migrator, _) => migrator.layout().spelled(version),
            Self::Framework(..) => version.to_owned(),
        }
    }

    /// What the linter says to SQL that a framework wrote, each as a comment of SQL: nobody can
    /// lint it from a file.
    pub(crate) fn remarks(&self, pending: &[Migration]) -> anyhow::Result<Vec<String>> {
        if let Self::Sql(..) = self {
            return Ok(Vec::new());
        }
        let judged = judge(pending, &LintOptions::with_own_runner())?;
        let shown = judged
            .findings()
            .filter(|f| f.severity >= Severity::Warning);
        Ok(shown
            .map(|f| {
                let (file, message) = (f.file.display(), &f.message);
                format!(
                    "-- {}: {file}:{}: {message} [{}]",
                    f.severity, f.line, f.rule
                )
            })
            .collect())
    }

    pub(crate) async fn revert_plan(
        &self,
        status: &Status,
        target: Option<&str>,
    ) -> anyhow::Result<Vec<Migration>> {
        Ok(match self {
            Self::Sql(migrator, workspace) => {
                let all = migrator.layout().read(workspace)?;
                revert_plan(workspace, &all, status, target)?
            }
            Self::Framework(migrator, workspace) => migrator.revert_plan(workspace, target).await?,
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a binary is told by the environment"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whose folder it is, and the folder, as far as files can tell.
pub(crate) fn tool(args: &DatabaseArgs) -> anyhow::Result<(Tool, PathBuf)> {
    match framework(args) {
        Some(found) => Ok(found),
        None => Ok((Tool::Sql(layout::of_folder(args)?), args.path.clone())),
    }
}

/// A framework that was named or whose file is there.
fn framework(args: &DatabaseArgs) -> Option<(Tool, PathBuf)> {
    let folder = match args.path.as_path() {
        unnamed if unnamed == Path::new(MIGRATIONS) => PathBuf::from("."),
        named => named.to_owned(),
    };
    match (args.layout, Framework::detect(&folder)) {
        (Some(Tool::Framework(framework)), _) => Some((Tool::Framework(framework), folder)),
        (None, Some(framework)) => {
            let mut stderr = std::io::stderr().lock();
            // A courtesy: a closed stderr stops nothing.
            let _ = writeln!(stderr, "layout {framework}: {} is there", framework.entry());
            Some((Tool::Framework(framework), folder))
        }
        _ => None,
    }
}

/// How the code of a framework's project is run.
pub(crate) fn project(args: &DatabaseArgs, folder: &Path) -> Project {
    let python = args.python.python.clone().unwrap_or_else(|| {
        let own = [".venv/bin/python", "venv/bin/python"];
        let own = own.iter().find(|python| folder.join(python).is_file());
        (*own.unwrap_or(&"python3")).to_owned()
    });
    let mut project = Project::new([python]);
    project.arguments.clone_from(&args.python.tool_arg);
    let own = [args.url_env.as_str()];
    let named = args.python.env.iter().map(String::as_str);
    project.env = PASSED
        .into_iter()
        .chain(own)
        .chain(named)
        .filter_map(|name| Some((name.to_owned(), variable(name)?)))
        .collect();
    project
}
