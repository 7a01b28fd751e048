//! Prints the release line and the source directory of each OpenSSL that `build.sh` builds.

fn main() {
    println!("111 {}", openssl_111::source_dir().display());
    println!("36 {}", openssl_36::source_dir().display());
}
