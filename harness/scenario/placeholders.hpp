// Placeholders in a scenario's texts: {port}, {port.tls}, {dir}, … One scanner for those who check
// them and those who fill them in. A brace that does not form {word} or {word.word}, lower case, is
// plain text: configuration files are full of braces.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lastcall {

// The names between braces, in order, known or not: "port.tls", "dir".
std::vector<std::string> placeholders_in(std::string_view text);

// port, port.NAME, dir, here, client, seed, id, tls.cert, tls.key.
bool is_known_placeholder(std::string_view name);

// Replaces each placeholder by what `value_of` gives for its name; where that is nothing, the text
// stays.
std::string expand_placeholders(
    std::string_view text,
    const std::function<std::optional<std::string>(std::string_view name)>& value_of);

// What is wrong with the first unknown placeholder, with the nearest known one; empty when all are
// known.
std::string placeholder_problem(std::string_view text);

}  // namespace lastcall
