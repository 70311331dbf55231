use crate::Finding;
use crate::policy::pattern::fits;

/// A finding that somebody answers for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Allow {
    /// The rule.
    pub rule: String,
    /// The file, as the finding names it; `*` stands for any characters. Any file without it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub file: Option<String>,
    /// The table, as the finding names it; `*` stands for any characters. Any table without it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub table: Option<String>,
    /// Why this is safe here.
    pub reason: String,
    /// The last day on which it counts, in UTC: `2027-01-31`.
    #[cfg_attr(feature = "serde", serde(default))]
    pub until: Option<String>,
}

impl Allow {
    pub(super) fn covers(&self, finding: &Finding) -> bool {
        let file = || finding.file.to_string_lossy().replace('\\', "/");
        let table = || finding.table.clone().unwrap_or_default();
        self.rule == finding.rule
            && self
                .file
                .as_ref()
                .is_none_or(|p| fits(p, file().trim_start_matches("./")))
            && self.table.as_ref().is_none_or(|p| fits(p, &table()))
    }
}

/// A finding that was not reported, and why.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Acknowledged {
    /// What would have been reported.
    pub finding: Finding,
    /// The reason that was given; for one of a baseline, that it was there before.
    pub reason: String,
    /// The last day on which it counts.
    pub until: Option<String>,
}
