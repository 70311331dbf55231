use std::fmt;
use std::time::Duration;

/// How a framework's project is driven. Where it lies, the [`Workspace`](crate::Workspace) of each
/// call says: that of the release which owns the migration.
#[non_exhaustive]
#[derive(Clone)]
pub struct Project {
    /// The program that runs Python, and its arguments: `["python3"]`, `["uv", "run", "python"]`,
    /// `[".venv/bin/python"]`. A program with a slash is looked for in the workspace.
    pub python: Vec<String>,
    /// Arguments for the tool itself: those of `alembic`, for example `["-x", "tenant=a"]`; for
    /// Django the script in place of `manage.py`.
    pub arguments: Vec<String>,
    /// Every variable the children see, apart from those that lead libpq to the database. The
    /// connection string belongs here, under the name that the project's settings read; it is
    /// nobody else's business, and never part of a message.
    pub env: Vec<(String, String)>,
    /// Django's name for the database.
    pub database: String,
    /// How long reading the state may take. Default 2 min.
    pub read_timeout: Duration,
    /// How long one migration may take. Default 1 h.
    pub run_timeout: Duration,
}

impl Project {
    /// A project that `python` runs, with an empty environment.
    pub fn new<S: Into<String>>(python: impl IntoIterator<Item = S>) -> Self {
        Self {
            python: python.into_iter().map(Into::into).collect(),
            arguments: Vec::new(),
            env: Vec::new(),
            database: "default".to_owned(),
            read_timeout: Duration::from_secs(120),
            run_timeout: Duration::from_secs(3600),
        }
    }
}

impl fmt::Debug for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Project")
            .field("python", &self.python)
            .field("arguments", &self.arguments)
            .field("env", &names)
            .field("database", &self.database)
            .field("read_timeout", &self.read_timeout)
            .field("run_timeout", &self.run_timeout)
            .finish()
    }
}
