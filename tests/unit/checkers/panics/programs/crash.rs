// Breaks in the way its argument names.
use std::{env, panic, thread};

struct Loud;
impl Drop for Loud {
    fn drop(&mut self) {
        panic!("again, while unwinding");
    }
}

extern "C" fn callback() {
    panic!("out of a C callback");
}

#[allow(unconditional_recursion)]
fn overflow(n: u64) -> u64 {
    std::hint::black_box([n; 64]);
    overflow(n + 1) + 1
}

fn main() {
    let kind = env::args().nth(1).unwrap();
    match kind.as_str() {
        "unwrap-none" => println!("{}", env::args().nth(9).unwrap()),
        "unwrap-err" => println!("{}", "seven".parse::<u32>().unwrap()),
        "index-out-of-bounds" => println!("{}", vec![1, 2, 3][env::args().count() + 1]),
        "overflow" => println!("{}", env::args().count() as u8 + 254),
        "thread" => thread::spawn(|| panic!("worker lost its queue")).join().unwrap_err().type_id().clone_into(&mut std::any::TypeId::of::<()>()),
        "named-thread" => {
            let worker = thread::Builder::new().name("tokio-runtime-worker".into());
            let _ = worker.spawn(|| { let v: Option<u8> = None; v.expect("a session") }).unwrap().join();
        }
        "recovered" => {
            let answer = panic::catch_unwind(|| panic!("handler failed"));
            println!("answered 500: {}", answer.is_err());
        }
        "refcell" => {
            let c = std::cell::RefCell::new(1);
            let _a = c.borrow_mut();
            let _b = c.borrow_mut();
        }
        "double" => {
            let _loud = Loud;
            panic!("first");
        }
        "cannot-unwind" => callback(),
        "stack-overflow" => println!("{}", overflow(0)),
        "out-of-memory" => println!("{}", Vec::<u8>::with_capacity(1 << 46).capacity()),
        "poisoned" => {
            let m = std::sync::Arc::new(std::sync::Mutex::new(0));
            let other = m.clone();
            let _ = thread::spawn(move || { let _g = other.lock().unwrap(); panic!("with the lock held") }).join();
            println!("{}", m.lock().unwrap());
        }
        _ => unreachable!(),
    }
}
