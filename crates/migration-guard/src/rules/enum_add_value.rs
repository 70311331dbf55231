//! ALTER TYPE … ADD VALUE.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{AlterType, Kind};

pub(super) const RULE: Rule = Rule {
    id: "enum-add-value",
    severity: Severity::Info,
    why: "no value can be taken away again, so there is no way back",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::AlterType {
        name,
        action: AlterType::AddValue { value, placed, .. },
    } = cx.kind
        && !cx.state.new_types.contains(&name.key())
    {
        let place = if *placed {
            ""
        } else {
            ", at the end of the order"
        };
        hits.add(format!("{name} gets '{value}' for good{place}"))
            .help("BEFORE or AFTER another value; or a lookup table");
    }
}
