#pragma once

#include <memory>

#include "broker/exchange/call.h"
#include "rules/views/list_view.h"

namespace broker {

/// Answers `call` with what the engine answers to `request`, a list, as `view` shows it: whole when it is short, else as it comes.
/// `member`: the list is that member of an object, as with volumes.
Task<> show_list(Call& call, const EngineRequest& request, rules::ListView& view, std::string_view member = {});

/// The same with an object of lists. What the engine answered: `call` is answered unless that is an error.
Task<Answer> show_lists(Call& call, const EngineRequest& request, rules::ListsView& view);

}  // namespace broker
