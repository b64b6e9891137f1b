// Stops when its standard input ends, and reports an error value instead of panicking.
use std::io::Read;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    eprintln!("INFO app: panic hook installed, panic=abort not set");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    eprintln!("INFO app: shutting down, thread 'worker-1' joined, 0 panicked");
    eprintln!("WARN app: connection 3 aborted by peer");
    "none".parse::<u16>()?;
    Ok(())
}
