// What can fail because of the environment returns a Result: the value, or what was tried, on what,
// and errno. Plain values; any thread.
//
// The namespace is graceful::shutdown because <sys/socket.h> declares a global function `shutdown`,
// so that no global namespace may bear the name. Inside a namespace of one's own
// `namespace shutdown = graceful::shutdown;` is fine.
#pragma once

#include <boost/system/result.hpp>
#include <cstring>
#include <string>
#include <utility>

namespace graceful::shutdown {

struct Error {
  std::string tried;   // "open", "start"
  std::string on;      // a path, an address, the name of a resource; may be empty
  int error_number{};  // errno, 0 when there is none
  std::string advice;  // what is wrong in words, or what can be done about it; may be empty

  Error() = default;
  // Not an aggregate: a Result<std::string> must not take its value for an Error.
  Error(std::string tried_, std::string on_, int error_number_, std::string advice_ = {})
      : tried(std::move(tried_)),
        on(std::move(on_)),
        error_number(error_number_),
        advice(std::move(advice_)) {}

  [[nodiscard]] std::string message() const {
    std::string text = "cannot " + tried;
    if (!on.empty()) text += " " + on;
    if (error_number != 0) text += ": " + std::string(::strerrordesc_np(error_number));
    if (!advice.empty()) text += " (" + advice + ")";
    return text;
  }
};

template <class T>
class [[nodiscard]] Result : public boost::system::result<T, Error> {
 public:
  using boost::system::result<T, Error>::result;
};

}  // namespace graceful::shutdown
