//! Columns in an order that leaves holes in every row.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, Type};

pub(super) const RULE: Rule = Rule {
    id: "column-order",
    severity: Severity::Info,
    why: "a value starts at a multiple of its alignment, and what lies before is filled with nothing",
    check: Check::Statement(check),
};

/// Bytes a row from which on the order is worth a word.
const WORTH: usize = 8;

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateTable(it) = cx.kind
        && !it.temporary
    {
        let fixed: Vec<(usize, usize)> = it.columns.iter().map_while(|c| layout(&c.ty)).collect();
        let mut best = fixed.clone();
        best.sort_by_key(|(_, align)| std::cmp::Reverse(*align));
        let wasted = padding(&fixed).saturating_sub(padding(&best));
        if wasted >= WORTH {
            hits.add(format!(
                "{wasted} bytes of each row of {} are padding",
                it.table
            ))
            .on(&it.table)
            .help("columns of eight bytes first, then those of four, two and one");
        }
    }
}

/// Size and alignment of a type of fixed size, as pg_type has them.
fn layout(ty: &Type) -> Option<(usize, usize)> {
    if ty.array {
        return None;
    }
    Some(match ty.name.as_str() {
        "bigint" | "bigserial" | "double precision" | "timestamp" | "timestamptz" | "time" => {
            (8, 8)
        }
        "integer" | "serial" | "real" | "date" => (4, 4),
        "smallint" | "smallserial" => (2, 2),
        "boolean" => (1, 1),
        "uuid" => (16, 1),
        "interval" => (16, 8),
        _ => return None,
    })
}

fn padding(columns: &[(usize, usize)]) -> usize {
    let mut at = 0usize;
    let mut wasted = 0;
    for (size, align) in columns {
        let next = at.next_multiple_of(*align);
        wasted += next - at;
        at = next + size;
    }
    wasted
}
