//! `ripcord.toml`: parsed to a tree that knows where everything stands, merged with the environment's overlay, read
//! into typed values. Everything is validated before the first connection opens.

mod backup;
mod checks;
mod database;
mod deploy;
mod error;
mod gates;
mod model;
mod read;
mod section;
mod tree;
mod units;

pub use backup::{BackupConfig, S3Config, StoreConfig};
pub use checks::{CheckConfig, CheckKind, HttpConfig, PostgresConfig, ReleaseFrom};
pub use error::ConfigError;
pub use model::{
    Config, DatabaseConfig, DeployConfig, GateConfig, ManagerConfig, MigrationsConfig, MysqlConfig,
    NotifyConfig, NotifyKind, ReleaseConfig, WriterConfig,
};
pub use read::{Sources, load};
pub use units::{parse_duration, parse_size, show_size};
