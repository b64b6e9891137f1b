// The first thing in a trial that failed because of this machine, and not because of the target:
// the trial is broken then, and nobody judges it. One thread.
#pragma once

#include <optional>

#include "base/result.hpp"

namespace lastcall {

class OwnTrouble {
 public:
  void note(const Error& error) {
    if (!first_) first_ = error;
  }
  // The same if this machine has run out of something; whoever calls has recorded other errors.
  void note_shortage(const Error& error) {
    if (is_shortage(error.error_number)) note(error);
  }
  [[nodiscard]] const std::optional<Error>& first() const { return first_; }

 private:
  std::optional<Error> first_;
};

}  // namespace lastcall
