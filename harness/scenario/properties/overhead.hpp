// overhead: what a scenario can say about it. checkers/overhead.cpp judges it.
#pragma once

#include "scenario/property.hpp"

namespace lastcall::property {

struct Overhead {
  static constexpr std::string_view kName = "overhead";
  static constexpr std::string_view kHoldsWhen =
      "start-up, memory and processor time stay in bounds";
  static constexpr std::string_view kCannotSee = "what its children use";
  static const Checker kChecker;

  std::optional<Nanoseconds> startup;   // spawned to ready
  std::optional<std::uint64_t> memory;  // peak resident set, bytes
  std::optional<std::uint64_t> cpu;     // percent of one processor, ready to stop

  static auto keys() {
    return std::tuple{
        Setting{{.name = "startup",
                 .kind = Kind::duration,
                 .about = "The longest time from the start to readiness.",
                 .low = kMillisecond,
                 .high = kDay},
                &Overhead::startup},
        Setting{{.name = "memory",
                 .kind = Kind::size,
                 .about = "The largest resident set (VmHWM, proc(5)) when the stop begins.",
                 .low = 1,
                 .high = kMaxBytes},
                &Overhead::memory},
        Setting{
            {.name = "cpu",
             .kind = Kind::integer,
             .about = "The largest share of one processor, in percent, from readiness to the stop.",
             .low = 1,
             .high = 10'000},
            &Overhead::cpu}};
  }
};

}  // namespace lastcall::property
