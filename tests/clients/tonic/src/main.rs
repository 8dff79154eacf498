//! A tonic client of the appliance that checks every byte of every reply. Input and output are described in ../README.md.

mod caller;
mod contract;
mod health;
mod input;
mod judge;
mod plan;
mod report;

use std::cell::RefCell;
use std::error::Error;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{env, fs, io, thread};

use caller::Caller;
use input::Input;
use plan::Plan;
use report::Report;

const EXIT_USAGE: u8 = 2;
const EXIT_DEADLINE: u8 = 3;
/// A server that is away is not asked in a tight loop.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn run() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    let [_, path] = &arguments[..] else {
        return Err("usage: tonic-client INPUT.json".into());
    };
    let input: Input = serde_json::from_slice(&fs::read(path)?)?;
    let plan = Rc::new(RefCell::new(Plan::new(&input)?));
    let report = Rc::new(RefCell::new(Report::new()));
    let deadline = Duration::from_secs_f64(input.deadline_s);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let calls = make_calls(input, plan, Rc::clone(&report));
    let in_time = runtime.block_on(async { tokio::time::timeout(deadline, calls).await });
    println!("{}", report.borrow().print()?);
    match in_time {
        Ok(outcome) => outcome.map(|()| ExitCode::SUCCESS),
        Err(_) => Ok(ExitCode::from(EXIT_DEADLINE)),
    }
}

async fn make_calls(
    input: Input,
    plan: Rc<RefCell<Plan>>,
    report: Rc<RefCell<Report>>,
) -> Result<(), Box<dyn Error>> {
    let go_on = Arc::new(AtomicBool::new(input.until_stdin_closes));
    if input.until_stdin_closes {
        let open = Arc::clone(&go_on);
        thread::spawn(move || {
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            open.store(false, Ordering::Relaxed);
        });
    }
    let (lanes, connections) = (input.concurrency, input.connections);
    let caller = Rc::new(Caller::new(input, Rc::clone(&report))?);
    let answers = health::probe(caller.channel(0), caller.timeout()).await;
    report.borrow_mut().health(answers);
    let lanes = (0..lanes).map(|index| {
        let (caller, plan, go_on) = (Rc::clone(&caller), Rc::clone(&plan), Arc::clone(&go_on));
        async move {
            loop {
                let next = plan.borrow_mut().next(go_on.load(Ordering::Relaxed));
                let Some(call) = next else { break };
                if !caller.make(&call, index % connections).await {
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
            }
        }
    });
    let local = tokio::task::LocalSet::new();
    let running: Vec<_> = lanes.map(|lane| local.spawn_local(lane)).collect();
    local
        .run_until(async {
            for lane in running {
                lane.await?;
            }
            Ok(())
        })
        .await
}
