//! `ripcord.toml`: parsed to a tree that knows where everything stands, merged with the environment's overlay, read
//! into typed values. Everything is validated before the first connection opens.

mod backup;
mod checks;
mod database;
mod deploy;
mod error;
mod gates;
mod migrations;
mod model;
mod policy;
mod read;
mod rehearsal;
mod section;
mod tree;
mod units;

pub use backup::{BackupConfig, S3Config, StoreConfig};
pub use checks::{CheckConfig, CheckKind, HttpConfig, PostgresConfig, ReleaseFrom};
pub use error::ConfigError;
pub use model::{
    Config, DatabaseConfig, DeployConfig, FrameworkConfig, GateConfig, ManagerConfig,
    MigrationTool, MigrationsConfig, MysqlConfig, NotifyConfig, NotifyKind, PolicyConfig,
    ReleaseConfig, RunLimits, WriterConfig,
};
pub use read::{Sources, load};
pub use rehearsal::{RehearsalConfig, RehearsalPlace};
pub use units::{parse_duration, parse_size, show_size};
