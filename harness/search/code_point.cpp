#include "search/code_point.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace lastcall {
namespace {

bool begins_with_any(std::string_view name, const auto& prefixes) {
  return std::ranges::any_of(prefixes, [&](std::string_view one) { return name.starts_with(one); });
}

// The first part of the import paths of Go's standard library (go list std), and what the linker
// makes.
constexpr std::array<std::string_view, 56> kGoLibrary{
    "archive",       "bufio",    "bytes",    "cmp",     "compress",  "container",
    "context",       "crypto",   "database", "debug",   "embed",     "encoding",
    "errors",        "expvar",   "flag",     "fmt",     "go",        "gosave_systemstack_switch",
    "hash",          "html",     "image",    "index",   "internal",  "io",
    "iter",          "log",      "maps",     "math",    "memeqbody", "cmpbody",
    "indexbytebody", "mime",     "net",      "os",      "path",      "plugin",
    "reflect",       "regexp",   "runtime",  "slices",  "sort",      "strconv",
    "strings",       "sync",     "syscall",  "testing", "text",      "time",
    "type",          "unicode",  "unique",   "unsafe",  "vendor",    "weak",
    "aeshashbody",   "countbody"};

constexpr std::array<std::string_view, 28> kCppLibrary{"std::",
                                                       "__gnu_cxx::",
                                                       "boost::",
                                                       "testing::",
                                                       "__",
                                                       "_start",
                                                       "_init",
                                                       "_fini",
                                                       "_dl_",
                                                       "_IO_",
                                                       "_Unwind",
                                                       "_GLOBAL__",
                                                       "frame_dummy",
                                                       "deregister_tm_clones",
                                                       "register_tm_clones",
                                                       "fmt::",
                                                       "spdlog::",
                                                       "absl::",
                                                       "core::",
                                                       "alloc::",
                                                       "<std::",
                                                       "<core::",
                                                       "<alloc::",
                                                       "rust_",
                                                       "operator ",
                                                       "virtual thunk",
                                                       "non-virtual thunk",
                                                       "gsignal"};

// Also "void std::foo<T>()" of templates, whose return type comes first.
bool is_of_cpp_library(std::string_view name) {
  // What a thread begins with, which the body of a lambda is often put inline into.
  for (const std::string_view body :
       {"::_M_run()", ">::_M_invoke(", "__rust_begin_short_backtrace", "FnOnce::call_once"}) {
    if (name.find(body) != name.npos) return false;
  }
  if (begins_with_any(name, kCppLibrary)) return true;
  const auto arguments = name.find('(');
  const auto space = name.substr(0, arguments).rfind(' ');
  if (space != name.npos && name.find('<') > space)
    return begins_with_any(name.substr(space + 1), kCppLibrary);
  return name.ends_with("@plt") || name.find(".cold") != name.npos;
}

constexpr std::array<std::string_view, 31> kCppMeetings{"pthread_mutex_lock",
                                                        "pthread_mutex_trylock",
                                                        "pthread_mutex_unlock",
                                                        "pthread_cond_wait",
                                                        "pthread_cond_timedwait",
                                                        "pthread_cond_clockwait",
                                                        "pthread_cond_signal",
                                                        "pthread_cond_broadcast",
                                                        "pthread_create",
                                                        "pthread_join",
                                                        "pthread_detach",
                                                        "pthread_rwlock_rdlock",
                                                        "pthread_rwlock_wrlock",
                                                        "pthread_rwlock_unlock",
                                                        "pthread_once",
                                                        "sem_wait",
                                                        "sem_post",
                                                        "exit",
                                                        "_exit",
                                                        "quick_exit",
                                                        "write",
                                                        "close",
                                                        "shutdown",
                                                        "fsync",
                                                        "rename",
                                                        "sigaction",
                                                        "free",
                                                        "__cxa_finalize",
                                                        "sigwait",
                                                        "pthread_sigmask",
                                                        "unlink"};

constexpr std::array<std::string_view, 22> kGoMeetings{
    "runtime.chansend1",      "runtime.chanrecv1",
    "runtime.chanrecv2",      "runtime.closechan",
    "runtime.selectgo",       "runtime.selectnbsend",
    "runtime.selectnbrecv",   "sync.(*Mutex).Lock",
    "sync.(*Mutex).Unlock",   "sync.(*Mutex).lockSlow",
    "sync.(*RWMutex).Lock",   "sync.(*RWMutex).Unlock",
    "sync.(*RWMutex).RLock",  "sync.(*RWMutex).RUnlock",
    "sync.(*WaitGroup).Add",  "sync.(*WaitGroup).Wait",
    "sync.(*WaitGroup).Done", "sync.(*Cond).Wait",
    "sync.(*Once).doSlow",    "os.Exit",
    "runtime.newproc",        "runtime.mapaccess1_faststr"};

}  // namespace

std::string point_text(const CodePoint& point) {
  if (point.function.empty())
    return point.module.substr(point.module.rfind('/') + 1) + "+" + hexadecimal(point.offset);
  return point.within == 0 ? point.function : point.function + "+" + hexadecimal(point.within);
}

std::string short_function_name(std::string_view name) {
  constexpr std::string_view kUnnamed = "(anonymous namespace)::";
  std::string text(name);
  for (auto at = text.find(kUnnamed); at != text.npos; at = text.find(kUnnamed, at))
    text.erase(at, kUnnamed.size());
  // Parameters begin at the first parenthesis outside of <…> and {…}; "(*conn)" of Go is no
  // parameter.
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '<' || text[i] == '{') ++depth;
    if (text[i] == '>' || text[i] == '}') --depth;
    if (depth == 0 && i > 0 && text[i] == '(' && text[i - 1] != '.' &&
        !text.substr(0, i).ends_with("operator")) {
      text.resize(i);
      break;
    }
  }
  return text;
}

std::string short_point_text(const CodePoint& point) {
  auto brief = point;
  brief.function = short_function_name(point.function);
  return point_text(brief);
}

bool is_own_function(std::string_view name, bool is_go) {
  if (name.empty()) return false;
  if (!is_go) return !is_of_cpp_library(name);
  const auto first = name.substr(0, name.find_first_of("./:"));
  if (std::ranges::count(kGoLibrary, first) > 0 || name.starts_with("_") ||
      name.find('.') == name.npos || name.starts_with("golang.org/x/") || name.starts_with("go:"))
    return false;
  return !name.ends_with(".init") && name.find("..inittask") == name.npos;
}

bool is_meeting_function(std::string_view name, bool is_go) {
  return is_go ? std::ranges::count(kGoMeetings, name) > 0
               : std::ranges::count(kCppMeetings, name) > 0;
}

}  // namespace lastcall
