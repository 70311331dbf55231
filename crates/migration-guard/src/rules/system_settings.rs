//! A setting of the server or of a database.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "system-settings",
    severity: Severity::Error,
    why: "it is not part of the transaction and affects everybody",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if *cx.kind == Kind::SystemSettings {
        hits.add("a server-wide setting is changed by a migration")
            .help("configuration management");
    }
}
