//! The PostgreSQL server for tests starts as this machine's user can start it, and leaves nothing behind.

use anyhow::{Context, Result, ensure};
use testkit::Postgres;

#[tokio::test]
async fn a_crashed_server_comes_back_with_what_was_committed() -> Result<()> {
    let server = Postgres::start().await?;
    let url = server.database()?;
    server.run(&url, "CREATE TABLE words (word text); INSERT INTO words VALUES ('kept')")?;
    server.crash();
    ensure!(server.run(&url, "SELECT 1").is_err(), "it is down");
    server.restart().await?;
    ensure!(server.run(&url, "SELECT word FROM words")? == "kept");
    Ok(())
}

#[tokio::test]
async fn databases_of_one_server_know_nothing_of_one_another() -> Result<()> {
    let server = Postgres::start().await?;
    let (a, b) = (server.database()?, server.database()?);
    server.run(&a, "CREATE TABLE words (word text)")?;
    let error = server.run(&b, "SELECT * FROM words").err().context("no such table")?;
    ensure!(error.to_string().contains("does not exist"), "{error:#}");
    Ok(())
}

#[tokio::test]
async fn a_dropped_server_takes_its_processes_and_its_files_with_it() -> Result<()> {
    let server = Postgres::start().await?;
    let url = server.database()?;
    let directory = server.run(&url, "SHOW data_directory")?;
    let pid: u32 =
        server.run(&url, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")?.parse()?;
    let of_the_server =
        || std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "postgres");
    ensure!(of_the_server() && std::path::Path::new(&directory).exists());
    drop(server);
    ensure!(!of_the_server(), "the checkpointer is left");
    ensure!(!std::path::Path::new(&directory).exists(), "{directory} is left");
    Ok(())
}
