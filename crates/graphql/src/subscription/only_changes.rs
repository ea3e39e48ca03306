//! Leaves out updates in which nothing changed that the subscriber selected.
//!
//! Status fields that nobody asked for change all the time. With `onlyChanges`, the selection is resolved on the
//! object before and after a change, and the event is sent if the two answers differ. Since equal answers are
//! never sent, the object before always answers as what was sent last.

use async_graphql::{ContainerType, Context, Value, resolver_utils::resolve_container};

/// Whether two events answer the selection of a subscription field differently. An error counts as a
/// difference, so that it reaches the subscriber.
pub async fn differ<E: ContainerType>(ctx: &Context<'_>, before: &E, after: &E) -> bool {
    match (answer(ctx, before).await, answer(ctx, after).await) {
        (Some(before), Some(after)) => before != after,
        _ => true,
    }
}

async fn answer<E: ContainerType>(ctx: &Context<'_>, event: &E) -> Option<Value> {
    resolve_container(&ctx.with_selection_set(&ctx.item.node.selection_set), event).await.ok()
}
