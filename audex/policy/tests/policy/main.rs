//! Laws that hold for every request, checked point by point, and against an evaluator that others wrote.

#[cfg(test)]
mod evaluator;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod model;
