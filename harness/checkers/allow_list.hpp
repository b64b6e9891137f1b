// What a scenario says is no violation, `allow`, and how often each entry excused something. An
// entry is a regular expression, or the name of an exception. Owned by a checker; not for several
// threads. A broken expression throws std::runtime_error.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/pattern.hpp"
#include "checkers/verdict.hpp"
#include "scenario/scenario.hpp"

namespace lastcall {

class AllowList {
 public:
  struct Entry {
    std::string name;  // an exception's; empty: the entry is a pattern
    std::optional<Pattern> pattern;
    std::string shown;
    std::uint64_t count = 0;
    // Whether it is a pattern that matches a line of the text.
    [[nodiscard]] bool matches(std::string_view text) const {
      while (pattern && !text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        if (pattern->found_in(line)) return true;
        text.remove_prefix(std::min(text.size(), line.size() + 1));
      }
      return false;
    }
  };

  explicit AllowList(const std::vector<Allowance>& allowed) {
    for (const auto& one : allowed) {
      const bool is_name = one.of == "name";
      const auto shown = is_name ? one.pattern : "\"" + one.pattern + "\"";
      entries_.push_back({is_name ? one.pattern : "",
                          is_name ? std::nullopt : std::optional<Pattern>(one.pattern),
                          one.why.empty() ? shown : shown + " (" + one.why + ")"});
    }
  }
  // Whether an entry is one that `covers` something; it counts then.
  template <typename Covers>
  bool cover_if(Covers covers) {
    const auto found = std::ranges::find_if(entries_, covers);
    if (found == entries_.end()) return false;
    ++found->count;
    return true;
  }
  // Whether a pattern matches a line of one of the texts.
  bool cover(std::initializer_list<std::string_view> texts) {
    return cover_if([&](const Entry& one) {
      return std::ranges::any_of(texts, [&](auto text) { return one.matches(text); });
    });
  }
  // Counts what was excused in the verdict, and adds "3 excused by allow: 2 by "^panic: test", 1 by
  // IOError (why)" to its reason, if something was.
  void note(Verdict& verdict) const {
    std::uint64_t total = 0;
    std::string each;
    for (const auto& one : entries_) {
      if (one.count == 0) continue;
      total += one.count;
      each += (each.empty() ? "" : ", ") + std::to_string(one.count) + " by " + one.shown;
      verdict.noted.push_back({"excused by " + one.shown, one.count});
    }
    if (total > 0) verdict.say(std::to_string(total) + " excused by allow: " + each);
  }

 private:
  std::vector<Entry> entries_;
};

}  // namespace lastcall
