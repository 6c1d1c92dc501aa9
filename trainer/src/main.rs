//! `recode-trainer`: the command line. Everything is in the library, where tests reach it.

fn main() -> std::process::ExitCode {
    recode_trainer::cli::main()
}
