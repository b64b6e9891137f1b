// The fields of an event, one after the other. Apart from event.hpp because few files need it.
#pragma once

#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>
#include <string_view>
#include <type_traits>

#include "history/event.hpp"

namespace lastcall {

// Calls `visit` with the name and the value of each field, in their order.
template <class Body, class Visit>
void visit_fields(Body& body, Visit&& visit) {
  using Fields =
      boost::describe::describe_members<std::remove_const_t<Body>, boost::describe::mod_public>;
  boost::mp11::mp_for_each<Fields>(
      [&](auto field) { visit(std::string_view(field.name), body.*field.pointer); });
}

}  // namespace lastcall
