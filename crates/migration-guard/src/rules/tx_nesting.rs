//! BEGIN or COMMIT in a file that the runner wraps.

use crate::Transactional;
use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "tx-nesting",
    severity: Severity::Error,
    why: "COMMIT ends the runner's transaction, and the rest runs without one",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let wrapped = cx.options.transaction.unwrap_or(cx.unit.transaction) == Transactional::Yes;
    match cx.kind {
        Kind::Begin if cx.state.in_transaction => {
            hits.add("a transaction is already open")
                .help("leave BEGIN out");
        }
        Kind::Commit | Kind::Rollback if wrapped && cx.state.opened.is_none() => {
            hits.add("the runner's transaction is ended inside the file")
                .help("leave it out");
        }
        Kind::Commit | Kind::Rollback if !wrapped && !cx.state.in_transaction => {
            hits.add("no transaction is open here")
                .severity(Severity::Warning);
        }
        _ => {}
    }
}
