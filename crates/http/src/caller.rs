//! Who is calling, for as long as they stay: a WebSocket or an event stream ends soon after its caller's credential does.

use std::{sync::Arc, time::Duration};

use fleetgraph_core::{Error, ErrorCode, Identity};
use tokio::time::{Instant, sleep, timeout};

use crate::context::{Gate, RequestContext};

/// Time between two looks at the credential of an open stream, so that one that was revoked is gone within seconds.
pub const REASK: Duration = Duration::from_secs(2);

/// Time that finding out who is calling may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// For how long a stream stays open while nobody can tell whether its credential still holds.
const BENEFIT_OF_DOUBT: Duration = Duration::from_secs(60);

/// Asks the gate who is calling, within bounds of time.
pub(crate) async fn identify(
    gate: &dyn Gate,
    context: &RequestContext,
) -> Result<Option<Arc<Identity>>, Error> {
    timeout(PATIENCE, gate.identify(context)).await.unwrap_or_else(|_| {
        let message = "it could not be found out in time who is calling; try again";
        Err(Error::new(ErrorCode::AuthenticationUnavailable, message))
    })
}

/// Waits until an open stream's caller may no longer be served, and says why. Never ends where callers aren't asked.
pub(crate) async fn until_ended(gate: Arc<dyn Gate>, context: RequestContext) -> Error {
    let Some(caller) = context.caller.clone() else { return std::future::pending().await };
    let mut proven = Instant::now();
    loop {
        sleep(REASK).await;
        match identify(&*gate, &context).await {
            // What is open was begun with the rights of the one who began it.
            Ok(now) if now.as_ref().is_some_and(|now| now.principal == caller.principal) => {
                proven = Instant::now();
            }
            Ok(_) => {
                let message = "what the credential says of its owner has changed; connect again";
                return Error::new(ErrorCode::Unauthenticated, message);
            }
            Err(error) if error.code == ErrorCode::Unauthenticated => {
                let message = "the credential is no longer valid; connect again with another";
                return Error::new(ErrorCode::Unauthenticated, message);
            }
            Err(error) if proven.elapsed() >= BENEFIT_OF_DOUBT => return error,
            Err(_) => {}
        }
    }
}
