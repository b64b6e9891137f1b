// no-panic: what a scenario can say about it. checkers/no_panic.cpp judges it.
#pragma once

#include "scenario/property.hpp"

namespace lastcall::property {

// Which errors are failures that the program caught and logged, after which it went on.
enum class LoggedErrors : std::uint8_t {
  panics,  // panics and what a sanitizer reports; exceptions are counted and said
  fail,    // all
  warn,    // none: they are counted and said
};

// An entry of `allow`; a text alone is a pattern.
inline const Table& excused_error_table() {
  static const Table table{
      .where = "[properties.no-panic] allow",
      .keys = {{.name = "pattern",
                .kind = Kind::pattern,
                .about = "A regular expression that matches a line of the error.",
                .low = 1},
               {.name = "name",
                .kind = Kind::plain,
                .about = "The type of the exception, with or without its package: "
                         "\"java.io.IOException\", \"IOException\".",
                .low = 1},
               {.name = "why",
                .kind = Kind::plain,
                .about = "Why it is excused; the reason of the verdict repeats it.",
                .low = 1}},
      .exactly_one_of = {"pattern", "name"}};
  return table;
}

struct NoPanic {
  static constexpr std::string_view kName = "no-panic";
  static constexpr std::string_view kHoldsWhen =
      "no crash, abort, panic or uncaught exception ended the target or a traced child, or shows "
      "in the output";
  static constexpr std::string_view kCannotSee =
      "a panic that was swallowed without a word; untraced, a child's crash that nobody reported";
  static const Checker kChecker;

  std::vector<Allowance> allow;  // regular expressions, or names of exceptions
  LoggedErrors logged{};

  static auto keys() {
    return std::tuple{
        Setting{
            {.name = "allow",
             .kind = Kind::table,
             .shape = Shape::list,
             .about = "Errors that are excused, and counted. An entry is a regular expression that "
                      "matches a line of the error, or names the type of its exception. A regular "
                      "expression that matches what is said of a child's crash excuses that crash.",
             .fallback = "[]",
             .table = &excused_error_table(),
             .short_for = "pattern"},
            &NoPanic::allow},
        Setting{
            {.name = "logged",
             .kind = Kind::choice,
             .about = "How to judge an error that the program caught and logged, and after which "
                      "it went on. fail: it is a failure. warn: it is counted and said. panics: a "
                      "panic or a sanitizer's report (Go, Rust, C, C++) is a failure, an exception "
                      "(Python, Java, JavaScript, Ruby, PHP, .NET, Erlang) is counted and said.",
             .fallback = R"("panics")",
             .choices = {"panics", "fail", "warn"}},
            &NoPanic::logged}};
  }
};

}  // namespace lastcall::property
