//! An extension is created or altered.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "extension",
    severity: Severity::Warning,
    why: "it may need a superuser, and its version differs between servers",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    match cx.kind {
        Kind::CreateExtension { name, .. } => {
            hits.add(format!("extension {name} is installed by a migration"))
                .severity(Severity::Info)
                .help("install it once, as part of the server");
        }
        Kind::AlterExtension { name } => {
            hits.add(format!("extension {name} changes"));
        }
        _ => {}
    }
}
