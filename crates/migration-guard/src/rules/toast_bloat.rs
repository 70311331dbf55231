//! Large values of all rows are written anew.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Filter, Kind};

pub(super) const RULE: Rule = Rule {
    id: "toast-bloat",
    severity: Severity::Info,
    why: "each old value stays in the table's side store until VACUUM, and the file does not shrink again",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Update {
        table,
        columns,
        filter: Filter::All,
    } = cx.kind
        && !cx.is_new(table)
    {
        let large = |column: &&String| {
            let known = cx.state.column(table, column);
            let ty = known.and_then(|c| c.ty.as_ref()).map(|t| t.name.as_str());
            matches!(ty, Some("text" | "json" | "jsonb" | "bytea"))
        };
        if let Some(column) = columns.iter().find(large) {
            hits.add(format!("every {column} of {table} is stored a second time"))
                .on(table)
                .help("in batches, with VACUUM in between");
        }
    }
}
