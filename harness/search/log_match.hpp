// Which functions of a program a log speaks of: those that it names, as the stacks of a failure do,
// and those that refer to a text that is in its last lines. Pure, from any thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace lastcall {

// `functions`: names as in the source; `texts`: what code of a function refers to.
std::set<std::string> functions_in_log(
    std::string_view log, const std::set<std::string>& functions,
    const std::map<std::string, std::vector<std::string>>& texts);

}  // namespace lastcall
