#![doc = include_str!("../README.md")]

mod backend;
pub mod backends;
mod database;
pub mod engine;
mod error;
pub mod evidence;
pub mod journal;
pub mod managers;
mod observer;
pub mod plan;
pub mod process;
mod release;
mod run;
#[cfg(feature = "test-util")]
pub mod test_util;
mod verifier;

#[cfg(feature = "mock")]
pub use backend::MockBackend;
pub use backend::{Backend, NoWitness, Witness};
#[cfg(feature = "mock")]
pub use database::MockDatabase;
pub use database::{
    BackupPurpose, BackupRecord, Database, PreserveRecord, Rehearsed, Resolution, SchemaState,
};
pub use engine::{Answer, Engine, Policy, Request};
pub use error::{Error, ErrorKind};
pub use journal::{Ending, Event, Journal, Record, Story};
pub use observer::{NoObserver, Observer};
pub use plan::{Class, RollbackPlan};
pub use release::{Observed, Release, Running};
pub use run::{Child, Ledger, Run, Statement, Tag, WayBack};
#[cfg(feature = "mock")]
pub use verifier::MockVerifier;
pub use verifier::{Judgement, Phase, Verdict, Verifier};
