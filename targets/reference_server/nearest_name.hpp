// What somebody who wrote an unknown name most likely meant. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace reference_server {

// The one of `names` that takes the fewest changes of a letter (insert, remove, replace, swap);
// empty if every one takes more than a third of its letters, and then is no typing error.
std::string nearest_name(std::string_view word, std::span<const std::string> names);

}  // namespace reference_server
