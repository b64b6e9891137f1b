// The list of the properties that a scenario can name. The order is the order of reports.
#pragma once

#include <array>
#include <string_view>

#include "scenario/properties/acked_durable.hpp"
#include "scenario/properties/checkpoint_intact.hpp"
#include "scenario/properties/clean_exit.hpp"
#include "scenario/properties/close_handshake.hpp"
#include "scenario/properties/config_effective.hpp"
#include "scenario/properties/deadline.hpp"
#include "scenario/properties/drains_health.hpp"
#include "scenario/properties/in_flight_finished.hpp"
#include "scenario/properties/log_complete.hpp"
#include "scenario/properties/no_masked_panic.hpp"
#include "scenario/properties/no_panic.hpp"
#include "scenario/properties/no_send_on_closed.hpp"
#include "scenario/properties/notify.hpp"
#include "scenario/properties/overhead.hpp"
#include "scenario/properties/prompt_exit.hpp"
#include "scenario/properties/recovers.hpp"
#include "scenario/properties/released.hpp"
#include "scenario/properties/repeat_signal.hpp"
#include "scenario/properties/serves.hpp"
#include "scenario/properties/stops_accepting.hpp"
#include "scenario/properties/watchdog.hpp"

namespace lastcall {

struct PropertyName {
  std::string_view name;
  std::string_view holds_when;  // one sentence, for `lastcall list properties` and the schema
};

template <class... Property>
struct PropertyList {
  static constexpr std::array kNames{PropertyName{Property::kName, Property::kHoldsWhen}...};
  // Calls act(defaults) with the struct of each.
  static void each(auto act) { (act(Property{}), ...); }
};

using Properties =
    PropertyList<property::Serves, property::NoPanic, property::NoMaskedPanic, property::CleanExit,
                 property::Deadline, property::NoSendOnClosed, property::InFlightFinished,
                 property::CloseHandshake, property::Released, property::StopsAccepting,
                 property::DrainsHealth, property::Notify, property::Watchdog,
                 property::RepeatSignal, property::AckedDurable, property::Recovers,
                 property::CheckpointIntact, property::LogComplete, property::PromptExit,
                 property::ConfigEffective, property::Overhead>;

inline constexpr auto kProperties = Properties::kNames;

}  // namespace lastcall
