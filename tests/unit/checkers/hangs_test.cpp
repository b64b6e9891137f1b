// What deadline says of a target that hangs: what runtimes wrote (hangs/*.txt are recorded), what
// Node said, what was open. And where crashes happened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <sstream>

#include "base/file.hpp"
#include "base/signal_names.hpp"
#include "checkers/thread_dumps.hpp"
#include "unit/checkers/history_builder.hpp"
#include "unit/places.hpp"

namespace lastcall::hangs_test {
namespace {

using testing::connection;
using ::testing::EndsWith;
using testing::h;
using ::testing::HasSubstr;
using testing::HistoryBuilder;
using ::testing::Not;

// A stop whose deadline passed, before lastcall has asked anything.
HistoryBuilder passed(HistoryBuilder b) { return b.stop().wait(5000).event(DeadlinePassed{}); }
HistoryBuilder hung() {
  return passed(h(Protocol::http).event(TargetStarted{80, "server"}).ready());
}
HistoryBuilder forced(int signal) {
  return hung().event(TargetForced{signal, "it was still running at the deadline"});
}
HistoryBuilder says(HistoryBuilder b, std::string_view lines) {
  std::istringstream in{std::string(lines)};
  for (std::string line; std::getline(in, line);) b.line(line);
  return b;
}
std::string deadline(const HistoryBuilder& b) {
  constexpr std::string_view kBegin = "fail 1: still running 5 s after SIGTERM";
  const auto said = testing::said(b, "deadline");
  EXPECT_THAT(said, ::testing::StartsWith(std::string(kBegin)));
  return said.substr(std::min(kBegin.size(), said.size()));
}
std::string dumped(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return dump_text(dumped_threads(lines));
}
std::string recorded(const std::string& name) {
  const auto path = testing::source_path("tests/unit/checkers/hangs/" + name + ".txt");
  const auto text = read_file(path);
  EXPECT_TRUE(text.has_value()) << path;
  return text ? *text : "";
}

constexpr std::string_view kGo =
    "SIGQUIT: quit\n"
    "PC=0x46a5e1 m=0 sigcode=0\n"
    "\n"
    "goroutine 0 [idle]:\n"
    "runtime.futex()\n"
    "\t/usr/lib/go/src/runtime/sys_linux_amd64.s:553 +0x21\n"
    "\n"
    "goroutine 1 [chan receive, 2 minutes]:\n"
    "main.(*Pool).drain(...)\n"
    "\t/srv/app/pool.go:41\n"
    "main.main()\n"
    "\t/srv/app/main.go:12 +0x1a5\n"
    "\n"
    "goroutine 6 [syscall]:\n"
    "os/signal.signal_recv()\n"
    "\t/usr/lib/go/src/runtime/sigqueue.go:152 +0x2f\n"
    "created by os/signal.Notify.func1.1\n"
    "\t/usr/lib/go/src/os/signal/signal.go:151 +0x2a\n"
    "\n"
    "goroutine 18 [IO wait, 3 minutes]:\n"
    "internal/poll.runtime_pollWait(0x7f10, 0x72)\n"
    "\t/usr/lib/go/src/runtime/netpoll.go:305 +0x89\n"
    "net/http.(*conn).serve(0xc000118000, {0x6d1a08, 0xc00010e1b0})\n"
    "\t/usr/lib/go/src/net/http/server.go:1929 +0xae\n"
    "created by net/http.(*Server).Serve\n"
    "\t/usr/lib/go/src/net/http/server.go:3102 +0x4db\n"
    "\n"
    "goroutine 19 [IO wait, 5 minutes]:\n"
    "internal/poll.runtime_pollWait(0x7f11, 0x72)\n"
    "\t/usr/lib/go/src/runtime/netpoll.go:305 +0x89\n"
    "net/http.(*conn).serve(0xc000118120, {0x6d1a08, 0xc00010e1b0})\n"
    "\t/usr/lib/go/src/net/http/server.go:1929 +0xae\n"
    "created by net/http.(*Server).Serve in goroutine 5\n"
    "\t/usr/lib/go/src/net/http/server.go:3102 +0x4db\n"
    "\n"
    "goroutine 7 gp=0xc000007dc0 m=4 mp=0xc00007e008 [running, locked to thread]:\n"
    "\tgoroutine running on other thread; stack unavailable\n"
    "created by main.start in goroutine 1\n"
    "\t/srv/app/main.go:30 +0x25\n"
    "\n"
    "rax    0xca\n";

TEST(ThreadDump, OfGoNamesItsGoroutinesAndTheirOwnFunctions) {
  EXPECT_EQ(dumped(kGo),
            "goroutine 1 waits (chan receive, 2 minutes) in main.(*Pool).drain "
            "(/srv/app/pool.go:41); "
            "goroutine 7 runs, started by main.start (/srv/app/main.go:30); "
            "2 goroutines wait (IO wait, 5 minutes) in net/http.(*conn).serve");
}
TEST(ThreadDump, OfTheJvmNamesItsThreadsAndWhoHoldsTheMonitor) {
  EXPECT_EQ(dumped("2026-11-29 16:30:00\n"
                   "Full thread dump OpenJDK 64-Bit Server VM (17.0.9+9 mixed mode, sharing):\n"
                   "\n"
                   "\"worker \"b\"\" #12 daemon prio=5 os_prio=0 cpu=1.1ms elapsed=3.5s "
                   "tid=0x00007f10 nid=0x12 waiting for monitor entry  [0x00007f11]\n"
                   "   java.lang.Thread.State: BLOCKED (on object monitor)\n"
                   "\tat com.shop.Ledger.close(Ledger.java:40)\n"
                   "\t- waiting to lock <0x000000045e0> (a com.shop.Ledger)\n"
                   "\tat com.shop.Main.stop(Main.java:12)\n"
                   "\n"
                   "\"pool-1-thread-1\" #13 prio=5 os_prio=0 cpu=1.1ms elapsed=3.5s tid=0x00007f12 "
                   "nid=0x13 waiting on condition  [0x00007f13]\n"
                   "   java.lang.Thread.State: WAITING (parking)\n"
                   "\tat jdk.internal.misc.Unsafe.park(java.base@17.0.9/Native Method)\n"
                   "\tat java.util.concurrent.CountDownLatch.await(java.base@17.0.9/"
                   "CountDownLatch.java:230)\n"
                   "\tat com.shop.Ledger.keep(Ledger.java:20)\n"
                   "\t- locked <0x000000045e0> (a com.shop.Ledger)\n"
                   "\n"
                   "\"Signal Dispatcher\" #4 daemon prio=9 os_prio=0 cpu=0.2ms elapsed=3.5s "
                   "tid=0x00007f14 nid=0x14 runnable  [0x0000000000000000]\n"
                   "   java.lang.Thread.State: RUNNABLE\n"
                   "\n"
                   "\"main\" #1 prio=5 os_prio=0 cpu=60.42ms elapsed=3.52s tid=0x00007f15 nid=0x15 "
                   "runnable  [0x00007f16]\n"
                   "   java.lang.Thread.State: RUNNABLE\n"
                   "\tat sun.nio.ch.Net.accept(java.base@17.0.9/Native Method)\n"
                   "\tat app//com.shop.Main.main(Main.java:7)\n"
                   "\n"
                   "\"GC Thread#0\" os_prio=0 cpu=1.11ms elapsed=3.52s tid=0x00007f17 nid=0x17 "
                   "runnable\n"),
            "thread \"main\" is runnable in sun.nio.ch.Net.accept, called by com.shop.Main.main "
            "(Main.java:7); "
            "thread \"pool-1-thread-1\" waits (WAITING, parking) in "
            "java.util.concurrent.CountDownLatch.await, called by com.shop.Ledger.keep "
            "(Ledger.java:20); "
            "thread \"worker \"b\"\" waits (BLOCKED, on object monitor) in com.shop.Ledger.close "
            "(Ledger.java:40), for the monitor that thread \"pool-1-thread-1\" holds");
}
TEST(ThreadDump, OfPythonNamesItsThreadsByTheirOwnFunctions) {
  EXPECT_EQ(dumped("Fatal Python error: Aborted\n"
                   "\n"
                   "Thread 0x00007f10 (most recent call first):\n"
                   "  File \"/usr/lib/python3.11/queue.py\", line 171 in get\n"
                   "  File \"/srv/app/jobs.py\", line 12 in work\n"
                   "  File \"/usr/lib/python3.11/threading.py\", line 975 in run\n"
                   "\n"
                   "Thread 0x00007f11 [jobs] (most recent call first):\n"
                   "  File \"/usr/lib/python3.11/queue.py\", line 171 in get\n"
                   "  File \"/srv/app/jobs.py\", line 12 in work\n"
                   "  File \"/usr/lib/python3.11/threading.py\", line 975 in run\n"
                   "\n"
                   "Thread 0x00007f12 (most recent call first):\n"
                   "  File \"/usr/lib/python3.11/selectors.py\", line 415 in select\n"
                   "  File \"/usr/lib/python3.11/socketserver.py\", line 233 in serve_forever\n"
                   "\n"
                   "Current thread 0x00007f13 (most recent call first):\n"
                   "  <no Python frame>\n"
                   "  File \"/srv/app/main.py\", line 30 in stop\n"
                   "  File \"/srv/app/main.py\", line 41 in <module>\n"
                   "\n"
                   "Extension modules: _cffi (total: 1)\n"),
            "the main thread is in stop (/srv/app/main.py:30); "
            "2 threads are in get (queue.py:171), called by work (/srv/app/jobs.py:12); "
            "a thread is in select (selectors.py:415)");
  EXPECT_EQ(dumped("Thread 0x00007f10 (most recent call first):\n"), "") << "it crashed over it";
}
TEST(ThreadDump, OfPythonSaysThatTheEventLoopIsIdle) {
  const std::string loop =
      "  File \"/usr/lib/python3.11/asyncio/base_events.py\", line 1884 in _run_once\n"
      "  File \"/usr/lib/python3.11/asyncio/base_events.py\", line 607 in run_forever\n"
      "  File \"/usr/lib/python3.11/asyncio/runners.py\", line 190 in run\n"
      "  File \"/srv/app/main.py\", line 66 in <module>\n";
  EXPECT_EQ(dumped("Current thread 0x00007f13 (most recent call first):\n"
                   "  File \"/usr/lib/python3.11/selectors.py\", line 468 in select\n" +
                   loop),
            "the main thread is in asyncio's event loop, which is idle (a coroutine awaits what "
            "never comes: asyncio.all_tasks() tells which), called by /srv/app/main.py:66");
  EXPECT_EQ(dumped("Current thread 0x00007f13 (most recent call first):\n"
                   "  File \"/srv/app/main.py\", line 12 in drain\n" +
                   loop),
            "the main thread is in drain (/srv/app/main.py:12)");
}
TEST(ThreadDump, OfJavaNamesTheIdleThreadsOfAnExecutorThatKeepTheJvmAlive) {
  const auto thread = [](const std::string& name, const std::string& rest) {
    return '"' + name + "\" #15 prio=5 os_prio=0 tid=0x00007f" + std::to_string(name.size()) +
           name.back() + " nid=0x4a85 waiting on condition  [0x00007fca]\n" + rest + "\n";
  };
  const std::string idle =
      "   java.lang.Thread.State: WAITING (parking)\n"
      "\tat jdk.internal.misc.Unsafe.park(java.base@17.0.15/Native Method)\n"
      "\tat java.util.concurrent.LinkedBlockingQueue.take(java.base@17.0.15/"
      "LinkedBlockingQueue.java:435)\n"
      "\tat java.util.concurrent.ThreadPoolExecutor.getTask(java.base@17.0.15/"
      "ThreadPoolExecutor.java:1062)\n"
      "\tat java.util.concurrent.ThreadPoolExecutor.runWorker(java.base@17.0.15/"
      "ThreadPoolExecutor.java:1122)\n"
      "\tat java.lang.Thread.run(java.base@17.0.15/Thread.java:840)\n";
  const std::string runnable = "   java.lang.Thread.State: RUNNABLE\n";
  const auto workers = thread("pool-1-thread-1", idle) + thread("pool-1-thread-2", idle);
  EXPECT_EQ(dumped("Full thread dump OpenJDK 64-Bit Server VM:\n\n" +
                   thread("DestroyJavaVM", runnable) + workers),
            "2 threads (first \"pool-1-thread-1\") wait (WAITING, parking) in "
            "java.util.concurrent.ThreadPoolExecutor.getTask: nobody has shut down its "
            "ExecutorService, which keeps the JVM alive");
  EXPECT_EQ(dumped("Full thread dump OpenJDK 64-Bit Server VM:\n\n" + workers), "")
      << "its main thread goes on";
  EXPECT_EQ(
      dumped("Full thread dump OpenJDK 64-Bit Server VM:\n\n" +
             thread("SIGTERM handler", runnable) + thread("DestroyJavaVM", runnable) + workers),
      "")
      << "a shutdown hook goes on";
}
TEST(ThreadDump, OfPythonSaysThatTheProgramIsOver) {
  EXPECT_EQ(dumped("Thread 0x00007f10 (most recent call first):\n"
                   "  File \"/srv/app/main.py\", line 12 in beat\n"
                   "  File \"/usr/lib/python3.11/threading.py\", line 975 in run\n"
                   "\n"
                   "Current thread 0x00007f13 (most recent call first):\n"
                   "  File \"/usr/lib/python3.11/threading.py\", line 1590 in _shutdown\n"),
            "the main thread has ended its program and waits for non-daemon threads "
            "(threading._shutdown); a thread is in beat (/srv/app/main.py:12)");
  // As concurrent.futures does it, by a function that is called there.
  EXPECT_EQ(dumped("Current thread 0x00007f13 (most recent call first):\n"
                   "  File \"/usr/lib/python3.11/threading.py\", line 1112 in join\n"
                   "  File \"/usr/lib/python3.11/concurrent/futures/thread.py\", line 31 in "
                   "_python_exit\n"
                   "  File \"/usr/lib/python3.11/threading.py\", line 1553 in _shutdown\n"),
            "the main thread has ended its program and waits for non-daemon threads "
            "(threading._shutdown)");
}
std::string blocked(const std::string& name, const std::string& wants, const std::string& has) {
  return "\"" + name + "\" #12 prio=5 os_prio=0 cpu=1.1ms elapsed=3.5s tid=0x00007f10 nid=0x12 " +
         "waiting for monitor entry  [0x00007f11]\n"
         "   java.lang.Thread.State: BLOCKED (on object monitor)\n"
         "\tat com.shop.Ledger.close(Ledger.java:40)\n"
         "\t- waiting to lock <" +
         wants +
         "> (a com.shop.Ledger)\n"
         "\t- locked <" +
         has + "> (a com.shop.Ledger)\n\n";
}
TEST(ThreadDump, OfTheJvmCallsACircleOfMonitorsADeadlock) {
  const std::string begin = "Full thread dump OpenJDK 64-Bit Server VM (17.0.9+9 mixed mode):\n\n";
  const std::string blocked_text =
      " waits (BLOCKED, on object monitor) in com.shop.Ledger.close "
      "(Ledger.java:40), for the monitor that thread ";
  EXPECT_EQ(dumped(begin + blocked("main", "0x3", "0x4") + blocked("a", "0x1", "0x2") +
                   blocked("b", "0x2", "0x3") + blocked("c", "0x3", "0x1")),
            "deadlock: thread \"a\"" + blocked_text + "\"c\" holds; thread \"b\"" + blocked_text +
                "\"a\" holds; thread \"c\"" + blocked_text + "\"b\" holds; thread \"main\"" +
                blocked_text + "\"b\" holds");
  // Two threads of the same name are no circle, nor are threads of two processes.
  EXPECT_THAT(dumped(begin + blocked("a", "0x1", "0x2") + blocked("a", "0x9", "0x1")),
              Not(HasSubstr("deadlock")));
  EXPECT_EQ(dumped(begin + blocked("a", "0x1", "0x2") + begin + blocked("b", "0x2", "0x1")),
            "2 threads (first \"a\") wait (BLOCKED, on object monitor) in com.shop.Ledger.close "
            "(Ledger.java:40)");
}
TEST(ThreadDump, OfTheJvmKnowsThatWhoWaitsOnAMonitorHasReleasedIt) {
  const auto of = [](const std::string& how) {
    const std::string waits =
        "\"first\" #10 prio=5 tid=0x1 nid=0x1 in Object.wait()  [0x1]\n"
        "   java.lang.Thread.State: WAITING (on object monitor)\n"
        "\tat java.lang.Object.wait0(java.base@21.0.2/Native Method)\n"
        "\t- " +
        how +
        "\n"
        "\tat com.shop.Queue.take(Queue.java:9)\n"
        "\t- locked <0x1> (a com.shop.Ledger)\n\n";
    return dumped(waits + blocked("second", "0x7", "0x1") + blocked("third", "0x1", "0x3"));
  };
  for (const auto* how :
       {"waiting on <0x1> (a com.shop.Ledger)", "waiting on <no object reference available>"}) {
    EXPECT_THAT(of(how), EndsWith("; thread \"third\" waits (BLOCKED, on object monitor) in "
                                  "com.shop.Ledger.close (Ledger.java:40), for the monitor that "
                                  "thread \"second\" holds"));
  }
  EXPECT_THAT(of("waiting to re-lock in wait() <0x1> (a com.shop.Ledger)"),
              HasSubstr("com.shop.Queue.take (Queue.java:9), for the monitor that thread "
                        "\"second\" holds; "));
  // Another monitor than that on which it waits.
  EXPECT_THAT(of("waiting on <0x2> (a com.shop.Ledger)"), EndsWith("that thread \"first\" holds"));
}
TEST(ThreadDump, OfTheJvmSaysTheDeadlockOfLocksThatItHasFound) {
  const auto parked = [](const std::string& name) {
    return "\"" + name +
           "\" #12 prio=5 os_prio=0 tid=0x1 nid=0x1 waiting on condition  [0x1]\n"
           "   java.lang.Thread.State: WAITING (parking)\n"
           "\tat jdk.internal.misc.Unsafe.park(java.base@17.0.9/Native Method)\n"
           "\t- parking to wait for  <0x1> (a java.util.concurrent.locks.ReentrantLock)\n"
           "\tat java.util.concurrent.locks.ReentrantLock.lock(java.base@17.0.9/"
           "ReentrantLock.java:322)\n"
           "\tat com.shop.Ledger.close(Ledger.java:40)\n\n";
  };
  const auto held = [](const std::string& name, const std::string& by) {
    return "\"" + name +
           "\":\n  waiting for ownable synchronizer 0x000000070f4b5f58, (a "
           "java.util.concurrent.locks.ReentrantLock$NonfairSync),\n  which is held by \"" +
           by + "\"\n\n";
  };
  const std::string found =
      "JNI global refs: 12, weak refs: 0\n\n\nFound one Java-level deadlock:\n"
      "=============================\n" +
      held("a", "b") + held("b", "a") +
      "Java stack information for the threads listed above:\n"
      "===================================================\n"
      "\"a\":\n\tat jdk.internal.misc.Unsafe.park(java.base@17.0.9/Native Method)\n"
      "\tat com.shop.Ledger.close(Ledger.java:40)\n\nFound 1 deadlock.\n";
  const std::string waits =
      " waits (WAITING, parking) in java.util.concurrent.locks.ReentrantLock.lock, called by "
      "com.shop.Ledger.close (Ledger.java:40), for the lock that thread ";
  EXPECT_EQ(dumped(parked("a") + parked("b") + found),
            "deadlock: thread \"a\"" + waits + "\"b\" holds; thread \"b\"" + waits + "\"a\" holds");
  // Who is meant is not known.
  EXPECT_THAT(dumped(parked("a") + parked("b") + parked("b") + found), Not(HasSubstr("deadlock")));
}
TEST(ThreadDump, OfAJvmThatWasAskedTwiceCountsOnce) {
  const auto text = recorded("java-monitor");
  const auto once = dumped(text);
  EXPECT_EQ(dumped(text + text), once);
  // Another JVM with threads of the same names.
  auto other = text;
  for (auto at = other.find(" nid=0x"); at != std::string::npos; at = other.find(" nid=0x", at + 1))
    other.insert(at + 7, "7");
  EXPECT_THAT(dumped(text + other), ::testing::StartsWith("2 threads (first \"drain\") wait "));
}
TEST(ThreadDump, OfTheJvmNamesAThreadOfALibraryToo) {
  const auto thread = [](const std::string& name, const std::string& frames) {
    return "\"" + name + " prio=5 os_prio=0 tid=0x1 nid=0x1 waiting on condition  [0x1]\n" +
           "   java.lang.Thread.State: WAITING (parking)\n" +
           "\tat jdk.internal.misc.Unsafe.park(java.base@17.0.9/Native Method)\n" + frames +
           "\tat java.lang.Thread.run(java.base@17.0.9/Thread.java:840)\n\n";
  };
  const auto idle =
      thread("exec-1\" #20 daemon",
             "\tat org.apache.tomcat.util.threads.TaskQueue.take(TaskQueue.java:33)\n");
  const auto hook = thread(
      "SpringApplicationShutdownHook\" #15",
      "\tat java.util.concurrent.CountDownLatch.await(java.base@17.0.9/CountDownLatch.java:276)\n"
      "\tat org.springframework.context.support.DefaultLifecycleProcessor.stopBeans("
      "DefaultLifecycleProcessor.java:399)\n"
      "\tat org.springframework.boot.SpringApplicationShutdownHook.run(Hook.java:114)\n");
  const auto own = thread("orders\" #16",
                          "\tat com.shop.Orders.drain(Orders.java:7)\n"
                          "\tat io.netty.util.Later.run(Later.java:30)\n");
  const auto jdks = thread("pool-1-thread-1\" #17", "");
  const std::string hooks_text =
      "thread \"SpringApplicationShutdownHook\" waits (WAITING, parking) in "
      "java.util.concurrent.CountDownLatch.await, called by org.springframework.context.support."
      "DefaultLifecycleProcessor.stopBeans (DefaultLifecycleProcessor.java:399)";
  EXPECT_EQ(dumped(jdks + hook), hooks_text);
  EXPECT_EQ(dumped(idle + hook + own),
            "thread \"orders\" waits (WAITING, parking) in jdk.internal.misc.Unsafe.park, called "
            "by com.shop.Orders.drain (Orders.java:7); " +
                hooks_text +
                "; thread \"exec-1\" waits (WAITING, parking) in jdk.internal.misc.Unsafe.park, "
                "called by org.apache.tomcat.util.threads.TaskQueue.take (TaskQueue.java:33)");
}
TEST(ThreadDump, OfPythonNamesAThreadOfALibraryToo) {
  EXPECT_EQ(
      dumped("Thread 0x00007f10 (most recent call first):\n"
             "  File \"/usr/lib/python3.11/threading.py\", line 327 in wait\n"
             "  File \"/usr/lib/python3/dist-packages/apscheduler/blocking.py\", line 30 in "
             "_main_loop\n"
             "  File \"/usr/lib/python3.11/threading.py\", line 982 in run\n"
             "\n"
             "Current thread 0x00007f13 (most recent call first):\n"
             "  File \"/srv/venv/lib/python3.11/site-packages/shop/serve.py\", line 45 in "
             "drain\n"
             "  File \"/srv/venv/lib/python3.11/site-packages/shop/cli.py\", line 9 in main\n"
             "  File \"<frozen runpy>\", line 198 in _run_module_as_main\n"),
      "the main thread is in drain (/srv/venv/lib/python3.11/site-packages/shop/serve.py:45); "
      "a thread is in wait (threading.py:327), called by _main_loop "
      "(/usr/lib/python3/dist-packages/apscheduler/blocking.py:30)");
}
TEST(ThreadDump, CountsWhatIsTooMuch) {
  std::string text;
  for (int i = 1; i < 8; ++i) {
    text += "goroutine " + std::to_string(i) + " [select]:\nmain.f" + std::to_string(i) +
            "()\n\t/srv/app/main.go:" + std::to_string(i) + " +0x1\n\n";
  }
  EXPECT_THAT(dumped(text), ::testing::EndsWith("(/srv/app/main.go:4); and 3 more goroutines"));
}
TEST(ThreadDump, IsNotFoundInOtherLines) {
  for (const auto* text : {"", "\n\n", "goroutine pool [full]:\n", "goroutine 1\n",
                           "\"quoted\" nid= tid=\n", "Thread 0x1\n", "goroutine  [x]:\n",
                           "Current thread 0x (most recent", "\" tid=0x nid=\n"}) {
    EXPECT_EQ(dumped(text), "") << text;
  }
}
TEST(ThreadDump, ThatIsCutOffIsReadAsFarAsItGoes) {
  for (std::size_t length = 0; length < kGo.size(); ++length)
    EXPECT_THAT(dumped(kGo.substr(0, length)), Not(HasSubstr("runtime.futex")));
}
TEST(ThreadDump, RecordedFromRealRuntimesNamesTheCulprit) {
  EXPECT_EQ(dumped(recorded("go-1.19")),
            "goroutine 1 waits (semacquire) in sync.(*WaitGroup).Wait, called by "
            "main.(*pool).drain (./hang.go:32); "
            "3 goroutines wait (chan receive) in main.(*pool).work (./hang.go:24)");
  EXPECT_EQ(dumped(recorded("go-1.26")),
            "goroutine 1 waits in sync.(*WaitGroup).Wait, called by "
            "main.(*pool).drain (./hang.go:32); "
            "3 goroutines wait (chan receive) in main.(*pool).work (./hang.go:24)");
  EXPECT_EQ(dumped(recorded("java")),
            "thread \"drain\" waits (WAITING, parking) in "
            "java.util.concurrent.CountDownLatch.await, called by Hang.await (Hang.java:13)");
  EXPECT_EQ(dumped(recorded("java-monitor")),
            "thread \"drain\" waits (BLOCKED, on object monitor) in Hang.close (Hang.java:18), for "
            "the monitor that thread \"keeper\" holds; "
            "thread \"keeper\" waits (WAITING, parking) in "
            "java.util.concurrent.CountDownLatch.await, called by Hang.await (Hang.java:13)");
  EXPECT_EQ(
      dumped(recorded("python")),
      "the main thread is in join (threading.py:1112), called by drain (/srv/app/hang.py:43); "
      "a thread is in get (queue.py:171), called by work (/srv/app/hang.py:36)");
}

TEST(DeadlineOfAHang, SaysWhatTheRuntimeWroteWhenItWasAsked) {
  EXPECT_THAT(deadline(says(forced(SIGQUIT), kGo)),
              ::testing::StartsWith(": goroutine 1 waits (chan receive, 2 minutes) in main."));
  // What it wrote before is not about the hang.
  EXPECT_EQ(deadline(says(hung(), kGo).event(TargetForced{SIGQUIT, "it was still running"})), "");
}
TEST(DeadlineOfAHang, PrefersTheProgramsWordsToNativeThreads) {
  const auto seen = hung()
                        .event(ThreadWaits{80, 81, "server", "runtime.futex", "futex 0x10"})
                        .event(TargetForced{SIGQUIT, "it was still running"});
  EXPECT_EQ(deadline(seen), ": server (81) in runtime.futex waits for futex 0x10");
  EXPECT_THAT(deadline(says(seen, kGo)), Not(HasSubstr("futex")));
  const auto dead = says(hung()
                             .event(ThreadsStuck{true, true, "deadlock of 2 threads: …"})
                             .event(TargetForced{SIGQUIT, "it was still running"}),
                         kGo);
  EXPECT_THAT(deadline(dead), ::testing::StartsWith(": deadlock of 2 threads: …; goroutine 1 "));
}
TEST(DeadlineOfAHang, SaysThatPid1GetsNoSignalThatItDoesNotHandle) {
  const auto said = [](HandlerAtStop look, bool pid1 = true) {
    auto story = h(Protocol::http).event(TargetStarted{80, "server"}).ready();
    story.plan.scenario.target.pid1 = pid1;
    return deadline(passed(story.event(std::move(look))));
  };
  const std::string unheard =
      " had no handler for SIGTERM, and as PID 1 it gets no signal that it does not handle";
  EXPECT_EQ(said({80, SIGTERM, false, "", "python3.11"}), ": python3.11" + unheard);
  EXPECT_EQ(said({80, SIGTERM, false, "", ""}), ": the target" + unheard);
  EXPECT_EQ(said({80, SIGTERM, false, "", "dash"}),
            ": dash" + unheard + ": start the server with exec");
  // It handled the signal, or read it by signalfd(2): it heard of it.
  EXPECT_EQ(said({80, SIGTERM, true, "", "server"}), "");
  EXPECT_EQ(said({80, SIGTERM, false, "", "server", true}), "");
  EXPECT_EQ(said({80, SIGTERM, false, "", "server"}, false), "");
}
TEST(DeadlineOfAHang, SaysThatAShellPassedNoSignalOn) {
  const auto said = [](std::string program, std::vector<std::int32_t> takers, bool traced = true) {
    auto story = h(Protocol::http).event(TargetStarted{80, "sh start.sh"}).ready();
    if (traced) story.event(TraceBegan{true});
    story.event(HandlerAtStop{80, SIGTERM, true, "", std::move(program)}).stop();
    for (const auto pid : takers)
      story.event(SignalTaken{pid, pid, SIGTERM, 0, 1, 0, "", 0, false});
    return deadline(story.wait(5000).event(DeadlinePassed{}));
  };
  EXPECT_EQ(said("bash", {80}),
            ": the first process is a shell (bash) that passed no signal on: while a command runs "
            "in its foreground, its trap waits");
  EXPECT_EQ(said("bash", {80, 81}), "");
  EXPECT_EQ(said("python3.11", {80}), "");
  EXPECT_EQ(said("bash", {}, false), "");
}
TEST(DeadlineOfAHang, DoesNotTakeAnEventLoopsDescriptorForAReason) {
  EXPECT_EQ(deadline(hung().event(ThreadWaits{80, 81, "server", "serve()+0x1",
                                              "epoll_wait on 3 (anon_inode:[eventpoll])"})),
            ": server (81) in serve()+0x1 waits for events");
}
TEST(DeadlineOfAHang, SaysWhatKeepsNodeAlive) {
  const auto up = passed(h(Protocol::http).ready().client(4).up(4).client(7).up(7));
  const auto kept = [&](std::int32_t pid) {
    return HistoryBuilder(up)
        .event(KeptAlive{pid, "connection of 127.0.0.1:8080", "127.0.0.1:40007"})
        .event(KeptAlive{pid, "connection of 127.0.0.1:8080", "127.0.0.1:40004"})
        .event(KeptAlive{pid, "connection of 127.0.0.1:999", "127.0.0.1:9"})
        .event(KeptAlive{pid, "timer that nobody has cleared", ""});
  };
  const std::string list =
      "is kept alive by 2 connections of 127.0.0.1:8080 (first: clients \"users\", client 8), "
      "1 connection of 127.0.0.1:999 (127.0.0.1:9), 1 timer that nobody has cleared";
  const std::string open =
      "; 2 connections that never said anything (first: clients \"users\", client 5) still open";
  EXPECT_EQ(deadline(kept(80)), ": Node's event loop " + list + open);
  EXPECT_EQ(deadline(kept(80).event(KeptAlive{81, "", ""})),
            ": Node's event loop of process 80 " + list +
                "; Node's event loop of process 81 did not turn when lastcall asked what it does" +
                open);
}

HistoryBuilder connected() {
  auto b = h(Protocol::http).ready();
  for (std::uint32_t n = 0; n < 5; ++n) b.client(n).up(n);
  b.sent(0, 0).answered(0, 0);
  b.sent(1, 0);
  b.sent(2, 0).answered(2, 0);
  b.sent(3, 0).began(3, 0);
  return passed(b);
}
SocketsAtDeadline at_deadline(std::string connections, bool listening = true,
                              std::uint16_t port = 8080) {
  return {port, listening, connections.empty() ? "" : "127.0.0.1", std::move(connections), ""};
}
TEST(DeadlineOfAHang, SaysWhatWasOpenAndWhatTheClientsDid) {
  EXPECT_EQ(
      deadline(connected()
                   .event(at_deadline("40000:80 40001:80 40002:80+12 40004:0 40009:5 "
                                      "40010:backlog"))
                   .event(at_deadline("", false, 8443))
                   .event(PortProbed{"", 8080, 0})),
      ": the target still listens on {port}; 2 connections idle after an answer, with 12 bytes "
      "unread (first: clients \"users\", client 1), "
      "1 connection waiting for an answer (clients \"users\", client 2), "
      "1 connection that never said anything (clients \"users\", client 5), "
      "1 connection of nobody that lastcall knows (127.0.0.1:40009) and 1 more still open");
}
TEST(DeadlineOfAHang, SaysWhatHeldItIfItHadClosedOthers) {
  EXPECT_EQ(deadline(connected().fin(0).event(at_deadline("40001:80 40002:80", false))),
            ": the target no longer listens; held by 1 connection waiting for an answer (clients "
            "\"users\", client 2) and 1 connection idle after an answer (clients \"users\", client "
            "3)");
}
TEST(DeadlineOfAHang, SaysWhoHadEndedTheirSide) {
  const auto open = [](const HistoryBuilder& b, const std::string& connections) {
    return deadline(HistoryBuilder(b).event(at_deadline(connections, false)));
  };
  const auto b = connected();
  EXPECT_EQ(open(HistoryBuilder(b).fin(0, Direction::sent), "40000:80+1/fin"),
            ": the target no longer listens; 1 connection that only its client has closed (clients "
            "\"users\", client 1) still open");
  EXPECT_EQ(open(b, "40002:80/shut"),
            ": the target no longer listens; 1 connection that only the target has closed (clients "
            "\"users\", client 3) still open");
  EXPECT_EQ(
      open(HistoryBuilder(b).close_frame(2, 1001), "40002:80"),
      ": the target no longer listens; 1 connection idle after an answer, after the Close frame "
      "(clients \"users\", client 3) still open");
  EXPECT_EQ(
      open(HistoryBuilder(b).closed(2), "40002:80"),
      ": the target no longer listens; 1 connection whose client is through (clients \"users\", "
      "client 3) still open");
}
TEST(DeadlineOfAHang, SaysThatNothingWasOpenOnlyWhereThatIsKnown) {
  const auto closed = [] {
    return passed(h(Protocol::http).ready().client(0).up(0).fin(0)).event(at_deadline("", false));
  };
  EXPECT_EQ(deadline(closed()),
            ": the target no longer listens, and no connection of a client is open");
  const auto left = [](std::uint32_t clients) {
    auto b = h(Protocol::http).ready();
    for (std::uint32_t n = 0; n < clients; ++n) b.client(n).up(n).fin(n, Direction::sent).closed(n);
    return deadline(passed(b).event(at_deadline("", false)));
  };
  EXPECT_EQ(left(1),
            ": the target no longer listens, and no connection of a client is open; before the "
            "stop 1 had been ended by its client (clients \"users\", client 1)");
  EXPECT_THAT(left(2), EndsWith("2 had been ended by their clients (first: clients \"users\", "
                                "client 1)"));
  // A client has one that the kernel does not show here.
  EXPECT_EQ(
      deadline(passed(h(Protocol::http).ready().client(0).up(0)).event(at_deadline("", false))),
      ": 1 connection that never said anything (clients \"users\", client 1) still open");
  EXPECT_EQ(deadline(connected().event(SocketsAtDeadline{0, false, "", "", "no netlink"})),
            ": what it had open was not seen: no netlink");
}

TEST(NoPanic, LeavesOutWhatIsWrittenBecauseOfASignalOfLastcalls) {
  const auto panics = [](const HistoryBuilder& b) { return testing::said(b, "no-panic"); };
  const std::string_view python =
      "Fatal Python error: Aborted\n\nCurrent thread 0x00007f13 (most recent call first):\n"
      "  File \"/srv/app/main.py\", line 30 in stop\n";
  EXPECT_THAT(panics(says(forced(SIGABRT), python).signalled(SIGABRT)),
              ::testing::StartsWith("pass"));
  EXPECT_THAT(panics(says(forced(SIGABRT), "SIGABRT: abort\nPC=0x1 m=0\n").exited(2)),
              ::testing::StartsWith("pass"));
  EXPECT_THAT(panics(says(forced(SIGABRT), "./run: line 3:    77 Aborted   ./server").exited(2)),
              ::testing::StartsWith("pass"));
  EXPECT_THAT(
      panics(says(h().ready().fault_to_child(SIGSEGV), "Fatal Python error: Segmentation fault\n")
                 .stop()
                 .exited(0)),
      ::testing::StartsWith("pass"));
  // A runtime that is asked may crash over the stacks of threads that run.
  EXPECT_THAT(
      panics(says(forced(SIGABRT), "Fatal Python error: Segmentation fault\n").signalled(SIGSEGV)),
      ::testing::StartsWith("pass"));
  EXPECT_THAT(panics(forced(SIGQUIT).signalled(SIGSEGV)), ::testing::StartsWith("fail"));
  // Python whose SIGABRT the program took.
  const std::string_view illegal =
      "Fatal Python error: Illegal instruction\n\nCurrent thread 0x1 (most recent call first):\n"
      "  File \"/srv/app/main.py\", line 30 in stop\n";
  EXPECT_THAT(panics(says(forced(SIGILL), illegal).signalled(SIGILL)),
              ::testing::StartsWith("pass"));
  EXPECT_THAT(
      panics(says(forced(SIGILL), "Fatal Python error: Segmentation fault\n").signalled(SIGSEGV)),
      ::testing::StartsWith("pass"));
  EXPECT_EQ(deadline(says(forced(SIGILL), illegal)), ": a thread is in stop (/srv/app/main.py:30)");
  EXPECT_THAT(panics(says(hung(), illegal).signalled(SIGILL)), ::testing::StartsWith("fail"));
  EXPECT_THAT(panics(says(hung(), "Fatal Python error: Segmentation fault\n")
                         .event(TargetForced{SIGABRT, "it was past"})
                         .exited(0)),
              ::testing::StartsWith("fail"));
  // Of another signal, or written before: its own.
  EXPECT_THAT(panics(says(forced(SIGQUIT), python).signalled(SIGABRT)),
              ::testing::StartsWith("fail"));
  EXPECT_THAT(
      panics(says(hung(), python).event(TargetForced{SIGABRT, "it was past"}).signalled(SIGABRT)),
      ::testing::StartsWith("fail"));
  EXPECT_THAT(panics(says(forced(SIGABRT), "panic: oh\n\ngoroutine 1 [running]:").exited(2)),
              ::testing::StartsWith("fail"));
}

// --- where a crash happened ---

HistoryBuilder crashing() {
  return h().event(TraceBegan{true}).event(TargetStarted{80, "server"}).ready();
}
SignalTaken fault(int signal, int code, std::uint64_t address, bool fatal = true,
                  std::int32_t sender = 0) {
  return {80, 81, signal, code, sender, 0, "", address, fatal};
}
const StacksTaken kStack{80, StacksAt::fatal_signal,
                         "worker (81) in parse()+0x12 at server.cpp:40\n  parse()+0x12\n"};

TEST(Crash, SaysWhereItHappenedAndHow) {
  const auto said = [](int signal, int code) {
    const auto b = crashing().event(fault(signal, code, 16)).event(kStack).signalled(signal);
    const auto place = [&](const char* property, const std::string& begin) {
      const auto text = testing::said(b, property);
      EXPECT_THAT(text, ::testing::StartsWith(begin));
      return text.substr(std::min(begin.size(), text.size()));
    };
    const auto of_end =
        place("clean-exit", "fail 1: ended before it was told to: " + signal_name(signal) + ", ");
    EXPECT_EQ(place("no-panic", "fail 1: ended by " + signal_name(signal) + ", core dumped, "),
              of_end);
    return of_end;
  };
  const std::string where = ", in thread worker (81) in parse()+0x12 at server.cpp:40";
  EXPECT_EQ(said(SIGSEGV, SEGV_MAPERR), "through a null pointer (address 0x10)" + where);
  EXPECT_EQ(said(SIGSEGV, SEGV_ACCERR), "at address 0x10, which it may not access so" + where);
  EXPECT_EQ(said(SIGSEGV, SI_KERNEL), "at an address that no program can have" + where);
  EXPECT_EQ(said(SIGBUS, BUS_ADRERR), "at address 0x10, beyond the end of the mapped file" + where);
  EXPECT_EQ(said(SIGFPE, FPE_INTDIV), "by a division by zero, at 0x10" + where);
  EXPECT_EQ(said(SIGILL, ILL_ILLOPN),
            "by an instruction that the processor does not know, at 0x10" + where);
}
TEST(Crash, ByAbortSaysWhoCalledIt) {
  EXPECT_EQ(
      testing::said(
          crashing().event(fault(SIGABRT, SI_TKILL, 0, true, 80)).event(kStack).signalled(SIGABRT),
          "no-panic"),
      "fail 1: ended by SIGABRT, core dumped, by abort(), in thread worker (81) in "
      "parse()+0x12 at server.cpp:40");
}
TEST(Crash, ThatAHandlerSawIsToldFromWhereItHappenedFirst) {
  const PanicEntered entered{80,
                             81,
                             "signal",
                             PanicKind::fault_signal,
                             "SIGSEGV at 0x10",
                             "",
                             "worker (81) in parse()+0x12\n  parse()+0x12\n"};
  const StacksTaken in_handler{80, StacksAt::fatal_signal, "worker (81) in tell(int)+0x5\n"};
  const auto b = crashing()
                     .event(fault(SIGSEGV, SEGV_MAPERR, 0x4000, false))
                     .event(fault(SIGSEGV, SEGV_MAPERR, 0x10, false))
                     .event(entered)
                     .event(fault(SIGSEGV, SI_TKILL, 0, true, 80))
                     .event(in_handler)
                     .signalled(SIGSEGV);
  EXPECT_THAT(testing::said(b, "clean-exit"),
              ::testing::EndsWith("SIGSEGV, through a null pointer (address 0x10), in thread "
                                  "worker (81) in parse()+0x12"));
}
TEST(Crash, BySomebodyElseNamesWhoSentIt) {
  EXPECT_THAT(
      testing::said(crashing()
                        .event(SignalTaken{80, 81, SIGSEGV, SI_USER, 7, 1000, "kill 80", 0, true})
                        .event(kStack)
                        .signalled(SIGSEGV),
                    "clean-exit"),
      ::testing::EndsWith("SIGSEGV, sent by 7 (kill 80), user 1000"));
}
TEST(Crash, SaysWhyNothingIsKnown) {
  auto b = h().event(TargetStarted{80, "server"}).ready();
  EXPECT_THAT(
      testing::said(HistoryBuilder(b).event(TraceFailed{"EPERM"}).signalled(SIGBUS), "clean-exit"),
      ::testing::EndsWith("SIGBUS, where is not known: not traced: EPERM"));
  b.plan.scenario.target.trace = false;
  EXPECT_THAT(testing::said(b.signalled(SIGBUS), "clean-exit"),
              ::testing::EndsWith("SIGBUS, where is not known: trace = false"));
  EXPECT_THAT(testing::said(crashing().signalled(SIGBUS), "clean-exit"),
              ::testing::EndsWith("SIGBUS, where is not known"));
}

}  // namespace
}  // namespace lastcall::hangs_test
