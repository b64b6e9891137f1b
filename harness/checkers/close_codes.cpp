#include "checkers/close_codes.hpp"

namespace lastcall {
namespace {

struct Registered {
  int code;
  std::string_view name;
};
constexpr std::array kRegistered{
    Registered{1000, "normal closure"},
    Registered{1001, "going away"},
    Registered{1002, "protocol error"},
    Registered{1003, "unsupported data"},
    Registered{1007, "invalid frame payload data"},
    Registered{1008, "policy violation"},
    Registered{1009, "message too big"},
    Registered{1010, "mandatory extension"},
    Registered{1011, "internal error"},
    Registered{1012, "service restart"},
    Registered{1013, "try again later"},
    Registered{1014, "bad gateway"},
    Registered{3000, "unauthorized"},
    Registered{3003, "forbidden"},
    Registered{3008, "timeout"},
};

}  // namespace

bool is_agreed(int code, const std::vector<int>& codes) {
  if (codes.empty()) return is_goodbye(code) || is_private_code(code);
  return std::ranges::find(codes, code) != codes.end();
}

std::string agreed_codes_text(const std::vector<int>& codes) {
  if (codes.empty()) return agreed_codes_text({1000, 1001, 1012});
  std::string text;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    text += i == 0 ? "" : i + 1 == codes.size() ? " or " : ", ";
    text += codes[i] == kNoCloseCode ? "no code" : std::to_string(codes[i]);
  }
  return text;
}

std::string close_code_text(int code) {
  if (code == kNoCloseCode) return "a Close frame without a code";
  const auto known = std::ranges::find(kRegistered, code, &Registered::code);
  return "Close code " + std::to_string(code) +
         (known == kRegistered.end() ? "" : " (" + std::string(known->name) + ")");
}

std::string private_code_text(int code) {
  return "got " + close_code_text(code) + ", whose meaning only the application knows";
}

}  // namespace lastcall
