//! What the catalog does, on a file of SQLite and on a real PostgreSQL server.

mod audit;
mod bed;
mod clusters;
mod model;
mod opening;
mod tokens;
