//! Several changes of the schema in one file: each commits by itself.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::schema::commits;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    id: "my-no-tx-ddl",
    severity: Severity::Info,
    why: "each commits what is open and cannot be rolled back, so a failure leaves half of the file applied",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if cx.state.opened.is_some() && commits(cx.kind) {
        hits.add("this commits the transaction that the file has opened")
            .severity(Severity::Error)
            .help("changes of the schema in a file without BEGIN");
        return;
    }
    // Said once, where the trouble begins.
    if commits(cx.kind) && cx.schema.changes_before(cx.index) == 1 {
        hits.add("the file changes the schema more than once")
            .help("one change a file");
    }
}
