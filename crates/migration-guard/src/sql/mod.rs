//! SQL as the rules see it: a parsed file, its statements, and what each of them does.

mod depth;
mod effectless;
mod lower;
pub(crate) mod model;
pub(crate) mod mysql;
mod names;
pub(crate) mod plpgsql;
mod position;
mod script;
pub(crate) mod stack;
pub(crate) mod types;

pub(crate) use model::Name;
pub use mysql::MySqlServer;
pub(crate) use position::Lines;
pub use script::{Script, Statement};
pub use stack::map_on_workers;
