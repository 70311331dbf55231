//! What [`lint`](crate::lint) found, in the formats that other programs read: one file each.

mod github;
mod gitlab;
mod junit;
mod markdown;
mod sarif;

pub use crate::lint::printable;
pub use github::github;
pub use gitlab::gitlab;
pub use junit::junit;
pub use markdown::{MARKER, markdown};
pub use sarif::sarif;

#[cfg(test)]
mod tests;
