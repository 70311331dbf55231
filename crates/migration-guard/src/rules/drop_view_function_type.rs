//! DROP of a view, function, type, sequence, domain or extension.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, Object};

pub(super) const RULE: Rule = Rule {
    id: "drop-view-function-type",
    severity: Severity::Error,
    why: "the release that still uses it fails at once",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Drop(it) = cx.kind
        && matches!(
            it.object,
            Object::View
                | Object::MaterializedView
                | Object::Function
                | Object::Type
                | Object::Sequence
                | Object::Domain
                | Object::Extension
        )
    {
        for name in &it.names {
            let what = it.object.sql().to_ascii_lowercase();
            hits.add(format!("{what} {name} is dropped"))
                .help("stop using it, deploy, then drop it in a later release");
        }
    }
}
