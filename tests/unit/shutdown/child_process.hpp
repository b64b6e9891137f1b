// A test that needs a process of its own: the test program starts itself again, to run one of the
// bodies registered with CHILD_BODY, and talks with it through two pipes.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace graceful::shutdown::testing {

// In the child.
void say(std::string_view line);  // to the parent's read_line()
std::string hear();               // a line of the parent's tell(); blocks

struct ChildBody {
  ChildBody(std::string name, std::function<int()> body);  // whose result is the exit code
};
#define CHILD_BODY(name)                                                                      \
  static int child_##name();                                                                  \
  static const ::graceful::shutdown::testing::ChildBody register_##name(#name, child_##name); \
  static int child_##name()

// In the parent. Kills what is left of it at the end.
class Child {
 public:
  struct Options {
    std::initializer_list<int> blocked = {};  // signals, across execve(2)
    std::initializer_list<std::pair<const char*, const char*>> environment = {};
  };
  explicit Child(const std::string& body) : Child(body, Options()) {}
  Child(const std::string& body, const Options& options);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  std::string read_line();  // empty at the end
  void tell(std::string_view line) const;
  void signal(int number) const { ::kill(pid_, number); }
  int wait();            // "exit 0", as a number: the code, or the negated signal
  std::string errors();  // all that is on its stderr; after wait()
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  int from_child_ = -1;
  int to_child_ = -1;
  int stderr_ = -1;
};

}  // namespace graceful::shutdown::testing
