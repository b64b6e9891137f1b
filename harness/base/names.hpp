// The names of enumerators, as every file that lastcall reads or writes spells them. An enumeration
// that Boost.Describe knows (BOOST_DEFINE_FIXED_ENUM_CLASS) has them without another word: each is
// its enumerator, with dashes for underscores where kHasDashes says so. One whose names differ
// otherwise is not described and has a name() of its own.
#pragma once

#include <algorithm>
#include <array>
#include <boost/describe/enum.hpp>
#include <boost/describe/enumerators.hpp>
#include <cstddef>
#include <optional>
#include <string_view>

namespace lastcall {

template <class E>
concept Described = boost::describe::has_describe_enumerators<E>::value;

template <class E>
inline constexpr bool kHasDashes = false;

template <Described E, class Enumerator>
inline constexpr auto kSpelling = [] {
  constexpr std::string_view kWritten(Enumerator::name);
  std::array<char, kWritten.size()> spelling{};
  std::ranges::replace_copy(kWritten, spelling.begin(), '_', kHasDashes<E> ? '-' : '_');
  return spelling;
}();

template <Described E>
inline constexpr auto kNamesOf = []<template <class...> class List, class... D>(List<D...>) {
  return std::array{std::string_view(kSpelling<E, D>.data(), kSpelling<E, D>.size())...};
}(boost::describe::describe_enumerators<E>());

template <Described E>
inline constexpr auto kValuesOf = []<template <class...> class List, class... D>(List<D...>) {
  return std::array{D::value...};
}(boost::describe::describe_enumerators<E>());

// All names and all enumerators, in the order of the enumeration.
template <Described E>
constexpr const auto& names() {
  return kNamesOf<E>;
}
template <Described E>
constexpr const auto& values() {
  return kValuesOf<E>;
}

// Whether a value that was read is one of the enumerators.
template <Described E>
constexpr bool is_known(E value) {
  return std::ranges::find(values<E>(), value) != values<E>().end();
}

// Empty if it is none of them.
template <Described E>
constexpr std::string_view name(E value) {
  for (std::size_t i = 0; i < values<E>().size(); ++i) {
    if (values<E>()[i] == value) return names<E>()[i];
  }
  return {};
}

template <Described E>
constexpr std::optional<E> from_name(std::string_view word) {
  for (const auto value : values<E>()) {
    if (name(value) == word) return value;
  }
  return std::nullopt;
}

}  // namespace lastcall
