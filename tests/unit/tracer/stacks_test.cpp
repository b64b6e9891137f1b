#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <functional>
#include <regex>

#include "tracer/stacks/stack_reader.hpp"
#include "tracer/symbols/function_names.hpp"
#include "unit/scratch_folder.hpp"
#include "unit/tracer/traced.hpp"

namespace lastcall::stacks_test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

std::vector<std::string> functions_of(const Stack& stack) {
  std::vector<std::string> functions;
  for (const auto& frame : stack.frames) functions.push_back(frame.function);
  return functions;
}

// Whether the names are found in this order, with others between them.
bool in_order(const Stack& stack, const std::vector<std::string>& names) {
  auto next = names.begin();
  for (const auto& frame : stack.frames) {
    if (next != names.end() && frame.function == *next) ++next;
  }
  return next == names.end();
}

const Stack* with_function(const std::vector<Stack>& stacks, const std::string& function) {
  const auto found = std::ranges::find_if(stacks, [&](const Stack& stack) {
    return std::ranges::find(stack.frames, function, &Frame::function) != stack.frames.end();
  });
  return found == stacks.end() ? nullptr : &*found;
}

std::vector<Stack> look(Tracer& tracer, Lines lines = Lines::without) {
  std::vector<Stack> stacks;
  tracer.on_its_thread([&](TraceLoop& loop) {
    loop.with_all_stopped([&](const std::vector<Tracee>& all) { stacks = stacks_of(all, lines); });
  });
  return stacks;
}

// Looks until all is as it should be, because "ready" comes before the wait itself.
std::vector<Stack> look_until(Tracer& tracer,
                              const std::function<bool(const std::vector<Stack>&)>& good,
                              Lines lines = Lines::without) {
  const auto limit = now() + std::chrono::seconds(10);
  for (;;) {
    auto stacks = look(tracer, lines);
    if (good(stacks) || now() > limit) return stacks;
  }
}

bool first_stack_is_in(const std::vector<Stack>& stacks, const std::string& function) {
  return !stacks.empty() && !stacks.front().frames.empty() &&
         stacks.front().frames.front().function == function;
}

// The stack of a program with one thread, once that waits in pause(2).
Stack paused_stack(const std::string& program, Lines lines = Lines::without) {
  Traced subject;
  subject.start({kStacksSubject, program});
  EXPECT_EQ(subject.line(), "ready");
  auto stacks = look_until(
      subject.tracer(), [](const auto& all) { return first_stack_is_in(all, "pause"); }, lines);
  if (stacks.size() != 1) return {};
  return stacks.front();
}

// What a program must show whose threads wait in 17 ways.
struct Wait {
  const char* call;  // what its callers know it as
  const char* function;
};
constexpr Wait kWaits[] = {{"pthread_mutex_lock", "waits::in_mutex()"},
                           {"pthread_cond_wait", "waits::in_condition()"},
                           {"pthread_cond_clockwait", "waits::in_timed_condition()"},
                           {"read", "waits::in_read()"},
                           {"epoll_wait", "waits::in_epoll()"},
                           {"nanosleep", "waits::in_sleep()"},
                           {"std::thread::join()", "waits::in_join()"},
                           {"poll", "waits::in_poll()"},
                           {"select", "waits::in_select()"},
                           {"accept", "waits::in_accept()"},
                           {"recv", "waits::in_receive()"},
                           {"", "waits::in_semaphore()"},  // a local function, without debug files
                           {"pthread_barrier_wait", "waits::in_barrier()"},
                           {"pthread_rwlock_rdlock", "waits::in_shared_mutex()"},
                           {"syscall", "waits::in_future()"},
                           {"sigwait", "waits::in_sigwait()"},
                           {"pause", "subject::run_threads()"}};

const Stack* waiting_in(const std::vector<Stack>& stacks, const Wait& wait) {
  const auto* stack = with_function(stacks, wait.function);
  return stack != nullptr && (*wait.call == '\0' || in_order(*stack, {wait.call, wait.function}))
             ? stack
             : nullptr;
}

bool all_wait(const std::vector<Stack>& stacks) {
  return stacks.size() == 18 &&
         std::ranges::all_of(
             kWaits, [&](const Wait& wait) { return waiting_in(stacks, wait) != nullptr; }) &&
         // One that begins only now stands where there is no unwind information.
         std::ranges::all_of(stacks, [](const Stack& stack) { return stack.ends_because.empty(); });
}

