//! Tests that start servers of their own, to kill, freeze, fill or reshape them.

mod faults;
mod moves;
