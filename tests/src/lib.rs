//! Scenarios across the crates live in `tests/it`; this library is empty.
