//! What an API server says to a caller's own change. It is meant for the caller, unlike what it says to fleetgraph's account,
//! and so it is passed on; but not where it may quote a secret.

use fleetgraph_core::{Error, ErrorCode};

use super::classify::{classify, said};

/// What a caller is told whose change was not made. `quotable` says whether the server's own sentence may be told: it
/// repeats values that it doesn't accept.
#[must_use]
pub fn refusal(error: &kube::Error, quotable: bool) -> Error {
    let kube::Error::Api(status) = error else {
        let told = classify(error);
        return Error::new(told.code, told.message);
    };
    let (code, message) = match status.code {
        400 | 413 | 415 | 422 => (ErrorCode::BadUserInput, None),
        403 => (ErrorCode::Forbidden, None),
        404 => (ErrorCode::NotFound, None),
        409 | 412 => (ErrorCode::Conflict, None),
        // Of the credentials, of the server's state: these say who has to do something, which isn't the caller.
        _ => {
            let told = classify(error);
            (told.code, Some(told.message))
        }
    };
    if !quotable {
        // Webhooks choose codes, reasons and sentences as they like.
        let message = format!(
            "the cluster refuses the change ({}), and its reasons may repeat what is secret",
            status.code
        );
        return Error::new(code, message);
    }
    Error::new(
        code,
        message
            .unwrap_or_else(|| format!("the cluster refuses the change ({}): {}", status.code, said(status))),
    )
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn api(code: u16, message: &str) -> kube::Error {
        kube::Error::Api(Status::failure(message, "hush").with_code(code).boxed())
    }

    #[test]
    fn a_refused_change_is_the_callers_matter() {
        for (status, code) in [
            (400, ErrorCode::BadUserInput),
            (422, ErrorCode::BadUserInput),
            (403, ErrorCode::Forbidden),
            (404, ErrorCode::NotFound),
            (409, ErrorCode::Conflict),
            (429, ErrorCode::ClusterRateLimited),
            (500, ErrorCode::ClusterUnavailable),
        ] {
            let told = refusal(&api(status, "no, ann"), true);
            assert_eq!(told.code, code);
            assert!(told.message.contains("no, ann"), "{told}");
        }
    }

    #[test]
    fn what_the_server_repeats_of_a_secret_is_not_passed_on() {
        for code in 400..600 {
            let told = refusal(&api(code, "Invalid value: \"hush\""), false);
            assert!(told.message.contains(&code.to_string()) && !told.message.contains("hush"), "{told}");
        }
    }
}
