#include "history/event.hpp"

#include <array>
#include <utility>

namespace lastcall {
namespace {

template <std::size_t Kind>
void take_kind(EventBody& into, void* kind) {
  using Body = std::variant_alternative_t<Kind, EventVariant>;
  into.emplace<Kind>(std::move(*static_cast<Body*>(kind)));
}

}  // namespace

EventBody::EventBody() = default;
EventBody::EventBody(const EventBody&) = default;
EventBody::EventBody(EventBody&&) noexcept = default;
EventBody& EventBody::operator=(const EventBody& other) { return *this = EventBody(other); }
EventBody& EventBody::operator=(EventBody&&) noexcept = default;
EventBody::~EventBody() = default;

void EventBody::take(std::size_t index, void* kind) {
  using Take = void (*)(EventBody&, void*);
  static constexpr auto kTakers = []<std::size_t... Kinds>(std::index_sequence<Kinds...>) {
    return std::array<Take, sizeof...(Kinds)>{&take_kind<Kinds>...};
  }
  (std::make_index_sequence<std::variant_size_v<EventVariant>>{});
  kTakers.at(index)(*this, kind);
}

std::string_view kind(const Event& event) {
  return std::visit([](const auto& body) { return body.kName; }, event.body);
}

Exchange exchange_of(const EventBody& body) {
  return std::visit(
      [](const auto& event) {
        Exchange exchange;
        if constexpr (requires { event.connection; }) exchange.connection = event.connection;
        if constexpr (requires { event.request; }) exchange.request = event.request;
        return exchange;
      },
      body);
}

}  // namespace lastcall
