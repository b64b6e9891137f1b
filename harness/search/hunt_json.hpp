// How what a search saves is written and read as JSON: what its files have in common. Readers throw
// std::runtime_error, which says which key is wrong; it stays inside of this folder.
#pragma once

#include <boost/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "search/code_point.hpp"
#include "search/hunt_plan.hpp"

namespace lastcall::hunt_json {

const boost::json::value& at(const boost::json::object& object, std::string_view key);

template <class T>
T get(const boost::json::object& object, std::string_view key) {
  try {
    return boost::json::value_to<T>(at(object, key));
  } catch (const boost::system::system_error&) {
    throw std::runtime_error("\"" + std::string(key) + "\" has a wrong type");
  }
}

Nanoseconds duration(const boost::json::object& object, std::string_view key);
const boost::json::object& object_in(const boost::json::value& value, const char* what);
// Of no more items than any search makes.
const boost::json::array& list_in(const boost::json::object& object, std::string_view key);

boost::json::value json_of(const CodePoint& point);
CodePoint point_in(const boost::json::value& value);

std::string_view name_of(HuntPhase phase);
// What the key "phase" says.
HuntPhase phase_in(const boost::json::object& object);

}  // namespace lastcall::hunt_json