struct Stacks : TracedTest {};

TEST_F(Stacks, ThreadsInEveryKindOfWaitAreSeenUpToTheirBeginning) {
  Traced subject;
  subject.start({kStacksSubject, "threads"});
  EXPECT_EQ(subject.line(), "ready");
  const auto stacks = look_until(subject.tracer(), all_wait);
  ASSERT_EQ(stacks.size(), 18U) << stacks_text(stacks);
  for (const auto& wait : kWaits) {
    const auto* stack = waiting_in(stacks, wait);
    ASSERT_NE(stack, nullptr) << wait.function << '\n' << stacks_text(stacks);
    EXPECT_EQ(stack->pid, subject.pid());
    EXPECT_EQ(stack->thread_name, "stacks_subject");
  }
  for (const auto& stack : stacks) {
    EXPECT_EQ(stack.ends_because, "");
    const auto& last = stack.frames.back();
    if (stack.tid == stack.pid) {
      EXPECT_TRUE(in_order(stack, {"pause", "subject::run_threads()", "main", "_start"}));
      EXPECT_EQ(last.function, "_start");
    } else {
      // clone3, or nothing: a stripped C library does not say.
      EXPECT_THAT(last.module, HasSubstr("libc.so.6"));
    }
  }
}

TEST_F(Stacks, ASecondLookSeesTheSame) {
  Traced subject;
  subject.start({kStacksSubject, "threads"});
  EXPECT_EQ(subject.line(), "ready");
  const auto functions = [](const std::vector<Stack>& stacks) {
    std::vector<std::vector<std::string>> all;
    for (const auto& stack : stacks) all.push_back(functions_of(stack));
    return all;
  };
  // A thread may still be on its way into its wait.
  auto before = functions(look_until(subject.tracer(), all_wait));
  const auto first = functions(look_until(subject.tracer(), [&](const auto& stacks) {
    return std::exchange(before, functions(stacks)) == before;
  }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(functions(look(subject.tracer())), first);
}

TEST_F(Stacks, WhatWasMappedAfterAnEarlierLookIsSeen) {
  struct AtExec : TraceObserver {
    StackReader reader;
    void executed(const Tracee& thread) override { (void)reader.unnamed({thread}); }
  } early;  // of libraries, the loader alone is mapped then
  Traced subject({}, {&early});
  subject.start({kStacksSubject, "threads"});
  EXPECT_EQ(subject.line(), "ready");
  const auto known = [&] {
    std::vector<Stack> stacks;
    subject.tracer().on_its_thread([&](TraceLoop& loop) {
      loop.with_all_stopped([&](const std::vector<Tracee>& all) {
        stacks = early.reader.named(early.reader.unnamed(all, Mappings::as_known));
      });
    });
    return stacks;
  };
  // A call that is about to be made again stands before where it waits.
  const auto functions = [](const std::vector<Stack>& stacks) {
    return std::regex_replace(stacks_text(stacks), std::regex(R"(\+0x[0-9a-f]+)"), "");
  };
  const auto stacks = look_until(subject.tracer(), all_wait);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(functions(known()), functions(stacks));
}

TEST(ExitText, OfAnInterpretersOwnFunctionNamesTheInterpreter) {
  const auto said = [](std::string module, std::string function) {
    const Frame libc{1, "_exit", 0, "/lib/libc.so.6", "", 0};
    const Frame own{2, std::move(function), 0, std::move(module), "", 0};
    const auto text = exit_text({80, 80, "server", {libc, own}, ""});
    EXPECT_THAT(text, HasSubstr("\n  _exit\n"));
    return text.substr(0, text.find('\n'));
  };
  const std::string python = "server (80) in the Python interpreter";
  EXPECT_EQ(said("/usr/bin/python3.11", "os__exit"), python);
  EXPECT_EQ(said("/usr/lib/libpython3.11.so.1.0", "Py_Exit"), python);
  EXPECT_EQ(said("/usr/bin/node", "node::ReallyExit"), "server (80) in Node");
  EXPECT_EQ(said("/usr/lib/jvm/17/lib/server/libjvm.so", "vm_exit()"), "server (80) in the JVM");
  // A library of the program's, and a program of another name.
  EXPECT_EQ(said("/srv/fast.cpython-311.so", "give_up"), "server (80) in give_up");
  EXPECT_EQ(said("/srv/nodes", "give_up"), "server (80) in give_up");
}

TEST(ExitText, OfGoNamesWhoCalledExit) {
  for (const auto* exit : {"os.Exit", "log.Fatal", "log.Fatalf", "log.(*Logger).Fatalf"}) {
    const Frame runtime{1, "runtime.exit", 0, "/srv/shop", "", 0};
    const Frame library{2, exit, 0, "/srv/shop", "", 0};
    const Frame own{3, "main.giveUp", 0, "/srv/shop", "", 0};
    const auto text = exit_text({80, 80, "shop", {runtime, library, own}, ""});
    EXPECT_EQ(text.substr(0, text.find('\n')), "shop (80) in main.giveUp");
  }
}

TEST_F(Stacks, FileAndLineAreKnownIfAskedFor) {
  const auto stack = paused_stack("deep", Lines::with);
  ASSERT_GT(stack.frames.size(), 3U);
  EXPECT_THAT(stack.frames[3].file, HasSubstr("stacks_subject.cpp"));
  EXPECT_GT(stack.frames[3].line, 0);
  EXPECT_TRUE(
      std::regex_search(frame_text(stack.frames[3]), std::regex("at stacks_subject.cpp:[0-9]+$")));
}

TEST_F(Stacks, ASignalHandlersCallersAreThoseOfWhatItInterrupted) {
  const auto stack = paused_stack("handler");
  EXPECT_TRUE(in_order(stack, {"pause", "subject::on_signal(int)", "<signal handler called>",
                               "subject::raise_and_wait()", "main", "_start"}))
      << stacks_text({stack});
  EXPECT_EQ(stack.ends_because, "");
}

TEST_F(Stacks, AHandlersOwnStackLeadsBackToTheInterruptedInstruction) {
  const auto stack = paused_stack("fault-handler");
  EXPECT_TRUE(in_order(
      stack, {"pause", "subject::on_fault(int, siginfo_t*, void*)", "<signal handler called>",
              "subject::divide(int)", "subject::run_fault_handler()", "main", "_start"}))
      << stacks_text({stack});
  EXPECT_EQ(stack.ends_because, "");
}

TEST_F(Stacks, DeepRecursionIsCutOff) {
  const auto stack = paused_stack("deep");
  EXPECT_EQ(stack.frames.size(), 256U);
  EXPECT_EQ(stack.ends_because, "more than 256 frames");
  EXPECT_EQ(stack.frames.back().function, "subject::recurse(int)");
  EXPECT_LT(std::ranges::count(stacks_text({stack}), '\n'), 12);
}

TEST_F(Stacks, AStackPointerToNowhereEndsAtTheFirstFrame) {
  Traced subject;
  subject.start({kStacksSubject, "lost"});
  EXPECT_EQ(subject.line(), "ready");
  const auto stacks = look_until(subject.tracer(), [](const auto& all) {
    return all.size() == 1 && all.front().frames.size() == 1;
  });
  ASSERT_EQ(stacks.size(), 1U);
  EXPECT_EQ(functions_of(stacks.front()), std::vector<std::string>{"subject::run_lost()"});
  EXPECT_THAT(stacks.front().ends_because, HasSubstr("cannot read the stack at 0xdead000"));
}

TEST_F(Stacks, AStackOfNumbersEndsAndSaysWhy) {
  for (const auto* program : {"scribbled", "scribbled-addresses"}) {
    Traced subject;
    subject.start({kStacksSubject, program});
    EXPECT_EQ(subject.line(), "ready");
    const auto stacks = look_until(subject.tracer(), [](const auto& all) {
      return all.size() == 1 && all.front().frames.size() > 1 && !all.front().ends_because.empty();
    });
    ASSERT_EQ(stacks.size(), 1U);
    EXPECT_EQ(stacks.front().frames.front().function.substr(0, 22), "subject::run_scribbled");
    EXPECT_THAT(stacks.front().ends_because, HasSubstr("no unwind information at 0x"));
  }
}

// Looks at a thread when a signal is about to be delivered to it.
struct LookAtSignal : TraceObserver {
  int number;
  bool swallow;
  std::vector<Stack> stacks{};
  LookAtSignal(int signal, bool swallowed) : number(signal), swallow(swallowed) {}
  bool on_signal(const Tracee& tracee, const siginfo_t& info) override {
    if (info.si_signo != number) return false;
    stacks.push_back(stacks_of({tracee}).front());
    return swallow;
  }
};

TEST_F(Stacks, ACallThroughANullPointerShowsTheCaller) {
  LookAtSignal fault(SIGSEGV, false);
  Traced subject({}, {&fault});
  subject.start({kStacksSubject, "call-nothing"});
  EXPECT_EQ(subject.end(), "signalled 11");
  ASSERT_EQ(fault.stacks.size(), 1U);
  const auto& stack = fault.stacks.front();
  EXPECT_EQ(stack.frames.front().address, 0U);
  EXPECT_TRUE(in_order(stack, {"subject::call_nothing(void (*)())", "main", "_start"}))
      << stacks_text({stack});
  EXPECT_EQ(stack.ends_because, "");
}

TEST_F(Stacks, ABreakpointInAPrologueShowsTheCaller) {
  LookAtSignal trap(SIGTRAP, true);
  Traced subject({}, {&trap});
  subject.start({kStacksSubject, "prologue"});
  EXPECT_EQ(subject.end(), "exited 0");
  ASSERT_EQ(trap.stacks.size(), 4U);
  for (const auto& stack : trap.stacks) {
    EXPECT_TRUE(
        in_order(stack, {"stops_in_prologue", "subject::call_prologue()", "main", "_start"}))
        << stacks_text({stack});
    EXPECT_EQ(stack.ends_because, "");
  }
}

TEST_F(Stacks, CodeMadeAtRunTimeIsPassedByItsFramePointer) {
  const auto stack = paused_stack("made-code");
  EXPECT_TRUE(in_order(stack, {"pause", "", "subject::call_made_code(bool)", "main", "_start"}))
      << stacks_text({stack});
  EXPECT_EQ(stack.ends_because, "");
}

TEST_F(Stacks, CodeMadeAtRunTimeWithoutAFrameEndsTheStack) {
  const auto stack = paused_stack("made-code-bare");
  ASSERT_GT(stack.frames.size(), 1U);
  EXPECT_EQ(stack.frames.back().module, "");
  EXPECT_THAT(stack.ends_because, HasSubstr("no unwind information at 0x")) << stacks_text({stack});
}

bool run(const std::string& command) { return std::system(command.c_str()) == 0; }

TEST_F(Stacks, AStrippedProgramUnwindsFully) {
  testing::ScratchFolder folder;
  const auto copy = folder.path() + "/stripped";
  if (!run("strip -o " + copy + " " + kStacksSubject)) GTEST_SKIP() << "strip fails";
  Traced subject;
  subject.start({copy, "threads"});
  EXPECT_EQ(subject.line(), "ready");
  // A thread that has only just begun is in the middle of its creation, which nothing describes.
  const auto stacks = look_until(subject.tracer(), [](const auto& all) {
    return all.size() == 18 &&
           std::ranges::all_of(all, [](const Stack& one) { return one.frames.size() >= 4; });
  });
  ASSERT_EQ(stacks.size(), 18U);
  for (const auto& stack : stacks) {
    EXPECT_EQ(stack.ends_because, "") << stacks_text({stack});
    EXPECT_GE(stack.frames.size(), 4U) << stacks_text({stack});
    EXPECT_THAT(functions_of(stack), ::testing::Not(Contains("main")));
  }
}

TEST_F(Stacks, AProgramThatWasReplacedIsStillNamed) {
  testing::ScratchFolder folder;
  const auto copy = folder.path() + "/replaced";
  std::filesystem::copy_file(kStacksSubject, copy);
  Traced subject;
  subject.start({copy, "handler"});
  EXPECT_EQ(subject.line(), "ready");
  std::filesystem::remove(copy);
  std::filesystem::copy_file("/bin/true", copy);
  const auto stacks =
      look_until(subject.tracer(), [](const auto& all) { return first_stack_is_in(all, "pause"); });
  ASSERT_EQ(stacks.size(), 1U);
  EXPECT_EQ(stacks.front().ends_because, "");
  EXPECT_TRUE(in_order(stacks.front(), {"pause", "subject::raise_and_wait()", "main"}))
      << stacks_text(stacks);
  EXPECT_EQ(stacks.front().frames.back().module, copy);
}

TEST_F(Stacks, AThreadThatOutlivesTheFirstIsSeen) {
  Traced subject;
  subject.start({kStacksSubject, "orphan"});
  EXPECT_EQ(subject.line(), "ready");
  const auto stacks = look_until(subject.tracer(), [](const auto& all) {
    return all.size() == 1 && first_stack_is_in(all, "pause");
  });
  ASSERT_EQ(stacks.size(), 1U);
  EXPECT_NE(stacks.front().tid, subject.pid());
  EXPECT_EQ(stacks.front().pid, subject.pid());
  EXPECT_GE(stacks.front().frames.size(), 4U) << stacks_text(stacks);
  EXPECT_EQ(stacks.front().ends_because, "") << stacks_text(stacks);
}

TEST_F(Stacks, AThreadThatIsKilledMeanwhileDoesNoHarm) {
  Traced subject;
  subject.start({kStacksSubject, "deep"});
  EXPECT_EQ(subject.line(), "ready");
  std::vector<Stack> stacks;
  subject.tracer().on_its_thread([&](TraceLoop& loop) {
    loop.with_all_stopped([&](const std::vector<Tracee>& all) {
      ::kill(subject.pid(), SIGKILL);
      siginfo_t info{};  // its end or the event before it: it is no longer where it was stopped
      ::waitid(P_PID, static_cast<id_t>(subject.pid()), &info,
               WEXITED | WSTOPPED | WNOWAIT | __WALL);
      stacks = stacks_of(all);
    });
  });
  ASSERT_EQ(stacks.size(), 1U);
  EXPECT_EQ(subject.end(), "signalled 9");
}

// Runs a program that another compiler made, or skips with the reason.
std::vector<Stack> stacks_of_made(const std::string& compile, const std::string& program,
                                  const std::string& output,
                                  const std::vector<std::string>& awaited,
                                  Lines lines = Lines::without) {
  if (!run("(" + compile + ") >/dev/null 2>&1")) return {};
  Traced made;
  made.start({program});
  EXPECT_EQ(made.line(), output);
  return look_until(
      made.tracer(),
      [&](const std::vector<Stack>& all) {
        return std::ranges::any_of(all,
                                   [&](const Stack& stack) { return in_order(stack, awaited); });
      },
      lines);
}

constexpr const char* kInlined = R"(
#include <unistd.h>
#include <mutex>
std::mutex gate;
namespace app {
struct Auditor {
  int count = 0;
  [[gnu::always_inline]] void join() {
    std::lock_guard<std::mutex> lock(gate);
    ++count;
  }
};
[[gnu::noinline]] void stop(Auditor& auditor) { auditor.join(); asm volatile(""); }
}
int main() { app::Auditor a; gate.lock(); write(1, "ready\n", 6); app::stop(a); return a.count; }
)";

constexpr const char* kCpp = R"(
#include <unistd.h>
#include <cstdio>
namespace app {
[[gnu::noinline]] int inner(int n) { write(1, "ready\n", 6); for (;;) pause(); return n; }
[[gnu::noinline]] int outer(int n) { int r = inner(n + 1); asm volatile(""); return r + 1; }
}
int main() { int r = app::outer(1); asm volatile(""); return r; }
)";

