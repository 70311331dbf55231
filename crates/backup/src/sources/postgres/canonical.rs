//! Expressions that the server writes in another way after a restore.

/// `status IN ('a', 'b')` on a varchar column is kept as a cast of a whole array, written
/// `(ARRAY['a'::character varying, …])::text[]`; read back, it becomes an array of casts,
/// `ARRAY[('a'::character varying)::text, …]`. Both mean the same; this makes the first the
/// second.
pub(super) fn canonical(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("(ARRAY[") {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        match array_cast(from) {
            Some((elements, cast, after)) => {
                let elements: Vec<String> = elements
                    .iter()
                    .map(|element| format!("({})::{cast}", canonical(element)))
                    .collect();
                out.push_str(&format!("ARRAY[{}]", elements.join(", ")));
                rest = after;
            }
            None => {
                out.push('(');
                rest = &from[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Takes `(ARRAY[a, b])::type[]` apart: elements, type, and what follows.
fn array_cast(text: &str) -> Option<(Vec<&str>, &str, &str)> {
    let body = text.strip_prefix("(ARRAY[")?;
    let (elements, after) = elements(body)?;
    let cast = after.strip_prefix(")::")?;
    let end = cast.find("[]")?;
    let (name, after) = cast.split_at(end);
    let is_type = name
        .chars()
        .all(|c| c.is_alphanumeric() || " _.\"()".contains(c));
    is_type.then_some((elements, name, &after[2..]))
}

/// Elements up to the closing bracket, and what follows it.
fn elements(text: &str) -> Option<(Vec<&str>, &str)> {
    let mut found = Vec::new();
    let (mut depth, mut start) = (0_u32, 0);
    let mut quote = None;
    for (at, c) in text.char_indices() {
        if let Some(open) = quote {
            // A doubled quote closes and opens again, which comes to the same.
            if c == open {
                quote = None;
            }
            continue;
        }
        match c {
            '\'' | '"' => quote = Some(c),
            '(' | '[' => depth += 1,
            ']' if depth == 0 => {
                found.push(text[start..at].trim());
                return Some((found, &text[at + 1..]));
            }
            ')' | ']' => depth = depth.checked_sub(1)?,
            ',' if depth == 0 => {
                found.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn a_cast_of_an_array_becomes_an_array_of_casts() {
        let kept = "CHECK (((s)::text = ANY ((ARRAY['a,]'::character varying, 'it''s'::character varying])::text[])))";
        let read_back = "CHECK (((s)::text = ANY (ARRAY[('a,]'::character varying)::text, ('it''s'::character varying)::text])))";
        assert_eq!(canonical(kept), read_back);
        assert_eq!(canonical(read_back), read_back);
    }

    #[test]
    fn the_rest_stays() {
        for text in [
            "",
            "(ARRAY[1, 2])",
            "f(ARRAY[1, 2])::text",
            "(ARRAY['open",
            "CHECK ((x > 1))",
        ] {
            assert_eq!(canonical(text), text);
        }
    }
}
