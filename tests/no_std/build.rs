//! Links without the C start files. The C library stays, for `memcpy` and its kin only, which the
//! compiler calls everywhere.

fn main() {
    println!("cargo::rustc-link-arg-bins=-nostartfiles");
    println!("cargo::rustc-link-arg-bins=-lc");
}