constexpr const char* kRust = R"(
use std::io::Write;
mod app {
  pub struct Server<T> { pub field: T }
  pub trait Waits { fn wait(&self) -> usize; }
  impl<T: Copy + Into<usize>> Waits for Server<T> {
    #[inline(never)]
    fn wait(&self) -> usize {
      let pair = (std::sync::Mutex::new(self.field.into()), std::sync::Condvar::new());
      let guard = pair.0.lock().unwrap();
      let guard = pair.1.wait_while(guard, |n| *n > 0).unwrap();
      *guard
    }
  }
}
fn main() {
  use app::Waits;
  println!("ready");
  std::io::stdout().flush().unwrap();
  let t = std::thread::spawn(|| app::Server { field: 3usize }.wait());
  println!("{}", t.join().unwrap());
}
)";

constexpr const char* kGo = R"(
package main
import ("fmt"; "syscall"; "runtime")
//go:noinline
func waits(fd int) int {
	b := make([]byte, 1)
	n, _ := syscall.Read(fd, b)
	return n
}
//go:noinline
func calls(fd int) int { return waits(fd) + 1 }
func main() {
	runtime.LockOSThread()
	var p [2]int
	syscall.Pipe(p[:])
	fmt.Println("ready")
	fmt.Println(calls(p[0]))
}
)";

