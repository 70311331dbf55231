//! How a folder of migrations is laid out, and where its tool records what is applied.

pub(crate) mod checksum;
pub(crate) mod contents;
mod dbmate;
mod detect;
mod diesel;
pub(crate) mod flyway;
mod folder;
mod golang_migrate;
mod goose;
mod layout;
mod pairs;
mod placeholders;
mod plain;
mod prisma;
mod rails;
mod refinery;
mod sections;
mod settings;
mod sqlx;
mod version;

pub use layout::Layout;
