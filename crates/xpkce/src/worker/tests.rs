use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;

use super::*;

fn gate() -> (oneshot::Sender<()>, oneshot::Receiver<()>) {
    oneshot::channel()
}

#[test]
fn a_task_runs_to_its_end_though_nobody_waits() {
    let worker = Worker::start("test").unwrap();
    let (open, opened) = gate();
    let (done, is_done) = mpsc::channel();
    drop(worker.run(async move {
        opened.await.unwrap();
        done.send(()).unwrap();
    }));
    open.send(()).unwrap();
    is_done.recv_timeout(Duration::from_secs(10)).unwrap();
}

#[test]
fn dropping_it_waits_for_what_it_runs() {
    let worker = Worker::start("test").unwrap();
    let is_done = Arc::new(AtomicBool::new(false));
    let (open, opened) = gate();
    let flag = is_done.clone();
    drop(worker.run(async move {
        opened.await.unwrap();
        flag.store(true, Ordering::SeqCst);
    }));
    let opener = thread::spawn(move || open.send(()).unwrap());
    drop(worker);
    assert!(is_done.load(Ordering::SeqCst));
    opener.join().unwrap();
}

#[test]
fn dropping_it_gives_up_at_the_deadline() {
    let worker = Worker::start_with("test", Duration::from_millis(10)).unwrap();
    drop(worker.run(std::future::pending::<()>()));
    drop(worker);
}

#[test]
fn a_task_may_hold_the_last_handle() {
    let worker = Arc::new(Worker::start("test").unwrap());
    let (open, opened) = gate();
    let (done, is_done) = mpsc::channel();
    let held = worker.clone();
    drop(worker.run(async move {
        opened.await.unwrap();
        drop(held);
        done.send(()).unwrap();
    }));
    drop(worker);
    open.send(()).unwrap();
    is_done.recv_timeout(Duration::from_secs(10)).unwrap();
}

#[test]
fn a_panic_is_an_error_and_the_next_task_runs() {
    let worker = Worker::start("test").unwrap();
    let error = worker.wait(async { panic!("of a test") }).unwrap_err();
    assert_eq!(error.reason(), Reason::Internal);
    assert_eq!(worker.wait(async { 7 }).unwrap(), 7);
}

#[tokio::test]
async fn it_waits_inside_another_runtime() {
    let worker = Worker::start("test").unwrap();
    assert_eq!(worker.wait(async { 1 }).unwrap() + worker.run(async { 2 }).await.unwrap(), 3);
}

#[tokio::test]
async fn who_waits_is_answered_though_the_worker_was_let_go_before_its_task_ended() {
    let (tasks, queue) = unbounded_channel();
    let (open, opened) = gate();
    let (answer, mut answered) = oneshot::channel();
    let task = caught(async { opened.await.unwrap() });
    tasks.send(task.map(answer_by(move |it| drop(answer.send(it)))).boxed()).unwrap();
    drop(tasks);
    let opening = async { open.send(()).unwrap() };
    // The worker is asked first, and has nothing but that task to wait for.
    tokio::join!(serve(queue, Arc::default(), DRAIN), opening);
    answered.try_recv().unwrap().unwrap();
}

#[test]
fn a_waker_that_panics_does_not_end_it() {
    let worker = Worker::start("test").unwrap();
    let (open, opened) = gate();
    let mut answer = Box::pin(worker.run(opened));
    let waker = Waker::from(Arc::new(Panics));
    assert!(answer.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    open.send(()).unwrap();
    assert_eq!(worker.wait(async { 7 }).unwrap(), 7);
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("of a test");
    }
}

#[test]
fn who_is_answered_first_gives_the_others_their_answers() {
    let worker = Worker::start("test").unwrap();
    let (woken, first) = mpsc::channel();
    let (_done, is_done) = mpsc::channel::<()>();
    let is_done = Arc::new(Mutex::new(Some(is_done)));
    let (opens, mut answers): (Vec<_>, Vec<_>) = (0..2)
        .map(|id| {
            let (open, opened) = gate();
            let mut answer = Box::pin(worker.run(opened));
            let held = Held { id, woken: woken.clone(), is_done: Arc::clone(&is_done) };
            let waker = Waker::from(Arc::new(held));
            assert!(answer.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            (open, answer)
        })
        .unzip();
    // Both end before the worker comes to look.
    drop(worker.run(async { opens.into_iter().for_each(|open| open.send(()).unwrap()) }));
    let first_woken = first.recv().unwrap();
    assert!(first.try_recv().is_err(), "the worker is held up by the first");
    let waker = Waker::noop();
    assert!(answers[first_woken].as_mut().poll(&mut Context::from_waker(waker)).is_ready());
    assert_eq!(first.try_recv(), Ok(1 - first_woken));
}

/// Tells whose it is. The first of them holds up who wakes it, until the test is done.
struct Held {
    id: usize,
    woken: mpsc::Sender<usize>,
    is_done: Arc<Mutex<Option<mpsc::Receiver<()>>>>,
}

impl Wake for Held {
    fn wake(self: Arc<Self>) {
        let is_done = self.is_done.lock().unwrap().take();
        self.woken.send(self.id).unwrap();
        let _ = is_done.map(|is_done| is_done.recv());
    }
}

#[test]
fn nothing_is_given_to_the_worker_of_another_process() {
    let mut worker = Worker::start("test").unwrap();
    worker.process = 0;
    let why = worker.wait(async { 7 }).unwrap_err();
    assert_eq!(why.reason(), Reason::Internal);
}
