use crate::lint::{printable, printable_lines, uri};
use crate::{Finding, Lint, Severity};

/// Commands for the log of a GitHub Actions step, that show each finding of at least `least`
/// beside its line in the pull request. The worst come first: GitHub shows ten errors and ten
/// warnings of a step.
///
/// <https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions>
pub fn github(lint: &Lint, least: Severity) -> String {
    let mut shown: Vec<&Finding> = lint
        .findings
        .iter()
        .filter(|f| f.severity >= least)
        .collect();
    shown.sort_by_key(|f| std::cmp::Reverse(f.severity));
    let mut out: String = shown.into_iter().map(command).collect();
    if let Some(silenced) = lint.silenced() {
        out.push_str(&format!(
            "::notice title=migration-guard::{}\n",
            data(&format!("not shown: {silenced}"))
        ));
    }
    out
}

fn command(finding: &Finding) -> String {
    let level = match finding.severity {
        Severity::Blocker | Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    };
    let mut message = format!("{}: {}", finding.message, finding.why);
    if let Some(help) = &finding.help {
        message.push('\n');
        message.push_str(help);
    }
    format!(
        "::{level} file={},line={},col={},title={}::{}\n",
        property(&uri(&finding.file)),
        finding.line,
        finding.column,
        property(&finding.rule),
        data(&message),
    )
}

/// Nothing in a message ends it, or begins another command.
fn data(text: &str) -> String {
    printable_lines(text)
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(&printable(text))
        .replace(':', "%3A")
        .replace(',', "%2C")
}
