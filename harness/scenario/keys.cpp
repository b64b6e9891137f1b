// The tables of the whole file and of [budget], and what all tables have in common.
#include "scenario/keys.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>

#include "base/invariant.hpp"
#include "scenario/behaviour.hpp"

namespace lastcall {
namespace {

const Table& budget_table() {
  static const Table table{.where = "[budget]",
                           .keys = {{.name = "trials",
                                     .kind = Kind::integer,
                                     .about = "How many trials a campaign has.",
                                     .fallback = "20",
                                     .low = 1,
                                     .high = 1'000'000},
                                    {.name = "load",
                                     .kind = Kind::duration,
                                     .about = "The longest load phase; a fault whose moment has "
                                              "not come by then is reported as not reached.",
                                     .fallback = R"("10s")",
                                     .low = kMillisecond,
                                     .high = kDay},
                                    {.name = "trial_timeout",
                                     .kind = Kind::duration,
                                     .about = "The longest time that one trial may take, verdicts "
                                              "included. lastcall kills one that takes longer, "
                                              "reports that it broke, and goes on with the next. "
                                              "Default: all waits that the scenario allows, and "
                                              "ample room for a slow machine.",
                                     .low = 1000 * kMillisecond,
                                     .high = kDay}}};
  return table;
}

const Table& matrix_table() {
  static const Table table{
      .where = "[[vary]]",
      .keys = {{.name = "name",
                .kind = Kind::plain,
                .about = "A name in lower case; {vary.NAME} stands for the value, in the command "
                         "or anywhere else.",
                .required = true,
                .low = 1},
               {.name = "values",
                .kind = Kind::plain,
                .shape = Shape::list,
                .about = "The values, such as the folders of a good and a bad build.",
                .required = true}}};
  return table;
}

Value from_json(const boost::json::value& json) {
  Value value;
  if (const auto* text = json.if_string()) {
    value.type = Value::Type::text;
    value.text = std::string(*text);
  } else if (const auto* integer = json.if_int64()) {
    value.type = Value::Type::integer;
    value.integer = *integer;
  } else if (const auto* boolean = json.if_bool()) {
    value.type = Value::Type::boolean;
    value.boolean = *boolean;
  } else {
    value.type = Value::Type::array;
    for (const auto& item : json.as_array()) value.items.push_back(from_json(item));
  }
  return value;
}

}  // namespace

const Key& Table::key(std::string_view name) const {
  const auto found = std::ranges::find(keys, name, &Key::name);
  LASTCALL_INVARIANT(found != keys.end());
  return *found;
}

const Table& scenario_table() {
  static const Table table{
      .where = "at the top level",
      .keys = {
          {.name = "about",
           .kind = Kind::plain,
           .about = "Why this scenario exists.",
           .required = true,
           .low = 1},
          {.name = "name",
           .kind = Kind::plain,
           .about = "Scenarios of the same name draw the same plans from the same seed, whatever "
                    "else changes in them. Default: what the scenario says decides, without "
                    "comments and `about`; its file's name never does.",
           .low = 1},
          {.name = "extends",
           .kind = Kind::plain,
           .about =
               "Another scenario file, relative to this one. What this file does not say, that "
               "one does: tables are joined key by key, lists are not. {here} in it means its "
               "own folder.",
           .low = 1},
          {.name = "vary",
           .kind = Kind::table,
           .shape = Shape::list,
           .about =
               "A matrix: a campaign runs the scenario with each value, and each combination, "
               "as if it were a scenario of its own, and draws the same plans for all of them. "
               "[[target.vary]] draws a value for each trial instead.",
           .table = &matrix_table()},
          {.name = "target",
           .kind = Kind::table,
           .about = "What lastcall runs and tells to stop.",
           .required = true,
           .table = &target_table()},
          {.name = "crowd",
           .kind = Kind::choice,
           .about = kAboutCrowds,
           .fallback = R"("usual")",
           .choices = choices_of<Crowd>()},
          {.name = "sidecars",
           .kind = Kind::table,
           .shape = Shape::list,
           .about = "Processes next to the target, which are not judged. They start before it, one "
                    "after the other, and end after it.",
           .table = &sidecars_table()},
          {.name = "clients",
           .kind = Kind::table,
           .shape = Shape::list,
           .about = "Groups of clients that keep the target busy. Without them nobody asks it for "
                    "anything, and answers are not judged.",
           .table = &clients_table()},
          {.name = "faults",
           .kind = Kind::table,
           .shape = Shape::list,
           .about = "What is done to the target, and when. At least one fault must begin the stop. "
                    "Default: one stop, when = { phase = \"load\", at = \"measured\" }.",
           .table = &faults_table()},
          {.name = "properties",
           .kind = Kind::table,
           .about = "What is judged: every property that is not switched off.",
           .table = &properties_table()},
          {.name = "budget",
           .kind = Kind::table,
           .about = "How many trials, and how long their load may last.",
           .table = &budget_table()}}};
  return table;
}

Value default_value(const Key& key) {
  return key.fallback.empty() ? Value{} : from_json(boost::json::parse(key.fallback));
}

}  // namespace lastcall
