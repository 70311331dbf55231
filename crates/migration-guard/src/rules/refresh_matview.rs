//! REFRESH MATERIALIZED VIEW.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "refresh-matview",
    severity: Severity::Error,
    why: "readers of the view wait until the query is through",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::RefreshView {
        view,
        concurrently: false,
        with_data: true,
    } = cx.kind
        && !cx.state.new_views.contains(&view.key())
    {
        hits.add(format!("{view} cannot be read while it is refreshed"))
            .on(view)
            .help("REFRESH MATERIALIZED VIEW CONCURRENTLY, which needs a unique index");
    }
}
