//! The service as an application sees it, on in-memory stores: flows, refusals, faults, equal work, and races.

#[cfg(test)]
mod audited;
#[cfg(test)]
mod devices;
#[cfg(test)]
mod email_code;
#[cfg(test)]
mod enrolment;
#[cfg(test)]
mod enumeration;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod federation;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod lockout;
#[cfg(test)]
mod login;
#[cfg(test)]
mod logout;
#[cfg(test)]
mod operators;
#[cfg(test)]
mod overload;
#[cfg(test)]
mod password;
#[cfg(test)]
mod races;
#[cfg(test)]
mod refresh;
#[cfg(test)]
mod reset;
#[cfg(test)]
mod round_trips;
#[cfg(test)]
mod scopes;
#[cfg(test)]
mod signup;
#[cfg(test)]
mod spawnable;
#[cfg(test)]
mod step_up;
#[cfg(test)]
mod workflow;
