//! One runnable file per question:
//!
//! | file | question |
//! |---|---|
//! | `health_endpoints.rs` | How do I put health endpoints into my axum service? |
//! | `gate_a_job.rs` | How do I let a job start only when checks of my own hold? |
//! | `lint_migrations.rs` | What would this folder of migrations do? |
//! | `back_up_and_prove.rs` | How do I make a backup that is known to restore? |
//! | `own_notifier.rs` | How do I add a channel of my own beside Slack? |
//! | `own_backend.rs` | How do I run my own kind of deployment under the engine, and survive being killed? |
//!
//! `cargo run -p ripcord-examples --example gate_a_job`
