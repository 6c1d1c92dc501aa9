//! `recode-trainer`: the command line. Everything is in the library, where tests reach it.

fn main() -> std::process::ExitCode {
    // Mesa's layer that sorts adapters asks the desktop which one it shows itself on, and complains on standard error where there is no desktop.
    // Here they are sorted by what they are.
    // SAFETY: no other thread has been started.
    unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    recode_trainer::cli::main()
}
