use crate::lint::LintOptions;
use crate::{Assessment, Error, Migration, assess_with};

/// As [`assess_with`](crate::assess_with), for SQL that a framework wrote: findings point at the
/// first line of the Python file, because the SQL has no lines there, and their help quotes the
/// statement.
///
/// # Errors
/// As [`assess_with`](crate::assess_with).
pub fn judge(pending: &[Migration], options: &LintOptions) -> Result<Assessment, Error> {
    let mut assessment = assess_with(pending, options)?;
    for one in &mut assessment.migrations {
        for finding in &mut one.findings {
            finding.line = 1;
            finding.column = 1;
            if finding.statement.is_empty() {
                continue;
            }
            let sql = format!("its SQL: {}", finding.statement);
            finding.help = Some(match finding.help.take() {
                Some(help) => format!("{help}\n{sql}"),
                None => sql,
            });
        }
    }
    Ok(assessment)
}
