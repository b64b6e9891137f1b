#include "history/event.hpp"

namespace lastcall {

std::string_view kind(const Event& event) {
  return std::visit([](const auto& body) { return body.kName; }, event.body);
}

}  // namespace lastcall
