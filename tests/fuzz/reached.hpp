// How far the inputs of a fuzz target came, said on standard error when it ends: an input that the
// first parser refuses tests that parser only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>

namespace lastcall::fuzz {

class Reached {
 public:
  Reached() = default;
  Reached(const Reached&) = delete;
  Reached& operator=(const Reached&) = delete;
  ~Reached() {
    for (const auto& [stage, count] : counts_) {
      std::fprintf(stderr, "reached %s: %llu of %llu inputs\n", stage.c_str(),
                   static_cast<unsigned long long>(count),
                   static_cast<unsigned long long>(inputs_));
    }
  }

  void begin() { ++inputs_; }
  void stage(const std::string& name) { ++counts_[name]; }

 private:
  std::uint64_t inputs_ = 0;
  std::map<std::string, std::uint64_t> counts_;
};

}  // namespace lastcall::fuzz
