// The whole library, except shutdown/asio.hpp for programs that use Asio.
#pragma once

#include "shutdown/checkpoint_file.hpp"
#include "shutdown/connection_tracker.hpp"
#include "shutdown/coordinator.hpp"
#include "shutdown/limits.hpp"
#include "shutdown/report.hpp"
#include "shutdown/resource.hpp"
#include "shutdown/resource_manager.hpp"
#include "shutdown/result.hpp"
#include "shutdown/service_notifier.hpp"
#include "shutdown/signal.hpp"
#include "shutdown/signal_handler.hpp"
#include "shutdown/state_manager.hpp"
#include "shutdown/watchdog.hpp"
