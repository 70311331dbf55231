//! SQL as the rules see it: a parsed file, its statements, and what each of them does.

mod depth;
mod effectless;
mod lower;
pub(crate) mod model;
mod position;
mod script;
pub(crate) mod types;

pub(crate) use model::Name;
pub(crate) use position::Lines;
pub use script::{Script, Statement};
