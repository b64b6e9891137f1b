// Placeholders in a scenario's texts: {port}, {port.tls}, {dir}, … One scanner for those who check
// them and those who fill them in. A brace that does not form {word} or {word.word}, lower case, is
// plain text: configuration files are full of braces.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace lastcall {

// Names without braces, and what stands for them.
using Placeholders = std::map<std::string, std::string, std::less<>>;

// The names between braces, in order, known or not: "port.tls", "dir".
std::vector<std::string> placeholders_in(std::string_view text);

// port, port.NAME, vary.NAME, dir, here, client, seed, id, file, tls.cert, tls.key,
// tls.client-cert, tls.client-key.
bool is_known_placeholder(std::string_view name);

// Replaces each placeholder by its value; one without a value stays as it is.
std::string expand_placeholders(std::string_view text, const Placeholders& values);

// What is wrong with the first unknown placeholder, with the nearest known one; empty when all are
// known.
std::string placeholder_problem(std::string_view text);

}  // namespace lastcall
