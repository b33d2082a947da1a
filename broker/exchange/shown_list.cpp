#include "broker/exchange/shown_list.h"

#include <algorithm>

#include "broker/exchange/relay.h"

namespace broker {
namespace {

using rules::Json;
using rules::Kind;

/// An answer that is written as its elements come: whole when it is short.
class Shown : public Elements {
public:
    explicit Shown(Call& call, std::string begin) : call_(call), out_(std::move(begin)) {}

    bool is_own(const Json& element) const override
    {
        if (!element.is_object()) return false;
        const std::string id = element.value("Id", element.value("Name", ""));  // a volume's is its name
        constexpr Kind kinds[] = {Kind::container, Kind::image, Kind::network, Kind::volume};
        return std::ranges::any_of(kinds, [&](Kind kind) { return call_.job.objects.with_id(kind, id) != nullptr; });
    }

    Task<> between() override
    {
        if (!turn_) {
            Lock::Held held = co_await call_.spend.hold_answer();
            turn_.emplace(std::move(held));
        }
        if (out_.size() < piece_size) co_return;
        if (!call_.client.answered()) co_await call_.client.begin(200, "application/json");
        call_.client.deadline = Clock::now() + reply_limit;
        co_await call_.client.piece(out_);
        call_.client.deadline = Clock::time_point::max();
        out_.clear();
    }

    /// `end`: what is written behind the last element.
    Task<> finish(std::string end)
    {
        out_ += end;
        if (!call_.client.answered()) {
            co_await call_.client.reply(200, "application/json", out_);
            co_return;
        }
        co_await call_.client.piece(out_);
        co_await call_.client.end();
    }

protected:
    void begin(std::string_view text)
    {
        out_ += text;
        is_first_ = true;
    }

    void add(const Json& element)
    {
        if (!std::exchange(is_first_, false)) out_ += ',';
        out_ += text_of(element);
    }

    static std::string text_of(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

private:
    static constexpr std::size_t piece_size = std::size_t{16} << 10;

    Call& call_;
    std::string out_;
    bool is_first_ = true;  ///< none of the list has been written
    std::optional<Lock::Held> turn_;  ///< of a long answer
};

class ShownList final : public Shown {
public:
    ShownList(Call& call, rules::ListView& view, std::string_view member)
        : Shown(call, member.empty() ? "[" : "{\"" + std::string(member) + "\":["), view_(view), member_(member)
    {
    }

    bool learns() const override { return view_.learns(); }

    void learn(std::string_view list, const Json& element) override
    {
        if (list == member_) view_.learn(element);
    }

    void take(std::string_view list, Json element) override
    {
        if (list != member_) return;
        if (const auto seen = view_.show(std::move(element))) add(*seen);
    }

    Task<> end()
    {
        for (const Json& each : view_.rest()) add(each);
        return finish(member_.empty() ? "]\n" : "],\"Warnings\":[]}\n");
    }

private:
    rules::ListView& view_;
    std::string member_;
};

class ShownLists final : public Shown {
public:
    ShownLists(Call& call, rules::ListsView& view) : Shown(call, "{"), view_(view) {}

    void take(std::string_view list, Json element) override
    {
        if (list != member_) {  // what is told first of a list is that it begins
            close();
            member_ = list;
            list_ = view_.begin(list);
            if (list_) begin(comma() + Json(list).dump() + ":[");
        } else if (list_ && element.is_object()) {
            if (const auto seen = list_->show(std::move(element))) add(*seen);
        }
    }

    Task<> end()
    {
        close();
        std::string rest;
        for (const auto& [member, value] : view_.rest()) rest += comma() + Json(member).dump() + ":" + text_of(value);
        return finish(rest + "}\n");
    }

private:
    void close()
    {
        if (std::exchange(list_, nullptr)) begin("]");
    }

    std::string comma() { return std::exchange(is_first_member_, false) ? "" : ","; }

    rules::ListsView& view_;
    std::string member_;
    rules::ListView* list_ = nullptr;  ///< of `member_`, when it is shown
    bool is_first_member_ = true;
};

}  // namespace

Task<> show_list(Call& call, const EngineRequest& request, rules::ListView& view, std::string_view member)
{
    ShownList list(call, view, member);
    co_await ask_list(call, request, list);
    co_await list.end();
}

Task<Answer> show_lists(Call& call, const EngineRequest& request, rules::ListsView& view)
{
    ShownLists lists(call, view);
    Answer answer = co_await call.services.engine.list(request, lists, &call.spend);
    if (answer.ok()) co_await lists.end();
    co_return answer;
}

}  // namespace broker
