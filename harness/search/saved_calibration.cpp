#include "search/saved_calibration.hpp"

#include <boost/json.hpp>
#include <map>

#include "search/hunt_json.hpp"

namespace lastcall {
namespace {

namespace json = boost::json;
using namespace hunt_json;

json::object json_of_visit(const Visit& visit, std::size_t point) {
  return {{"point", point},
          {"thread", visit.thread},
          {"thread_name", visit.thread_name},
          {"phase", name_of(visit.phase)},
          {"times", visit.times},
          {"first_tried", visit.first_tried},
          {"is_shared", visit.is_shared}};
}

Visit visit_in(const json::value& value, std::size_t points) {
  const auto& object = object_in(value, "a visit");
  const Visit visit{.point = get<std::size_t>(object, "point"),
                    .thread = get<int>(object, "thread"),
                    .thread_name = get<std::string>(object, "thread_name"),
                    .phase = phase_in(object),
                    .times = get<std::uint64_t>(object, "times"),
                    .first_tried = get<std::uint64_t>(object, "first_tried"),
                    .is_shared = get<bool>(object, "is_shared")};
  if (visit.point >= points) throw std::runtime_error("\"point\" is none of the points");
  return visit;
}

}  // namespace

std::string calibration_json(const SavedCalibration& saved) {
  const auto& calibration = saved.calibration;
  std::map<std::size_t, std::size_t> positions;  // of points that were met
  json::array points;
  json::array visits;
  for (const auto& visit : calibration.visits) {
    const auto [known, is_new] = positions.try_emplace(visit.point, points.size());
    if (is_new) points.push_back(json_of(calibration.points[visit.point]));
    visits.push_back(json_of_visit(visit, known->second));
  }
  return json::serialize(json::object{{"format", "lastcall-calibration"},
                                      {"version", 1},
                                      {"known", saved.known},
                                      {"left_out", saved.left_out},
                                      {"threads", saved.threads},
                                      {"threads_are_stable", calibration.threads_are_stable},
                                      {"points", std::move(points)},
                                      {"visits", std::move(visits)}}) +
         "\n";
}

Result<SavedCalibration> parse_calibration(std::string_view text) {
  boost::system::error_code problem;
  const auto value = json::parse(text, problem);
  if (problem) return Error{"read", "the calibration", 0, problem.message()};
  try {
    const auto& object = object_in(value, "the calibration");
    SavedCalibration saved{.known = get<std::size_t>(object, "known"),
                           .left_out = get<std::size_t>(object, "left_out"),
                           .threads = get<int>(object, "threads")};
    auto& calibration = saved.calibration;
    calibration.threads_are_stable = get<bool>(object, "threads_are_stable");
    for (const auto& point : list_in(object, "points"))
      calibration.points.push_back(point_in(point));
    for (const auto& visit : list_in(object, "visits"))
      calibration.visits.push_back(visit_in(visit, calibration.points.size()));
    return saved;
  } catch (const std::runtime_error& error) {
    return Error{"read", "the calibration", 0, error.what()};
  }
}

}  // namespace lastcall
