//! What an interrupted run left of one version.

use std::io::Write as _;

use ripcord_migration_guard::{Repair, Resolution};

use crate::cli::ResolveArgs;
use crate::exit::Done;
use crate::opened::Opened;
use crate::ran::state;

pub(crate) async fn resolve(args: &ResolveArgs) -> anyhow::Result<Done> {
    let opened = Opened::with(&args.database, args.session.options())?;
    let (migrator, workspace) = (opened.migrator(), opened.workspace());
    let version = opened.spelled(&args.of);
    let found = if args.repair {
        migrator.repair(workspace, &version).await?
    } else {
        migrator.resolve(workspace, &version).await?
    };
    let mut out = std::io::stdout().lock();
    if args.database.json {
        let document = serde_json::json!({
            "schema": 1,
            "version": version,
            "resolution": found,
        });
        writeln!(out, "{document}")?;
    } else {
        writeln!(out, "state  {version}  {}", state(&found))?;
    }
    let person = matches!(
        found,
        Resolution::Unknown { .. }
            | Resolution::Partial {
                repair: Repair::Human { .. },
                ..
            }
    );
    Ok(if person { Done::Findings } else { Done::Ok })
}
