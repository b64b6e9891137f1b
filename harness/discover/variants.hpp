// The stops that `try` tries: variations of one scenario, in the order of their importance. Pure.
#pragma once

#include <string>
#include <vector>

#include "discover/scenario_text.hpp"

namespace lastcall {

struct StopVariant {
  std::string name;   // a word: "calm-stop"; names the trials, too
  std::string title;  // "calm stop"
  std::string text;   // TOML
  // Good servers may wait for such clients longer than any deadline of ours: that it did is worth
  // telling, and no failure.
  std::string may_wait{};  // why; empty: it may not
};

std::vector<StopVariant> variants_of(const Discovery& found, const Hints& hints,
                                     const std::vector<Talk>& talks);

}  // namespace lastcall