void write_file(const std::string& path, const char* text) {
  auto* file = std::fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fputs(text, file);
  std::fclose(file);
}

TEST_F(Stacks, ALineIsToldWithTheFunctionThatItIsIn) {
  testing::ScratchFolder folder;
  const auto source = folder.path() + "/a.cpp";
  const auto program = folder.path() + "/inlined";
  write_file(source, kInlined);
  const auto stacks = stacks_of_made("g++ -std=c++20 -g -O2 -o " + program + " " + source, program,
                                     "ready", {"app::stop(app::Auditor&)"}, Lines::with);
  ASSERT_EQ(stacks.size(), 1U);
  // The lock itself is in headers of the C++ library.
  EXPECT_TRUE(std::regex_match(place_of(stacks.front()),
                               std::regex("app::Auditor::join\\(\\), inlined in app::stop\\("
                                          "app::Auditor&\\)\\+0x[0-9a-f]+ at a\\.cpp:9")))
      << stacks_text(stacks);
}

TEST_F(Stacks, AProgramLinkedWithLldUnwindsFully) {
  testing::ScratchFolder folder;
  const auto source = folder.path() + "/a.cpp";
  const auto program = folder.path() + "/lld";
  write_file(source, kCpp);
  // Code lies elsewhere in its segments than GNU's linker puts it. Rust brings an LLD of its own.
  const auto link = [&](const std::string& options) {
    return "g++ -O2 " + options + "-fuse-ld=lld -o " + program + " " + source;
  };
  const auto stacks = stacks_of_made(link("") + " || " +
                                         link("-B$(rustc --print sysroot)/lib/rustlib/"
                                              "x86_64-unknown-linux-gnu/bin/gcc-ld "),
                                     program, "ready", {"pause", "app::inner(int)"});
  if (stacks.empty()) GTEST_SKIP() << "no LLD";
  ASSERT_EQ(stacks.size(), 1U);
  EXPECT_TRUE(
      in_order(stacks.front(), {"pause", "app::inner(int)", "app::outer(int)", "main", "_start"}))
      << stacks_text(stacks);
  EXPECT_EQ(stacks.front().ends_because, "");
}

