//! Decisions that only a cluster itself can take, asked by SubjectAccessReview.
//!
//! ```text
//!   look-up ─▶ Decisions (known for some seconds) ─ not known ─▶ Wants ── settle ─▶ Reviewer ─▶ the cluster
//!                   ▲                                                                  │ one flight a question
//!                   └──────────────── an answer, never an error ───────────────────────┘
//! ```

mod call;
mod decisions;
mod question;
mod reviewer;
mod settle;
mod wants;

pub(crate) use call::{post, review};
pub(crate) use decisions::Decisions;
pub(crate) use question::{Attributes, Place, Question, Subject, ways};
pub(crate) use reviewer::{Failure, Reviewer};
pub(crate) use settle::{Asked, settle};
pub(crate) use wants::{Want, Wants};
