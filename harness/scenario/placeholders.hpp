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

// port, port.NAME, vary.NAME, sidecar.NAME, length and what goes with it, dir, here, client, seed,
// id, file, tls.cert, tls.key, tls.client-cert, tls.client-key.
bool is_known_placeholder(std::string_view name);

// Those of `length`, `length.be32`, `length.le32`, `body` and `end` that stand in the text.
std::vector<std::string> length_marks_in(std::string_view text);

// Replaces each placeholder by its value; one without a value stays as it is.
std::string expand_placeholders(std::string_view text, const Placeholders& values);

// Replaces {length}, {length.be32} and {length.le32}, and takes {body} and {end} out. Each counts
// the bytes of the result from where the next {body} after it stood, else from the end of the next
// blank line (CR LF CR LF, or LF LF), else from its own end, up to where the next {end} stood, else
// to the end of the text. In decimal digits, or as four bytes, the most or the least significant
// first.
std::string fill_lengths(std::string_view text);

// What is wrong with these marks in a text that is sent; empty if nothing is.
std::string length_problem(std::string_view text);

// What is wrong with the first unknown placeholder, with the nearest known one; empty when all are
// known.
std::string placeholder_problem(std::string_view text);

}  // namespace lastcall