TEST_F(Stacks, AStaticProgramWithoutASearchTableUnwindsFully) {
  testing::ScratchFolder folder;
  const auto source = folder.path() + "/a.cpp";
  const auto program = folder.path() + "/static";
  write_file(source, kCpp);
  const auto stacks = stacks_of_made("g++ -O2 -static -o " + program + " " + source, program,
                                     "ready", {"pause", "app::inner(int)"});
  if (stacks.empty()) GTEST_SKIP() << "no static libraries";
  ASSERT_EQ(stacks.size(), 1U);
  EXPECT_TRUE(
      in_order(stacks.front(), {"pause", "app::inner(int)", "app::outer(int)", "main", "_start"}))
      << stacks_text(stacks);
  EXPECT_EQ(stacks.front().ends_because, "");
}

TEST_F(Stacks, RustFunctionsAreNamedInBothManglings) {
  testing::ScratchFolder folder;
  const auto source = folder.path() + "/a.rs";
  write_file(source, kRust);
  bool made = false;
  for (const std::string mangling : {"legacy", "v0"}) {
    const auto program = folder.path() + "/rust-" + mangling;
    const std::string wait = mangling == "v0" ? "<a::app::Server<usize> as a::app::Waits>::wait"
                                              : "<a::app::Server<T> as a::app::Waits>::wait";
    // The variable lets older compilers take the option too.
    const auto stacks = stacks_of_made(
        "RUSTC_BOOTSTRAP=1 rustc -O -Zunstable-options -Csymbol-mangling-version=" + mangling +
            " -o " + program + " " + source,
        program, "ready", {"syscall", wait});
    if (stacks.empty() && !std::filesystem::exists(program)) continue;
    made = true;
    const auto* waiting = with_function(stacks, wait);
    ASSERT_NE(waiting, nullptr) << stacks_text(stacks);
    EXPECT_EQ(waiting->ends_because, "");
    const auto* main = with_function(stacks, "main");
    ASSERT_NE(main, nullptr) << stacks_text(stacks);
    EXPECT_TRUE(in_order(*main, {"a::main", "main", "_start"})) << stacks_text(stacks);
    EXPECT_EQ(main->ends_because, "");
  }
  if (!made) GTEST_SKIP() << "no rustc";
}

