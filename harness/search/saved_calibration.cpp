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

json::object json_of_conflict(const Conflict& conflict, std::size_t point, std::size_t write) {
  return {{"point", point},
          {"thread", conflict.thread},
          {"thread_name", conflict.thread_name},
          {"write", write},
          {"writer", conflict.writer},
          {"writer_name", conflict.writer_name},
          {"written_then_only", conflict.written_then_only}};
}

Conflict conflict_in(const json::value& value, std::size_t points) {
  const auto& object = object_in(value, "a conflict");
  const Conflict conflict{.point = get<std::size_t>(object, "point"),
                          .thread = get<int>(object, "thread"),
                          .thread_name = get<std::string>(object, "thread_name"),
                          .write = get<std::size_t>(object, "write"),
                          .writer = get<int>(object, "writer"),
                          .writer_name = get<std::string>(object, "writer_name"),
                          .written_then_only = get<bool>(object, "written_then_only")};
  if (conflict.point >= points || conflict.write >= points)
    throw std::runtime_error("\"point\" or \"write\" is none of the points");
  return conflict;
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
  json::array conflicts;  // are of places that were met
  for (const auto& conflict : calibration.conflicts) {
    const auto point = positions.find(conflict.point);
    const auto write = positions.find(conflict.write);
    if (point != positions.end() && write != positions.end())
      conflicts.push_back(json_of_conflict(conflict, point->second, write->second));
  }
  return json::serialize(json::object{{"format", "lastcall-calibration"},
                                      {"version", 1},
                                      {"known", saved.known},
                                      {"left_out", saved.left_out},
                                      {"threads", saved.threads},
                                      {"threads_are_stable", calibration.threads_are_stable},
                                      {"points", std::move(points)},
                                      {"visits", std::move(visits)},
                                      {"conflicts", std::move(conflicts)}}) +
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
    for (const auto& conflict : list_in(object, "conflicts"))
      calibration.conflicts.push_back(conflict_in(conflict, calibration.points.size()));
    return saved;
  } catch (const std::runtime_error& error) {
    return Error{"read", "the calibration", 0, error.what()};
  }
}

}  // namespace lastcall
