#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "rules/api/filters.h"
#include "rules/json.h"
#include "rules/names/lookup.h"
#include "rules/views/views.h"

namespace rules {

/// A list of the engine's as one job sees it, element by element in the engine's order: no more than one of them is held at a time,
/// however many there are.
class ListView {
public:
    ListView() = default;
    ListView(const ListView&) = delete;
    ListView& operator=(const ListView&) = delete;
    virtual ~ListView() = default;

    /// Something of every element must be known before the first is shown.
    virtual bool learns() const { return false; }
    virtual void learn(const Json&) {}
    /// The element as the job sees it; nullopt: not at all.
    virtual std::optional<Json> show(Json element) = 0;
    /// Behind the last element: what Docker always shows besides.
    virtual Json::array_t rest() { return {}; }
};

/// An answer that is an object of lists, as one job sees it.
class ListsView {
public:
    ListsView() = default;
    ListsView(const ListsView&) = delete;
    ListsView& operator=(const ListsView&) = delete;
    virtual ~ListsView() = default;

    /// The view of the list `member`, which begins; nullptr: the member is no list, or is not shown.
    virtual ListView* begin(std::string_view member) = 0;
    /// Behind the last list: the other members.
    virtual Json::object_t rest() = 0;
};

using ListViewResult = Result<std::unique_ptr<ListView>>;

// What these are given outlives them. The filters are those that concern what the engine does not know; errors are of values of filters.

/// The list for `all=1` with this job's label, newest first, then `limit` (0: none). `before` and `since` go by the place in it, so it must
/// hold the containers that they name: `status` and `up_only` (what `all=0` shows) can therefore be left to this view.
ListViewResult container_list_view(const Filters& filters, std::size_t limit, const Lookup& job, const ViewFacts& facts, bool up_only = false);
/// `until`: what is younger, in seconds since 1970, is left out.
ListViewResult image_list_view(const Filters& filters, bool all, std::optional<std::int64_t> until, const Lookup& job, const ViewFacts& facts);
/// Adds what Docker always shows: `host` and `none`, and `bridge` (empty when the job's default network has not been made).
ListViewResult network_list_view(const Filters& filters, const Lookup& job);
/// `used`: real names of volumes that containers of the job use (for `dangling`).
ListViewResult volume_list_view(const Filters& filters, const std::unordered_set<std::string>& used, const Lookup& job);
/// The disk usage. `made_of`: how many containers of the job were made of each image, by its id.
std::unique_ptr<ListsView> usage_view(const std::map<std::string, std::int64_t>& made_of, const Lookup& job, const ViewFacts& facts);

/// The whole `list` through `view`; 502 when it is none.
Result<Json> view_list(Json list, const ListViewResult& view);
/// The whole `answer` through `view`; 502 when it is no object.
Result<Json> view_lists(Json answer, ListsView& view);

}  // namespace rules
