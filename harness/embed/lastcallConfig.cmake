include(CMakeFindDependencyMacro)
find_dependency(Boost 1.81 COMPONENTS json)
find_dependency(Threads)
include(${CMAKE_CURRENT_LIST_DIR}/lastcallTargets.cmake)
