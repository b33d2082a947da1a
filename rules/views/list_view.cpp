#include "rules/views/list_view.h"

#include "rules/views/parts.h"

namespace rules {

Result<Json> view_list(Json list, const ListViewResult& view)
{
    if (!view) return tl::unexpected(view.error());
    auto* elements = list.get_ptr<Json::array_t*>();
    if (!elements) return tl::unexpected(parts::odd_answer());
    if ((*view)->learns())
        for (const Json& each : *elements) (*view)->learn(each);
    Json::array_t shown;
    for (Json& each : *elements)
        if (auto seen = (*view)->show(std::move(each))) shown.push_back(*std::move(seen));
    for (Json& each : (*view)->rest()) shown.push_back(std::move(each));
    return Json(std::move(shown));
}

Result<Json> view_lists(Json answer, ListsView& view)
{
    auto* members = answer.get_ptr<Json::object_t*>();
    if (!members) return tl::unexpected(parts::odd_answer());
    Json::object_t shown;
    for (auto& [member, value] : *members) {
        ListView* list = view.begin(member);
        if (!list) continue;
        Json::array_t& into = (shown[member] = Json::array()).get_ref<Json::array_t&>();
        if (auto* elements = value.get_ptr<Json::array_t*>())
            for (Json& each : *elements)
                if (auto seen = list->show(std::move(each))) into.push_back(*std::move(seen));
    }
    for (auto& [member, value] : view.rest()) shown[member] = std::move(value);
    return Json(std::move(shown));
}

}  // namespace rules
