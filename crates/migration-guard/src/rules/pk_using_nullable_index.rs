//! ADD PRIMARY KEY USING INDEX over nullable columns.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::ConstraintKind;

pub(super) const RULE: Rule = Rule {
    id: "pk-using-nullable-index",
    severity: Severity::Warning,
    why: "it sets NOT NULL implicitly and reads the whole table under the exclusive lock",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, _, constraint) in walk::added_constraints(cx) {
        if let ConstraintKind::PrimaryKey {
            using_index: Some(index),
            ..
        } = &constraint.kind
        {
            let columns = cx
                .state
                .indexes
                .get(index)
                .map(|i| i.columns.clone())
                .unwrap_or_default();
            let known = !columns.is_empty()
                && columns.iter().all(|c| {
                    cx.state.column(table, c).is_some_and(|s| s.not_null)
                        || cx.state.proves_not_null(table, c)
                });
            if !known {
                hits.add(format!(
                    "the columns of {index} are not known to be NOT NULL"
                ))
                .on(table)
                .help("CHECK (c IS NOT NULL) NOT VALID, VALIDATE, SET NOT NULL, then the key");
            }
        }
    }
}
