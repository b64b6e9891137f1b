// What an exception that nobody expected says of this machine: Boost and the standard library throw
// what a system call says. Any thread.
#pragma once

#include <boost/system/system_error.hpp>
#include <cerrno>
#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "base/result.hpp"

namespace lastcall {

// With the errno that it carries, if it does; else with what it says.
inline Error error_of(std::string tried, const std::exception& thrown) {
  int number = 0;
  if (dynamic_cast<const std::bad_alloc*>(&thrown) != nullptr) number = ENOMEM;
  if (const auto* of_boost = dynamic_cast<const boost::system::system_error*>(&thrown);
      of_boost != nullptr && of_boost->code().category() == boost::system::system_category())
    number = of_boost->code().value();
  if (const auto* standard = dynamic_cast<const std::system_error*>(&thrown);
      standard != nullptr && (standard->code().category() == std::generic_category() ||
                              standard->code().category() == std::system_category()))
    number = standard->code().value();
  // EAGAIN is thrown for a thread that could not be made.
  return {std::move(tried), "", number,
          number == 0 ? thrown.what() : std::string(remedy_for_fork(number))};
}

}  // namespace lastcall
