use std::io::Write as _;

use ripcord_migration_guard::{Dialect, hazards};

use crate::cli::RulesArgs;
use crate::exit::Done;

pub(crate) fn rules(args: &RulesArgs) -> anyhow::Result<Done> {
    let hazards = hazards(Dialect::from(args.dialect));
    let mut out = std::io::stdout().lock();
    if args.json {
        let document = serde_json::json!({ "schema": 1, "rules": hazards });
        writeln!(out, "{document}")?;
        return Ok(Done::Ok);
    }
    let width = hazards.iter().map(|h| h.id.len()).max().unwrap_or(0);
    for hazard in &hazards {
        writeln!(
            out,
            "{:width$}  {:7}  {}",
            hazard.id,
            hazard.severity.to_string(),
            hazard.why
        )?;
    }
    Ok(Done::Ok)
}
