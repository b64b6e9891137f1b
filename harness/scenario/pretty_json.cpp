#include "scenario/pretty_json.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace lastcall {
namespace {

void write(std::string& out, const boost::json::value& json, const std::string& indent) {
  const std::string deeper = indent + "  ";
  if (const auto* object = json.if_object(); object != nullptr && !object->empty()) {
    out += "{\n";
    for (const auto& member : *object) {
      if (&member != object->begin()) out += ",\n";
      out += deeper + boost::json::serialize(member.key()) + ": ";
      write(out, member.value(), deeper);
    }
    out += "\n" + indent + "}";
    return;
  }
  if (const auto* array = json.if_array()) {
    const bool flat = std::ranges::none_of(
        *array, [](const auto& item) { return item.is_object() || item.is_array(); });
    out += flat ? "[" : "[\n";
    for (const auto& item : *array) {
      if (&item != array->begin()) out += flat ? ", " : ",\n";
      if (!flat) out += deeper;
      write(out, item, deeper);
    }
    out += flat ? "]" : "\n" + indent + "]";
    return;
  }
  out += boost::json::serialize(json);
}

}  // namespace

std::string pretty_json(const boost::json::value& json) {
  std::string out;
  write(out, json, "");
  return out + "\n";
}

}  // namespace lastcall
