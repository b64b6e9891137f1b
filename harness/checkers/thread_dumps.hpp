// What a runtime wrote of its threads because it was asked to: Go its goroutines and the JVM its
// threads at SIGQUIT, Python its threads at SIGILL or SIGABRT (faulthandler). Pure functions of the
// lines of an output; any thread may call them.
//
// Left out are threads of the runtime itself: Go's goroutine 0 and the one that waits for signals,
// those of the JVM that run nothing but its own. A thread of a JVM that was asked twice counts
// once, as it stood first. Lines of several processes that were written at the same time may be
// mixed; what then is no dump any more is left out too.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkers/panic_patterns.hpp"

namespace lastcall {

struct DumpedThread {
  Runtime runtime{};
  std::string name;        // "goroutine 1", "thread \"main\"", "the main thread", "a thread"
  std::string state{};     // as the runtime calls it, "chan receive"; Python says none
  int minutes = 0;         // in that state, if Go says so
  bool is_main = false;    // where the program began
  bool is_daemon = false;  // the JVM does not wait for it
  // The first frame of the program's own code, "main.drain (/srv/app/main.go:45)"; empty if there
  // is none on this stack. The JVM and Python: else the first of an installed library's.
  std::string frame{};
  std::string call{};     // the library's function that it called; without a frame any that tells
  std::string starter{};  // without a frame: who of the program's own code started it
  std::string holder{};   // the thread that holds the monitor or lock which it waits for
  bool is_in_circle = false;    // from holder to holder one comes back to it
  bool is_idle_worker = false;  // of Java's ThreadPoolExecutor, and no daemon
  bool is_past_end = false;     // Python's main thread, its program done, waits for the others
  bool is_librarys = false;     // its frame is none of the program's own
};

std::vector<DumpedThread> dumped_threads(std::span<const std::string_view> lines);

// For a reason: those that stand at the same place together, "deadlock: " and those that wait for
// one another in a circle first, then the main thread, then those that run the program's own code,
// then those that run a library's. "goroutine 1 waits (semacquire) in sync.(*WaitGroup).Wait,
// called by main.main (/srv/app/main.go:45); 3 goroutines wait (chan receive) in …". Empty of none.
std::string dump_text(const std::vector<DumpedThread>& threads);

}  // namespace lastcall
