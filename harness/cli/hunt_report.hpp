// How a hunt ends: what is printed of it and with which exit code, whatever it hunted in.
#pragma once

#include <boost/json/object.hpp>
#include <iosfwd>
#include <string>

#include "hunt/search_tally.hpp"

namespace lastcall::cli {

// What is said of a failure that was found.
struct Found {
  std::string failure;
  std::string says;  // the plan
  FailureRate rate{};
  FailureRate undisturbed{};
  SearchKind kind = SearchKind::sweep;
  std::uint64_t trials = 0;
  Nanoseconds after{};
  std::string explanation;  // whole lines
  std::string folder;       // where its plan is
};

// The folder of what was found, which exists then: the one that is wanted, or else a new one.
std::string results_folder(const std::string& wanted);

void print_tried(std::ostream& out, const SearchTally& tally);
void print_found(std::ostream& out, const Found& found);
void print_nothing_found(std::ostream& out, const SearchTally& tally);

boost::json::object found_json(const Found& found);
boost::json::object tally_json(const SearchTally& tally);

// The hunt was neither broken nor wrong before it began.
int hunt_exit_code(const SearchTally& tally, bool is_found);

}  // namespace lastcall::cli
