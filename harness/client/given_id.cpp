#include "client/given_id.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace lastcall {

IdFinder::IdFinder(const IdSource& source) : source_(source) {
  if (source.is_pattern) pattern_.emplace(source.text);
}

GivenId IdFinder::find(std::string_view answer, std::string_view head) const {
  auto given = source_.is_pattern ? by_pattern(answer) : by_pointer(answer);
  if (source_.is_pattern && !given.problem.empty() && !head.empty()) given = by_pattern(head);
  if (!given.problem.empty()) return given;
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (given.id.empty()) {
    given.problem = "the id in the answer is empty";
  } else if (given.id.size() > kLongestId || std::ranges::any_of(given.id, is_control)) {
    given.id.clear();
    given.problem = "the id in the answer has more than 256 bytes, or control characters";
  }
  return given;
}

GivenId IdFinder::by_pointer(std::string_view answer) const {
  boost::json::error_code failed;
  const auto document = boost::json::parse(answer, failed);
  if (failed) return {"", "the answer is not JSON: " + failed.message()};
  const auto* value = document.find_pointer(source_.text, failed);
  if (value == nullptr) return {"", "the answer has nothing at \"" + source_.text + "\""};
  if (const auto* text = value->if_string()) return {std::string(*text), ""};
  if (const auto* number = value->if_int64()) return {std::to_string(*number), ""};
  if (const auto* number = value->if_uint64()) return {std::to_string(*number), ""};
  return {"", "what the answer has at \"" + source_.text + "\" is no string and no integer"};
}

GivenId IdFinder::by_pattern(std::string_view answer) const {
  const auto found = pattern_->match_in(answer.substr(0, kMaxSearched));
  if (!found) return {"", "nothing in the answer matches \"" + source_.text + "\""};
  return {found->at(1), ""};
}

}  // namespace lastcall
