//! A statement that is not understood.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{Kind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "unanalysed",
    severity: Severity::Warning,
    why: "what is not understood is not known to be safe",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if *cx.kind == Kind::Unanalysed {
        hits.add("this kind of statement is not understood");
    }
    for action in walk::all_actions(cx) {
        if let TableAction::Other(what) = action {
            hits.add(format!("{what} is not understood"));
        }
    }
}
