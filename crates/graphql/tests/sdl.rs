//! The SDL in `schema/` is the one that the code gives. `cargo xtask sdl` writes it.

#[test]
fn the_written_schema_is_the_one_that_is_served() {
    let written = include_str!("../../../schema/fleetgraph.graphql");
    assert!(written == graphql::federation_sdl(), "schema/fleetgraph.graphql is old; run `cargo xtask sdl`");
}
