use std::time::Duration;

use super::section::Section;
use super::{ConfigError, DeployConfig};

/// Reads `[deploy]`.
pub(super) fn read(section: Option<Section<'_>>) -> Result<DeployConfig, ConfigError> {
    let mut deploy = DeployConfig {
        max_downtime: Duration::ZERO,
        deadline: Duration::from_secs(3600),
        lease_ttl: Duration::from_secs(30),
        always_need_backup: false,
    };
    let Some(section) = section else {
        return Ok(deploy);
    };
    if let Some(value) = section.duration("max_downtime")? {
        deploy.max_downtime = value;
    }
    if let Some(value) = section.duration("deadline")? {
        deploy.deadline = value;
    }
    if let Some(value) = section.duration("lease_ttl")? {
        if value < Duration::from_secs(3) {
            return Err(section.wrong("lease_ttl", "`lease_ttl` has to be at least 3s"));
        }
        deploy.lease_ttl = value;
    }
    if let Some(value) = section.choice(
        "need_backup",
        &[("always", true), ("with-migrations", false)],
    )? {
        deploy.always_need_backup = value;
    }
    section.finish()?;
    Ok(deploy)
}
