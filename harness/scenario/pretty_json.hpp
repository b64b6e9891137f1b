// JSON for files that people read and diff: two spaces a level, keys as inserted, short lists on
// one line.
#pragma once

#include <boost/json/fwd.hpp>
#include <string>

namespace lastcall {

// Ends with a newline. The same value gives the same bytes everywhere.
std::string pretty_json(const boost::json::value& json);

}  // namespace lastcall
