//! SQL that is put together at run time.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "dynamic-sql",
    severity: Severity::Warning,
    why: "what it does cannot be judged before it runs",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Do {
        opaque: Some(why), ..
    } = cx.kind
    {
        hits.add(format!("this block cannot be judged: {why}"))
            .help("plain statements");
    }
    if *cx.kind == Kind::Dynamic {
        hits.add("SQL that is put together at run time cannot be judged")
            .help("plain statements; or EXECUTE of one literal");
    }
    if let Kind::Call { name } = cx.kind
        && !cx.state.routines.defines(&name.name)
    {
        hits.add(format!("what procedure {name} does cannot be judged"));
    }
}
