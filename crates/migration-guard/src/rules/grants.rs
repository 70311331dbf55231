//! Rights are given widely, or taken.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "grants",
    severity: Severity::Warning,
    why: "access differs from what was reviewed, and the running release may lose it",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    match cx.kind {
        Kind::Grant { revoke: true, .. } => {
            hits.add("rights are taken from a role that may be in use");
        }
        Kind::Grant { broad: true, .. } => {
            hits.add("rights are given to everybody, or all of them")
                .help("name the role and the rights");
        }
        Kind::Roles
            if cx
                .statement
                .text()
                .to_ascii_lowercase()
                .contains("superuser") =>
        {
            hits.add("a role's power over the server changes");
        }
        _ => {}
    }
}
