use ripcord_conninfo::Conninfo;
use serde::Deserialize;

use crate::frameworks::answer::Conflict;
use crate::frameworks::question::{Asked, Question};
use crate::frameworks::{Framework, Project};
use crate::{Error, Workspace};

/// What a project should have committed and has not.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Missing {
    /// Which of the two.
    pub kind: MissingKind,
    /// The model (Django), the table (Alembic) or the app with several heads.
    pub subject: String,
    /// One sentence for people.
    pub explanation: String,
    /// The command that writes what is missing.
    pub remedy: String,
}

/// The kind of a [`Missing`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum MissingKind {
    /// A model changed, and no migration says so.
    Migration,
    /// Two branches were written, and no migration merges them.
    Merge,
}

#[derive(Debug, Deserialize)]
struct Checked {
    conflicts: Vec<Conflict>,
    changes: Vec<Change>,
}

#[derive(Debug, Deserialize)]
struct Change {
    subject: String,
    what: String,
}

/// Looks for changed models without a migration (`makemigrations --check --dry-run`,
/// `alembic check`) and for heads that nobody has merged. Django needs no database for that;
/// Alembic compares the models with one that is migrated to its head.
///
/// # Errors
/// [`Workspace`](crate::ErrorKind::Workspace): the project does not load;
/// [`Unsupported`](crate::ErrorKind::Unsupported): Alembic was given no database;
/// [`Connection`](crate::ErrorKind::Connection), [`Database`](crate::ErrorKind::Database),
/// [`Tool`](crate::ErrorKind::Tool).
pub async fn check(
    framework: Framework,
    project: &Project,
    workspace: &Workspace,
    conninfo: Option<&Conninfo>,
) -> Result<Vec<Missing>, Error> {
    let asked = Asked {
        framework,
        project,
        workspace,
        conninfo,
    };
    let question = Question {
        what: "check",
        compare: conninfo.is_some(),
        ..Question::default()
    };
    let checked: Checked = asked.ask(&question, project.read_timeout).await?;
    let mut missing: Vec<Missing> = checked
        .conflicts
        .iter()
        .map(|conflict| Missing {
            kind: MissingKind::Merge,
            subject: conflict.of.clone(),
            explanation: conflict.told(),
            remedy: Conflict::remedy(framework).to_owned(),
        })
        .collect();
    let remedy = match framework {
        Framework::Django => "python manage.py makemigrations",
        Framework::Alembic => "alembic revision --autogenerate",
    };
    missing.extend(checked.changes.into_iter().map(|change| Missing {
        kind: MissingKind::Migration,
        explanation: format!(
            "{} changed without a migration: {}",
            change.subject, change.what
        ),
        subject: change.subject,
        remedy: remedy.to_owned(),
    }));
    Ok(missing)
}