TEST_F(Stacks, GoFunctionsAreFollowedAndNamedAlsoWhenStripped) {
  testing::ScratchFolder folder;
  const auto source = folder.path() + "/a.go";
  write_file(source, kGo);
  for (const auto* flags : {"", "-s -w"}) {
    const auto program = folder.path() + "/go" + (*flags == '\0' ? "" : "-stripped");
    const auto stacks = stacks_of_made("PATH=$PATH:/usr/local/go/bin GOFLAGS= go build -ldflags='" +
                                           std::string(flags) + "' -o " + program + " " + source,
                                       program, "ready", {"main.waits"});
    if (stacks.empty()) GTEST_SKIP() << "no go";
    const auto* waiting = with_function(stacks, "main.waits");
    ASSERT_NE(waiting, nullptr) << stacks_text(stacks);
    EXPECT_TRUE(in_order(*waiting, {"syscall.Read", "main.waits", "main.calls", "main.main",
                                    "runtime.main", "runtime.goexit"}) ||
                in_order(*waiting, {"main.waits", "main.calls", "main.main", "runtime.main"}))
        << stacks_text(stacks);
    EXPECT_EQ(waiting->ends_because, "") << stacks_text(stacks);
  }
}

TEST_F(Stacks, NodeIsFollowedUpToMain) {
  if (!run("node --version >/dev/null 2>&1")) GTEST_SKIP() << "no node";
  Traced node;
  node.start({"node", "-e", "console.log('ready'); setInterval(() => {}, 1e6)"});
  EXPECT_EQ(node.line(), "ready");
  const auto stacks = look_until(node.tracer(), [](const auto& all) {
    return !all.empty() && in_order(all.front(), {"epoll_pwait", "uv_run"});
  });
  ASSERT_FALSE(stacks.empty());
  EXPECT_TRUE(
      in_order(stacks.front(), {"epoll_pwait", "uv_run", "node::Start(int, char**)", "_start"}))
      << stacks_text(stacks);
  for (const auto& stack : stacks) EXPECT_EQ(stack.ends_because, "") << stacks_text({stack});
}

