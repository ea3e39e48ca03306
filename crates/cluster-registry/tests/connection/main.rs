//! Connections against real API servers, and against peers that only pretend to be one.

#[cfg(test)]
mod credentials;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod oidc;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod sharing;
#[cfg(test)]
mod support;
