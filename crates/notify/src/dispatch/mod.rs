//! Delivery that never holds up whoever has something to say.

mod dispatcher;
mod lane;
mod policy;

pub use dispatcher::{Destination, Dispatcher};
pub use policy::{ResendAmbiguous, RetryPolicy};
