//! Controllers.
pub(crate) mod pod_status;
