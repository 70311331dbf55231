//! How a folder of migrations is laid out, and where its tool records what is applied.

mod folder;
mod golang_migrate;
mod layout;
mod sqlx;

pub use layout::Layout;
