//! A constraint on a domain.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{AlterDomain, Kind};

pub(super) const RULE: Rule = Rule {
    id: "domain-constraint",
    severity: Severity::Error,
    why: "every table that uses the domain is locked against writes and read",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    match cx.kind {
        Kind::AlterDomain {
            name,
            action: AlterDomain::AddConstraint { not_valid: false },
        } => {
            hits.add(format!(
                "all columns of domain {name} are checked under a lock"
            ))
            .help("ADD CONSTRAINT … NOT VALID; then VALIDATE CONSTRAINT");
        }
        Kind::AlterDomain {
            name,
            action: AlterDomain::SetNotNull,
        } => {
            hits.add(format!(
                "all columns of domain {name} are searched for nulls under a lock"
            ))
            .help("ADD CONSTRAINT … CHECK (VALUE IS NOT NULL) NOT VALID; then VALIDATE CONSTRAINT");
        }
        Kind::CreateDomain {
            name,
            constrained: true,
        } => {
            hits.add(format!(
                "domain {name} carries a constraint, which is hard to change later"
            ))
            .severity(Severity::Info)
            .help("a CHECK at each table");
        }
        _ => {}
    }
}
