//! What Flyway replaces in a file before it runs it.

/// The first `${name}`, with line and column.
pub(super) fn first(sql: &str) -> Option<(u32, u32, &str)> {
    for (number, line) in (1..).zip(sql.lines()) {
        let mut from = 0;
        while let Some(at) = line[from..].find("${") {
            let at = from + at;
            let rest = &line[at + 2..];
            match rest.find('}') {
                Some(end) if is_name(&rest[..end]) => {
                    let column = line[..at].chars().count() as u32 + 1;
                    return Some((number, column, &rest[..end]));
                }
                _ => from = at + 2,
            }
        }
    }
    None
}

fn is_name(text: &str) -> bool {
    let sign = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    !text.is_empty() && text.chars().all(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_in_braces_are_placeholders() {
        assert_eq!(
            first("SELECT 1;\nGRANT ALL ON t TO ${app.user};"),
            Some((2, 19, "app.user"))
        );
        assert_eq!(first("SELECT '$1', $$ ${ $$, '${}', '{a}'"), None);
    }
}
