//! Values to try: the server says which of them a type takes, and which a former type did not.

use super::shape::Column;
use crate::rehearsal::sql::literal;

/// Literals that may be hostile to a column's former type, the likely ones first.
pub(super) fn candidates(modifier: i32) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    // Of a text the modifier is its length and 4.
    if let Ok(length) = usize::try_from(modifier - 4)
        && (1..100_000).contains(&length)
    {
        all.push("x".repeat(length + 1));
    }
    // Of a number it is precision and scale.
    if modifier >= 4 {
        let (precision, scale) = ((modifier - 4) >> 16, (modifier - 4) & 0x7ff);
        if let Ok(digits) = usize::try_from(precision - scale)
            && (1..1000).contains(&digits)
        {
            all.push("9".repeat(digits + 1));
        }
        if let Ok(scale) = usize::try_from(scale)
            && scale < 1000
        {
            all.push(format!("0.{}7", "1".repeat(scale)));
        }
    }
    all.extend(
        [
            "40000",
            "3000000000",
            "99999999999999999999",
            "1.5",
            "0.123456789012",
            "1e300",
            "2020-02-03 04:05:06.789",
            "infinity",
            "not what it was",
            "{\"not\": \"what it was\"}",
            "{x,y}",
            "7",
            "-1",
            "0",
            "",
            "4711",
            "true",
        ]
        .map(str::to_owned),
    );
    all
}

/// Literals that a check may have refused.
pub(super) fn unusual() -> Vec<Option<String>> {
    let mut all: Vec<Option<String>> = [
        "-1",
        "0",
        "1",
        "1000000",
        "-0.5",
        "",
        "not what it was",
        "2000-01-01",
        "9999-12-31",
        "false",
        "true",
        "{}",
    ]
    .map(|text| Some(text.to_owned()))
    .into();
    all.push(Some("x".repeat(300)));
    all.push(None);
    all
}

/// An expression for a value that no other row has and that is recognised again, if the type has such values.
pub(super) fn distinct(column: &Column, number: u64) -> Option<String> {
    let kind = column.kind.as_str();
    let text = |limit: usize| {
        let all = format!("ripcord{number}");
        let from = all.len().saturating_sub(limit);
        format!("'{}'", &all[from..])
    };
    // `timestamp(3) without time zone` is `timestamp without time zone`.
    let base = match (kind.find('('), kind.find(')')) {
        (Some(open), Some(close)) if open < close => {
            format!("{}{}", &kind[..open], &kind[close + 1..])
        }
        _ => kind.to_owned(),
    };
    Some(match base.as_str() {
        "smallint" => format!("'{}'", 20_000 + number % 12_000),
        "integer" | "bigint" | "oid" => format!("'{}'", 700_000_000 + number),
        "numeric" | "real" | "double precision" => match column.modifier {
            -1 => format!("'{}'", 500_000 + number),
            modifier => {
                let (precision, scale) = ((modifier - 4) >> 16, (modifier - 4) & 0x7ff);
                let digits = u32::try_from(precision - scale).unwrap_or(1).min(9);
                format!("'{}'", number % 10_u64.pow(digits))
            }
        },
        "text" | "citext" | "name" => text(40),
        "character varying" | "character" | "\"char\"" => text(
            usize::try_from(column.modifier - 4)
                .unwrap_or(40)
                .clamp(1, 40),
        ),
        "uuid" => format!("'00000000-0000-4000-8000-{number:012}'"),
        "date" => format!("date '2001-01-01' + {}", number % 9000),
        "timestamp without time zone" | "timestamp with time zone" => {
            format!("timestamp '2001-01-01 00:00:00' + interval '{number} seconds'")
        }
        "time without time zone" | "time with time zone" => {
            format!("time '00:00:00' + interval '{} seconds'", number % 80_000)
        }
        "interval" => format!("interval '{number} seconds'"),
        "boolean" => "true".to_owned(),
        "json" | "jsonb" => format!("'{{\"ripcord\": {number}}}'"),
        "bytea" => format!("'\\x{number:016x}'"),
        "inet" | "cidr" => format!("inet '10.0.0.0' + {}", number % 60_000),
        _ => return None,
    })
}

/// A value of any kind that the type takes.
pub(super) fn any(column: &Column, number: u64, labels: Option<&Vec<String>>) -> Option<String> {
    if let Some(label) = labels.and_then(|labels| labels.first()) {
        return Some(literal(label));
    }
    if column.category == 'A' {
        // Which texts, numbers and many others take; the server says if not.
        return Some("'{1}'".to_owned());
    }
    distinct(column, number)
}
