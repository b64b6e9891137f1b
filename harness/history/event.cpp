#include "history/event.hpp"

namespace lastcall {

EventBody::EventBody() = default;
EventBody::EventBody(const EventBody&) = default;
EventBody::EventBody(EventBody&&) noexcept = default;
EventBody& EventBody::operator=(const EventBody& other) { return *this = EventBody(other); }
EventBody& EventBody::operator=(EventBody&&) noexcept = default;
EventBody::~EventBody() = default;

std::string_view kind(const Event& event) {
  return std::visit([](const auto& body) { return body.kName; }, event.body);
}

}  // namespace lastcall
