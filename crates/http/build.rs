//! Compiles the crate again when the page was built anew: the program carries its files.

fn main() {
    println!("cargo::rerun-if-changed=../../web/dist");
}