TEST_F(Stacks, ThreadsWithTheSameFunctionsShareATextAndRepeatedFramesALine) {
  const Frame wait{0x7f01, "read", 0x4d, "/lib/libc.so.6", "", 0};
  const Frame again{0x1012, "walk(int)", 0x12, "/bin/app", "/src/app/walk.cpp", 7};
  const Frame start{0x1100, "", 0x100, "/bin/app", "", 0};
  const Frame nowhere{0x5000, "", 0, "", "", 0};
  const Stack one{1, 2, "a", {wait, again, again, start}, ""};
  Stack two = one;
  two.tid = 3;
  two.thread_name = "b";
  const Stack three{1, 4, "c", {wait, nowhere}, "no unwind information at 0x5000"};
  EXPECT_EQ(stacks_text({one, three, two}),
            "2 threads of 1: a (2), b (3)\n"
            "  read+0x4d\n"
            "  walk(int)+0x12 at walk.cpp:7 (2 times)\n"
            "  app+0x100\n"
            "1 thread of 1: c (4)\n"
            "  read+0x4d\n"
            "  0x5000\n"
            "  ends: no unwind information at 0x5000\n");
}

TEST(Demangle, NamesAreAsInTheSource) {
  EXPECT_EQ(demangle("_ZN3app5serveEi"), "app::serve(int)");
  EXPECT_EQ(demangle("_ZN3app5serveEi.cold"), "app::serve(int) [clone .cold]");
  EXPECT_EQ(demangle("_ZN3std2io5stdio6_print17h0123456789abcdefE"), "std::io::stdio::_print");
  EXPECT_EQ(demangle("_RNvCs1234_7mycrate3foo"), "mycrate::foo");
  EXPECT_EQ(demangle("_RNvMNtCs1_3app6serverINtB2_6ServerjE4wait"),
            "<app::server::Server<usize>>::wait");
  EXPECT_EQ(demangle("main.main"), "main.main");
  EXPECT_EQ(demangle("_Zgarbage"), "_Zgarbage");
  EXPECT_EQ(demangle("_R"), "_R");
  EXPECT_EQ(demangle(""), "");
}

}  // namespace
}  // namespace lastcall::stacks_test
