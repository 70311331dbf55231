/// One migration chain with what is true of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Case {
    pub(super) name: String,
    /// `class` and `basis`.
    pub(super) class: String,
    /// Has to be in the reason.
    pub(super) reason: Vec<String>,
    /// Has to be in a finding.
    pub(super) finding: Vec<String>,
    /// `table (column, …)`, sorted.
    pub(super) preserve: Vec<String>,
    /// `table.column rows`.
    pub(super) lost: Vec<String>,
    pub(super) overlap: Option<String>,
    pub(super) at_start: String,
    /// SQL of the old release's smoke test.
    pub(super) old: Option<String>,
    pub(super) queries: Option<String>,
    /// Pairs of up and down.
    pub(super) migrations: Vec<(String, Option<String>)>,
}

/// Reads cases from a text of `-- key: value` lines and sections `-- up` and `-- down`.
pub(super) fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut down = false;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("-- case: ") {
            cases.push(Case {
                name: name.to_owned(),
                at_start: "ignores-history".to_owned(),
                ..Case::default()
            });
            continue;
        }
        let Some(case) = cases.last_mut() else {
            continue;
        };
        match line {
            "-- up" => {
                down = false;
                case.migrations.push((String::new(), None));
                continue;
            }
            "-- down" => {
                down = true;
                let last = case.migrations.last_mut().expect("a down follows an up");
                last.1 = Some(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = case.migrations.last_mut() {
            let into = match (&mut last.1, down) {
                (Some(text), true) => text,
                _ => &mut last.0,
            };
            into.push_str(line);
            into.push('\n');
            continue;
        }
        let (key, value) = line
            .strip_prefix("-- ")
            .and_then(|rest| rest.split_once(": "))
            .unwrap_or_else(|| panic!("{}: {line:?}", case.name));
        let value = value.to_owned();
        match key {
            "class" => case.class = value,
            "reason" => case.reason.push(value),
            "finding" => case.finding.push(value),
            "preserve" => case.preserve = split(&value),
            "lost" => case.lost.push(value),
            "overlap" => case.overlap = Some(value),
            "at_start" => case.at_start = value,
            "old" => case.old = Some(value),
            "queries" => case.queries = Some(value),
            _ => panic!("{}: {key:?} is not known", case.name),
        }
    }
    cases
}

/// At commas outside of parentheses.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    let mut parts: Vec<String> = parts.iter().map(|p| p.trim().to_owned()).collect();
    parts.sort();
    parts
}
