//! The `tributary` command.

fn main() -> std::process::ExitCode {
    tributary::main()
}
