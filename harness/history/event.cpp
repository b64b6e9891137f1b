#include "history/event.hpp"

#include <array>
#include <utility>

namespace lastcall {

EventBody::EventBody() = default;
EventBody::EventBody(const EventBody&) = default;
EventBody::EventBody(EventBody&&) noexcept = default;
EventBody& EventBody::operator=(const EventBody& other) { return *this = EventBody(other); }
EventBody& EventBody::operator=(EventBody&&) noexcept = default;
EventBody::~EventBody() = default;

void EventBody::take(std::size_t index, void* kind) {
  using Take = void (*)(EventBody & self, void* kind);
  static constexpr auto kTakers = []<std::size_t... Kinds>(std::index_sequence<Kinds...>) {
    return std::array<Take, sizeof...(Kinds)>{[](EventBody& self, void* one) {
      using Kind = std::variant_alternative_t<Kinds, EventVariant>;
      self.emplace<Kinds>(std::move(*static_cast<Kind*>(one)));
    }...};
  }
  (std::make_index_sequence<std::variant_size_v<EventVariant>>());
  kTakers.at(index)(*this, kind);
}

std::string_view kind(const Event& event) {
  return std::visit([](const auto& body) { return body.kName; }, event.body);
}

}  // namespace lastcall
